//! A database that several processes share, on a PostgreSQL server.
//!
//! Reads are one prepared query each. Writes are one transaction each, at
//! `READ COMMITTED`: the rows that the facts stand on are locked in one order
//! first and looked at after that; what two make at once is made by one, and
//! the other begins again. So the rule may be asked more than once.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use store::{StoreError, WriteError};
use tokio_postgres::Row;

mod account;
mod account_walk;
mod args;
mod audit;
mod certificate;
mod change;
mod connect;
mod content;
mod counter;
mod failure;
mod freeze;
mod history;
mod import;
mod lease;
mod limits;
mod listen;
mod liveness;
mod look;
mod manifest;
mod migrate;
mod mount;
mod options;
mod pool;
mod pooler;
mod presence;
mod publish;
mod repository;
mod rows;
mod session;
mod settings;
mod tag;
mod tls;
mod transaction;
mod unlink;
mod upload;
mod url;
mod walk;

#[cfg(test)]
mod tests;

use args::Arg;
use failure::Failure;
use listen::Listener;
use pool::Shared;
use transaction::{Strength, Work};

pub use look::PostgresLook;
pub use options::{ClientCertificate, Host, PostgresOptions, RootCertificates, TlsMode};
pub use url::InvalidUrl;

use crate::hold::Hold;
use crate::{ContentFreeze, MetadataFigures, MetadataStore, plain};

/// Most entries of one page; larger limits mean this.
const PAGE: usize = 2000;

/// Metadata on a PostgreSQL server.
pub struct Postgres {
    shared: Arc<Shared>,
    listener: Listener,
    hold: Hold,
}

impl Postgres {
    /// Opens the store, making or migrating its tables.
    ///
    /// # Errors
    /// `Busy` if the server is out of reach or a standby. Otherwise credentials
    /// or certificates that do not fit, a server before version 13, a proxy
    /// before it that loses prepared statements, a database that is not encoded
    /// as UTF-8, that holds something else or that needs a newer program.
    pub async fn open(options: PostgresOptions) -> Result<Arc<Self>, StoreError> {
        if options.prepared {
            pooler::refuse(&options).await.map_err(Failure::into_store)?;
        }
        let pool = connect::pool(&options)?;
        let shared = Arc::new(Shared::new(pool, options.prepared, Arc::clone(&options.random)));
        migrate::run(&shared).await.map_err(Failure::into_store)?;
        let listener = Listener::new(&options)?;
        Ok(Arc::new(Self { shared, listener, hold: Hold::default() }))
    }

    /// All rows of one query, read. The statement bounds them.
    async fn list<T>(
        &self,
        sql: &str,
        args: &[Arg<'_>],
        read: impl Fn(&Row) -> Result<T, Failure> + Send,
    ) -> Result<Vec<T>, StoreError> {
        let rows = self.shared.rows(sql, args).await?;
        rows.iter().map(read).collect::<Result<_, _>>().map_err(Failure::into_store)
    }

    /// The first row of one query, read.
    async fn first<T>(
        &self,
        sql: &str,
        args: &[Arg<'_>],
        read: impl Fn(&Row) -> Result<T, Failure> + Send,
    ) -> Result<Option<T>, StoreError> {
        let rows = self.shared.rows(sql, args).await?;
        rows.first().map(read).transpose().map_err(Failure::into_store)
    }

    /// The same for a query that may look at many rows before it finds one.
    async fn list_slowly<T>(
        &self,
        sql: &str,
        args: &[Arg<'_>],
        read: impl Fn(&Row) -> Result<T, Failure> + Send,
    ) -> Result<Vec<T>, StoreError> {
        let rows = self.shared.rows_slowly(sql, args).await?;
        rows.iter().map(read).collect::<Result<_, _>>().map_err(Failure::into_store)
    }

    /// A write that the caller's acknowledgement stands on.
    async fn write_hard<W: Work>(&self, work: W) -> Result<W::Output, WriteError> {
        self.shared.write(Strength::Hard, work).await
    }

    /// A write that a crash of the server may undo.
    async fn write_soft<W: Work>(&self, work: W) -> Result<W::Output, StoreError> {
        plain(self.shared.write(Strength::Soft, work).await)
    }

    /// One bounded step of bulk work, durable; few of them go at once.
    async fn write_bulk<W: Work>(&self, work: W) -> Result<W::Output, StoreError> {
        let _turn = self.shared.turn().await?;
        plain(self.shared.write(Strength::Hard, work).await)
    }

    /// The same for work that a crash may undo.
    async fn write_bulk_softly<W: Work>(&self, work: W) -> Result<W::Output, StoreError> {
        let _turn = self.shared.turn().await?;
        plain(self.shared.write(Strength::Soft, work).await)
    }
}

#[async_trait]
impl MetadataStore for Postgres {
    async fn close(&self) {
        self.listener.close();
        self.shared.close().await;
    }

    fn engine(&self) -> &'static str {
        "postgres"
    }

    fn freezing(&self) -> Option<&dyn ContentFreeze> {
        Some(self)
    }

    fn figures(&self) -> MetadataFigures {
        MetadataFigures { writer: None, pool: Some(self.shared.figures()) }
    }

    async fn access_changed(&self) {
        self.listener.wait().await;
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("figures", &self.shared.figures()).finish_non_exhaustive()
    }
}
