//! One database file: many readers, one writer.
//!
//! Reads run inline on connections taken from a pool, because a hop to another
//! thread costs more than the query. Writes go to one thread that commits all
//! that wait in one transaction, because a sync costs more than all of them.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::Connection;
use store::{StoreError, WriteError};
use tokio::sync::Notify;

mod account;
mod account_walk;
mod audit;
mod batch;
mod change;
mod connection;
mod content;
mod counter;
mod failure;
mod file_system;
mod history;
mod import;
mod lease;
mod liveness;
mod manifest;
mod migrate;
mod mount;
mod presence;
mod publish;
mod queue;
mod readers;
mod repository;
mod rows;
mod settings;
mod tag;
mod unlink;
mod upload;
mod walk;
mod writer;

#[cfg(test)]
mod tests;

use connection::Location;
use failure::Failure;
use queue::{Lane, Strength};
use readers::Readers;
use writer::Writer;

use crate::hold::Hold;
use crate::{MetadataFigures, MetadataStore, access, plain};

pub use writer::WriterStats;

/// Most entries of one page; larger limits mean this.
const PAGE: usize = 2000;

/// How to open a store.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// The directory that holds, or will hold, `berth.db`. Made if it is
    /// missing. The caller keeps other processes away from it.
    pub path: PathBuf,
    /// Never sync: nothing survives a power cut. Only for tests and for trials
    /// on a RAM disk.
    pub synchronous_off: bool,
}

/// Metadata in one SQLite file.
#[derive(Debug)]
pub struct Sqlite {
    readers: Arc<Readers>,
    writer: Arc<Writer>,
    /// Told of each change of accounts and grants.
    access: Notify,
    hold: Hold,
}

impl Sqlite {
    /// Opens the store, making or migrating its file; blocks while it does.
    ///
    /// # Errors
    /// A file that needs a newer program, that is no such store, or that
    /// cannot be read and written.
    pub fn open(options: OpenOptions) -> Result<Arc<Self>, StoreError> {
        let location = Location::prepare(&options.path, options.synchronous_off)?;
        let mut connection = location.open_writer().map_err(Failure::into_store)?;
        migrate::run(&mut connection).map_err(Failure::into_store)?;
        let readers = Arc::new(Readers::new(location.clone()));
        let writer = Arc::new(Writer::start(location, connection, Arc::clone(&readers))?);
        Ok(Arc::new(Self { readers, writer, access: Notify::new(), hold: Hold::default() }))
    }

    /// Commits what waits, moves the write-ahead log into the file and closes
    /// everything; blocks while it does. Later calls of the store answer
    /// `Busy`; closing again does nothing.
    pub fn close(&self) {
        self.readers.close();
        self.writer.close();
    }

    /// What the writer has done since the store was opened.
    pub fn stats(&self) -> WriterStats {
        self.writer.stats()
    }

    /// Reads inline: for look-ups and for lists of at most [`PAGE`] entries.
    fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        self.readers.read(work)
    }

    /// Reads on a thread for blocking work: for queries that may look at many
    /// rows before they find one.
    async fn read_slowly<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = Arc::clone(&self.readers);
        let task = tokio::task::spawn_blocking(move || readers.read(work));
        task.await
            .map_err(|error| StoreError::Failed(format!("while reading metadata: {error}")))?
    }

    /// A write that the caller's acknowledgement stands on.
    async fn write_hard<T: Send + 'static>(
        &self,
        work: impl FnMut(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, WriteError> {
        self.writer.write(Lane::Main, Strength::Hard, Box::new(work)).await
    }

    /// A write that a power cut may undo.
    async fn write_soft<T: Send + 'static>(
        &self,
        work: impl FnMut(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        plain(self.writer.write(Lane::Main, Strength::Soft, Box::new(work)).await)
    }

    /// One bounded step of bulk work, durable, behind all other writes.
    async fn write_bulk<T: Send + 'static>(
        &self,
        work: impl FnMut(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        plain(self.writer.write(Lane::Bulk, Strength::Hard, Box::new(work)).await)
    }

    /// The same for work that a power cut may undo.
    async fn write_bulk_softly<T: Send + 'static>(
        &self,
        work: impl FnMut(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        plain(self.writer.write(Lane::Bulk, Strength::Soft, Box::new(work)).await)
    }
}

#[async_trait]
impl MetadataStore for Sqlite {
    async fn close(&self) {
        let (readers, writer) = (Arc::clone(&self.readers), Arc::clone(&self.writer));
        let closing = tokio::task::spawn_blocking(move || {
            readers.close();
            writer.close();
        });
        if let Err(error) = closing.await {
            tracing::error!(%error, "the metadata store was not closed");
        }
    }

    fn engine(&self) -> &'static str {
        "sqlite"
    }

    fn figures(&self) -> MetadataFigures {
        MetadataFigures { writer: Some(self.stats()), pool: None }
    }

    async fn access_changed(&self) {
        // Nobody else writes the file, so nobody else need be heard.
        drop(tokio::time::timeout(access::WAIT, self.access.notified()).await);
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.close();
    }
}
