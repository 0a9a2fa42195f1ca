//! How writes are grouped, ordered, bounded and kept apart.

use std::sync::{Arc, mpsc};

use parking_lot::Mutex;
use rusqlite::ffi;
use store::{ContentStore, Page, SettingsStore, StoreError, WriteError};
use tokio::task::{JoinHandle, JoinSet};

use super::super::failure::Failure;
use super::*;

/// Keeps the writer inside a transaction until it is opened.
struct Gate {
    open: mpsc::Sender<()>,
    held: JoinHandle<Result<(), StoreError>>,
}

impl Gate {
    async fn hold(store: &Arc<Sqlite>) -> Self {
        let (open, opened) = mpsc::channel();
        let (begin, begun) = tokio::sync::oneshot::channel();
        let mut begin = Some(begin);
        let store = Arc::clone(store);
        let held = tokio::spawn(async move {
            let work = move |_: &rusqlite::Connection| {
                begin.take().map(|begin| begin.send(()));
                opened.recv().map_err(|_| Failure::Failed("the gate was dropped".into()))
            };
            store.write_soft(work).await
        });
        begun.await.unwrap();
        Self { open, held }
    }

    /// Opens the gate once `count` writes wait behind it.
    async fn open_after(self, store: &Sqlite, count: u64) {
        while store.stats().waiting < count {
            tokio::task::yield_now().await;
        }
        self.open.send(()).unwrap();
        self.held.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn writes_that_wait_share_one_commit() {
    let fresh = Temporary::new();
    let gate = Gate::hold(&fresh.store).await;
    let before = fresh.store.stats();
    let mut pushes = JoinSet::new();
    for number in 0..32 {
        let store = Arc::clone(&fresh.store);
        pushes.spawn(async move {
            let name = format!("t{number}");
            store.put_manifest(push(&name, &[], &[&name]), Box::new(|_| Ok(()))).await.unwrap();
        });
    }
    gate.open_after(&fresh.store, 32).await;
    pushes.join_all().await;
    let after = fresh.store.stats();
    assert_eq!((after.commits - before.commits, after.writes - before.writes), (2, 33));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn thirty_two_writers_at_once_lose_nothing() {
    let mut fresh = Temporary::new();
    let mut writers = JoinSet::new();
    for writer in 0..32 {
        let store = Arc::clone(&fresh.store);
        writers.spawn(async move {
            for number in 0..20 {
                let name = format!("t{writer}-{number}");
                store.put_manifest(push(&name, &[], &[&name]), Box::new(|_| Ok(()))).await.unwrap();
                let found = store.manifest(&repository("a"), &by_tag(&name)).await.unwrap();
                assert_eq!(found.unwrap().digest, sha256(&name));
            }
        });
    }
    writers.join_all().await;
    fresh.reopen();
    let tags = fresh.store.tags(&repository("a"), Page::first(1000)).await.unwrap().unwrap();
    assert_eq!(tags.len(), 640);
}

/// Three settings in one group, the middle one written by `work`.
async fn group_of_three(
    store: &Arc<Sqlite>,
    work: impl FnMut(&rusqlite::Connection) -> Result<(), Failure> + Send + 'static,
) -> [Result<(), StoreError>; 3] {
    let gate = Gate::hold(store).await;
    let setting = |key: &'static str| {
        let store = Arc::clone(store);
        tokio::spawn(async move { store.set_setting(key, key.into()).await })
    };
    let first = setting("first");
    while store.stats().waiting < 1 {
        tokio::task::yield_now().await;
    }
    let other = Arc::clone(store);
    let middle = tokio::spawn(async move { super::super::plain(other.write_hard(work).await) });
    while store.stats().waiting < 2 {
        tokio::task::yield_now().await;
    }
    let last = setting("last");
    gate.open_after(store, 3).await;
    [first.await.unwrap(), middle.await.unwrap(), last.await.unwrap()]
}

async fn set(store: &Sqlite, key: &str) -> bool {
    store.setting(key).await.unwrap().is_some()
}

fn write(connection: &rusqlite::Connection, key: &str) {
    connection.execute("INSERT INTO setting (key, value) VALUES (?1, x'00')", [key]).unwrap();
}

#[tokio::test]
async fn a_panic_is_an_error_to_its_caller_alone() {
    let fresh = Temporary::new();
    let [first, middle, last] = group_of_three(&fresh.store, |connection| {
        write(connection, "middle");
        panic!("on purpose")
    })
    .await;
    assert!(first.is_ok() && last.is_ok());
    assert!(matches!(middle, Err(StoreError::Failed(_))), "{middle:?}");
    assert!(set(&fresh.store, "last").await && !set(&fresh.store, "middle").await);
}

#[tokio::test]
async fn a_panicking_rule_changes_nothing() {
    let fresh = Temporary::new();
    let rule = Box::new(|_: &_| panic!("on purpose"));
    let result = fresh.store.put_manifest(push("one", &[], &["t"]), rule).await;
    assert!(matches!(result, Err(WriteError::Store(StoreError::Failed(_)))), "{result:?}");
    assert!(!fresh.store.repository_exists(&repository("a")).await.unwrap());
    fresh.store.put_manifest(push("one", &[], &["t"]), Box::new(|_| Ok(()))).await.unwrap();
}

#[tokio::test]
async fn neighbours_of_a_lost_transaction_are_written_alone() {
    let fresh = Temporary::new();
    let before = fresh.store.stats().commits;
    let [first, middle, last] = group_of_three(&fresh.store, |connection| {
        write(connection, "middle");
        connection.execute_batch("ROLLBACK")?;
        Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_FULL), None).into())
    })
    .await;
    assert!(first.is_ok() && last.is_ok());
    assert!(matches!(middle, Err(StoreError::Full(_))), "{middle:?}");
    assert!(set(&fresh.store, "first").await && set(&fresh.store, "last").await);
    assert!(!set(&fresh.store, "middle").await);
    assert_eq!(fresh.store.stats().commits - before, 3, "the gate, first and last");
}

