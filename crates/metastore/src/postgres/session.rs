//! One connection in use: statements in, rows out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool_postgres::Object;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Row};

use super::args::Arg;
use super::failure::Failure;

/// A connection that goes back to the pool, unless it is spoiled.
pub(crate) struct Session {
    connection: Object,
    prepared: bool,
    _used: Used,
}

/// Counts a connection that is working.
struct Used(Arc<AtomicU64>);

impl Drop for Used {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Session {
    /// Takes a connection of the pool into use.
    pub(crate) fn new(connection: Object, prepared: bool, in_use: &Arc<AtomicU64>) -> Self {
        in_use.fetch_add(1, Ordering::Relaxed);
        Self { connection, prepared, _used: Used(Arc::clone(in_use)) }
    }

    /// Closes the connection instead of giving it back; the server undoes what
    /// was not committed.
    pub(crate) fn spoil(self) {
        drop(Object::take(self.connection));
    }

    /// Runs a statement with parameters.
    pub(crate) async fn rows(&self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<Row>, Error> {
        if !self.prepared {
            return self.connection.query_typed(sql, &typed(args)).await;
        }
        let statement = self.connection.prepare_typed_cached(sql, &kinds(args)).await?;
        self.connection.query(&statement, &values(args)).await
    }

    /// The same for a statement without rows; how many it changed.
    pub(crate) async fn change(&self, sql: &str, args: &[Arg<'_>]) -> Result<u64, Error> {
        if !self.prepared {
            return self.connection.execute_typed(sql, &typed(args)).await;
        }
        let statement = self.connection.prepare_typed_cached(sql, &kinds(args)).await?;
        self.connection.execute(&statement, &values(args)).await
    }

    /// Runs statements without parameters or rows, divided by `;`.
    pub(crate) async fn batch(&self, sql: &str) -> Result<(), Error> {
        self.connection.batch_execute(sql).await
    }
}

fn value<'a>(arg: &'a Arg<'_>) -> &'a (dyn ToSql + Sync) {
    &*arg.value
}

fn values<'a>(args: &'a [Arg<'_>]) -> Vec<&'a (dyn ToSql + Sync)> {
    args.iter().map(value).collect()
}

fn kinds(args: &[Arg<'_>]) -> Vec<Type> {
    args.iter().map(|arg| arg.kind.clone()).collect()
}

fn typed<'a>(args: &'a [Arg<'_>]) -> Vec<(&'a (dyn ToSql + Sync), Type)> {
    args.iter().map(|arg| (value(arg), arg.kind.clone())).collect()
}

/// Waits for the server at most this long. It has limits of its own; this one
/// is for a server that stands still.
pub(crate) async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
        Err(Failure::Slow(format!("PostgreSQL did not answer within {} s", limit.as_secs())))
    })
}
