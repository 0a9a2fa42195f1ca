//! Read connections: opened on demand, kept for the next reader.

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
    /// `None` once closed.
    idle: Mutex<Option<Vec<Connection>>>,
}

impl Readers {
    pub(crate) fn new(location: Location) -> Self {
        Self { location, idle: Mutex::new(Some(Vec::new())) }
    }

    /// Runs `work` on a connection; each statement sees one snapshot.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let connection = self.take()?;
        match work(&connection) {
            Err(failure) if failure.breaks_connection() => Err(failure.into_store()),
            result => {
                self.give(connection);
                result.map_err(Failure::into_store)
            }
        }
    }

    /// Refuses later reads.
    pub(crate) fn close(&self) {
        let idle = self.idle.lock().take();
        drop(idle);
    }

    fn take(&self) -> Result<Connection, StoreError> {
        let idle = match self.idle.lock().as_mut() {
            Some(idle) => idle.pop(),
            None => return Err(StoreError::Busy("the metadata store is closed".into())),
        };
        idle.map_or_else(|| self.location.open_reader().map_err(Failure::into_store), Ok)
    }

    fn give(&self, connection: Connection) {
        if let Some(idle) = self.idle.lock().as_mut().filter(|idle| idle.len() < KEPT) {
            idle.push(connection);
        }
    }
}
