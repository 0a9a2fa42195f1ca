//! Read connections: opened on demand, kept for the next reader.
//!
//! Between two writes nothing changes, so a connection keeps its read
//! transaction for the next reader: to end one and begin another costs as much
//! as a look-up. While the writer is at work no transaction outlives its read,
//! so that the log can be moved into the file and begun anew as if none were
//! ever kept.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use rusqlite::Connection;
use store::StoreError;

use super::connection::Location;
use super::failure::Failure;

/// Idle connections that are kept.
const KEPT: usize = 8;

/// A pool of read connections. Reads never wait for one: another is opened.
#[derive(Debug)]
pub(crate) struct Readers {
    location: Location,
    /// Even while nothing is written, odd while the writer is at work. What a
    /// transaction sees is the newest as long as it began in the present era.
    era: AtomicU64,
    /// `None` once closed.
    idle: Mutex<Option<Vec<Reader>>>,
}

impl Readers {
    pub(crate) fn new(location: Location) -> Self {
        Self { location, era: AtomicU64::new(0), idle: Mutex::new(Some(Vec::new())) }
    }

    /// Runs `work` on a connection; each statement sees one snapshot, with
    /// everything that was acknowledged before this call.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let mut reader = self.take()?;
        let begun = reader.begin(self.era.load(Ordering::SeqCst));
        match begun.and_then(|()| work(&reader.connection)) {
            Err(failure) if failure.breaks_connection() => Err(failure.into_store()),
            result => {
                self.give(reader);
                result.map_err(Failure::into_store)
            }
        }
    }

    /// Keeps no transaction until the returned value is dropped. Only for the
    /// writer, of which there is one.
    pub(crate) fn pause(&self) -> Pause<'_> {
        self.era.fetch_add(1, Ordering::SeqCst);
        if let Some(idle) = self.idle.lock().as_mut() {
            idle.retain_mut(|reader| reader.end().is_ok());
        }
        Pause(self)
    }

    /// Refuses later reads.
    pub(crate) fn close(&self) {
        let idle = self.idle.lock().take();
        drop(idle);
    }

    fn take(&self) -> Result<Reader, StoreError> {
        let idle = match self.idle.lock().as_mut() {
            Some(idle) => idle.pop(),
            None => return Err(StoreError::Busy("the metadata store is closed".into())),
        };
        let open = || self.location.open_reader().map_err(Failure::into_store);
        idle.map_or_else(|| open().map(|connection| Reader { connection, began: None }), Ok)
    }

    fn give(&self, mut reader: Reader) {
        let mut idle = self.idle.lock();
        let Some(idle) = idle.as_mut().filter(|idle| idle.len() < KEPT) else { return };
        // Looked at under the lock: either this or the writer, which takes the
        // lock after it has begun an era, ends what is out of date.
        if reader.began == Some(self.era.load(Ordering::SeqCst)) || reader.end().is_ok() {
            idle.push(reader);
        }
    }
}

/// A time in which no transaction is kept.
#[derive(Debug)]
pub(crate) struct Pause<'r>(&'r Readers);

impl Drop for Pause<'_> {
    fn drop(&mut self) {
        self.0.era.fetch_add(1, Ordering::SeqCst);
    }
}

#[derive(Debug)]
struct Reader {
    connection: Connection,
    /// The era in which its open transaction began.
    began: Option<u64>,
}

impl Reader {
    /// Makes sure that what is read now is the newest of `era`.
    fn begin(&mut self, era: u64) -> Result<(), Failure> {
        if self.began == Some(era) {
            return Ok(());
        }
        self.end()?;
        if era.is_multiple_of(2) {
            self.run("BEGIN")?;
            self.began = Some(era);
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Failure> {
        // An I/O error may have ended the transaction already.
        if self.began.take().is_none() || self.connection.is_autocommit() {
            return Ok(());
        }
        self.run("COMMIT")
    }

    fn run(&self, sql: &str) -> Result<(), Failure> {
        Ok(self.connection.prepare_cached(sql)?.execute([]).map(drop)?)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use store::SettingsStore;
    use tempfile::TempDir;

    use super::super::{OpenOptions, Sqlite};
    use super::*;

    fn open(directory: &TempDir) -> Arc<Sqlite> {
        let path = directory.path().join("berth");
        Sqlite::open(OpenOptions { path, synchronous_off: true }).unwrap()
    }

    /// Idle connections that keep a transaction, and those that do not.
    fn kept_and_free(store: &Sqlite) -> (usize, usize) {
        let idle = store.readers.idle.lock();
        let free = |reader: &&Reader| reader.connection.is_autocommit();
        let free = idle.iter().flatten().filter(free).count();
        (idle.iter().flatten().count() - free, free)
    }

    #[tokio::test]
    async fn a_transaction_is_kept_until_something_is_written() {
        let directory = TempDir::new().unwrap();
        let store = open(&directory);
        for value in [b"1", b"2"] {
            store.set_setting("k", value.to_vec()).await.unwrap();
            // The writer pauses the readers a moment longer than its caller waits.
            while store.readers.era.load(Ordering::SeqCst) % 2 == 1 {
                tokio::task::yield_now().await;
            }
            for _ in 0..2 {
                let read = store.setting("k").await.unwrap();
                assert_eq!(read.as_deref(), Some(value.as_slice()));
                assert_eq!(kept_and_free(&store), (1, 0));
            }
        }
        let pause = store.readers.pause();
        assert_eq!(kept_and_free(&store), (0, 1));
        assert!(store.setting("k").await.unwrap().is_some());
        assert_eq!(kept_and_free(&store), (0, 1));
        drop(pause);
    }

    #[tokio::test]
    async fn a_transaction_that_a_write_overtook_is_not_kept() {
        let directory = TempDir::new().unwrap();
        let store = open(&directory);
        let mut reader = store.readers.take().unwrap();
        reader.begin(store.readers.era.load(Ordering::SeqCst)).unwrap();
        store.set_setting("k", b"v".to_vec()).await.unwrap();
        assert!(!reader.connection.is_autocommit());
        store.readers.give(reader);
        assert_eq!(kept_and_free(&store), (0, 1));
    }

    #[tokio::test]
    async fn readers_that_never_rest_do_not_make_the_log_grow() {
        let directory = TempDir::new().unwrap();
        let store = open(&directory);
        store.set_setting("k", vec![0; 10]).await.unwrap();
        let done = Arc::new(AtomicBool::new(false));
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let (readers, done) = (Arc::clone(&store.readers), Arc::clone(&done));
                let count = |c: &Connection| {
                    Ok(c.query_row("SELECT count(*) FROM setting", [], |row| row.get::<_, i64>(0))?)
                };
                std::thread::spawn(move || {
                    while !done.load(Ordering::SeqCst) {
                        assert_eq!(readers.read(count).unwrap(), 1);
                    }
                })
            })
            .collect();
        for _ in 0..120 {
            store.set_setting("k", vec![0; 1 << 20]).await.unwrap();
        }
        done.store(true, Ordering::SeqCst);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        let log = std::fs::metadata(directory.path().join("berth/berth.db-wal")).unwrap().len();
        assert!(log < 60 << 20, "120 MiB were written; the log has {log} bytes");
    }
}
