//! What a server is like, found out without changing anything on it.

use std::sync::Arc;

use store::StoreError;

use super::failure::Failure;
use super::options::PostgresOptions;
use super::pool::Shared;
use super::{Postgres, connect, migrate, pooler};

/// A server that a registry could use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresLook {
    /// The server's version, as it says it.
    pub version: String,
    /// Number of the newest migration of the tables; zero if there are none yet.
    pub schema: i64,
    /// Number of the newest migration that this program would apply.
    pub newest: i64,
}

impl Postgres {
    /// Looks at the server and the database. Makes no tables.
    ///
    /// # Errors
    /// As [`Postgres::open`].
    pub async fn look(options: PostgresOptions) -> Result<PostgresLook, StoreError> {
        if options.prepared {
            pooler::refuse(&options).await.map_err(Failure::into_store)?;
        }
        let pool = connect::pool(&options)?;
        let shared = Arc::new(Shared::new(pool, options.prepared, Arc::clone(&options.random)));
        let (version, schema) = migrate::look(&shared).await.map_err(Failure::into_store)?;
        Ok(PostgresLook { version, schema, newest: migrate::newest() })
    }
}