#[tokio::test]
async fn an_io_error_acknowledges_nothing_and_the_next_write_succeeds() {
    let fresh = Temporary::new();
    let results = group_of_three(&fresh.store, |connection| {
        write(connection, "middle");
        Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_IOERR_FSYNC), None).into())
    })
    .await;
    for result in results {
        assert!(matches!(result, Err(StoreError::Failed(_))), "{result:?}");
    }
    for key in ["first", "middle", "last"] {
        assert!(!set(&fresh.store, key).await);
    }
    fresh.store.set_setting("next", vec![1]).await.unwrap();
    assert!(set(&fresh.store, "next").await);
}

#[tokio::test]
async fn a_full_queue_is_busy_at_once() {
    let fresh = Temporary::new();
    let gate = Gate::hold(&fresh.store).await;
    let mut writes = JoinSet::new();
    for _ in 0..4096 {
        let store = Arc::clone(&fresh.store);
        writes.spawn(async move { store.write_soft(|_| Ok(())).await });
    }
    while fresh.store.stats().waiting < 4096 {
        tokio::task::yield_now().await;
    }
    let more = fresh.store.set_setting("k", vec![]).await;
    assert!(matches!(more, Err(StoreError::Busy(_))), "{more:?}");
    gate.open_after(&fresh.store, 4096).await;
    assert!(writes.join_all().await.iter().all(Result::is_ok));
    fresh.store.set_setting("k", vec![]).await.unwrap();
}

#[tokio::test]
async fn bulk_work_goes_behind_writes_that_came_later() {
    let fresh = Temporary::new();
    let order = Arc::new(Mutex::new(Vec::new()));
    let gate = Gate::hold(&fresh.store).await;
    let (bulk, note) = (Arc::clone(&fresh.store), Arc::clone(&order));
    let bulk = tokio::spawn(async move {
        bulk.write_bulk(move |_| {
            note.lock().push("bulk");
            Ok(())
        })
        .await
    });
    while fresh.store.stats().waiting < 1 {
        tokio::task::yield_now().await;
    }
    let (main, note) = (Arc::clone(&fresh.store), Arc::clone(&order));
    let main = tokio::spawn(async move {
        main.write_soft(move |_| {
            note.lock().push("main");
            Ok(())
        })
        .await
    });
    gate.open_after(&fresh.store, 2).await;
    main.await.unwrap().unwrap();
    bulk.await.unwrap().unwrap();
    assert_eq!(*order.lock(), ["main", "bulk"]);
}

#[tokio::test]
async fn only_hard_writes_pay_for_a_sync() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("berth");
    let store = Sqlite::open(OpenOptions { path, synchronous_off: false }).unwrap();
    let level = |connection: &rusqlite::Connection| -> Result<i64, Failure> {
        Ok(connection.pragma_query_value(None, "synchronous", |row| row.get(0))?)
    };
    assert_eq!(store.write_soft(level).await.unwrap(), 1, "NORMAL");
    assert_eq!(store.write_hard(level).await.unwrap(), 2, "FULL");
    assert_eq!(store.write_soft(level).await.unwrap(), 1, "NORMAL");
    assert_eq!(store.write_bulk(level).await.unwrap(), 2, "FULL");
}
