//! Adapters: metadata in an embedded SQLite database, or on a PostgreSQL server.
//!
//! They hold SQL and nothing else: rules come in with each call, are asked inside
//! its transaction, and only their plans are applied here.

mod access;
mod audit_prune;
mod audit_query;
mod freeze;
mod hash_states;
mod hold;
mod metadata;
mod postgres;
mod sqlite;
mod upload_columns;

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;

pub use freeze::{ContentFreeze, Frozen};
pub use metadata::{MetadataFigures, MetadataStore, PoolFigures};
pub use postgres::{
    ClientCertificate, Host, InvalidUrl, Postgres, PostgresLook, PostgresOptions, RootCertificates,
    TlsMode,
};
pub use sqlite::{OpenOptions, Sqlite, WriterStats};

use store::{StoreError, WriteError};

/// The result of a write that has no rule.
fn plain<T>(result: Result<T, WriteError>) -> Result<T, StoreError> {
    result.map_err(|error| match error {
        WriteError::Store(error) => error,
        WriteError::Refused(refusal) => {
            StoreError::Failed(format!("a write without a rule was refused: {refusal:?}"))
        }
    })
}
