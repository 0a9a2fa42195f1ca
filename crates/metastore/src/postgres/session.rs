//! One connection in use: statements in, rows out.
//!
//! Statements that are awaited together are sent in the order in which they
//! were first polled, although one may have to be prepared first and the next
//! not: a lock must be taken before somebody looks at what it guards.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use deadpool_postgres::Object;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, maybe_done};
use tokio::sync::{Mutex, MutexGuard};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Row};

use super::args::Arg;
use super::failure::Failure;

/// A connection that goes back to the pool, unless it is spoiled.
pub(crate) struct Session {
    connection: Object,
    prepared: bool,
    /// Held by the statement that is next to be sent; first come, first served.
    turn: Mutex<()>,
    _used: Used,
}

/// A statement that travels with the end of its transaction.
pub(crate) struct Last {
    pub(crate) sql: &'static str,
    pub(crate) args: Vec<Arg<'static>>,
    /// What it means if a statement of [`super::transaction::or_fail`] fails
    /// because it found no row.
    pub(crate) or: Option<fn() -> Failure>,
}

impl Last {
    pub(crate) fn new(sql: &'static str, args: Vec<Arg<'static>>) -> Self {
        Self { sql, args, or: None }
    }

    /// One that must change a row, or else it means this.
    pub(crate) fn or(self, or: fn() -> Failure) -> Self {
        Self { or: Some(or), ..self }
    }
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
        Self { connection, prepared, turn: Mutex::new(()), _used: Used(Arc::clone(in_use)) }
    }

    /// Closes the connection instead of giving it back; the server undoes what
    /// was not committed.
    pub(crate) fn spoil(self) {
        drop(Object::take(self.connection));
    }

    /// Runs a statement with parameters.
    pub(crate) async fn rows(&self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<Row>, Error> {
        let turn = self.turn.lock().await;
        if !self.prepared {
            return send(self.connection.query_typed(sql, &typed(args)), turn).await;
        }
        let statement = self.connection.prepare_typed_cached(sql, &kinds(args)).await?;
        send(self.connection.query(&statement, &values(args)), turn).await
    }

    /// The same for a statement without rows; how many it changed.
    pub(crate) async fn change(&self, sql: &str, args: &[Arg<'_>]) -> Result<u64, Error> {
        let turn = self.turn.lock().await;
        if !self.prepared {
            return send(self.connection.execute_typed(sql, &typed(args)), turn).await;
        }
        let statement = self.connection.prepare_typed_cached(sql, &kinds(args)).await?;
        send(self.connection.execute(&statement, &values(args)), turn).await
    }

    /// Runs statements, all on their way at once; the answers in order.
    pub(crate) async fn all(&self, statements: &[Last]) -> Vec<Result<u64, Error>> {
        in_order(statements.iter().map(|one| self.change(one.sql, &one.args).boxed()).collect())
            .await
    }

    /// Runs the last statements of a transaction and commits it, all on their
    /// way at once, with its beginning if it has not begun. The answers come in
    /// order, that of the commit last. After one that failed there is nothing to
    /// commit: the server undoes it.
    pub(crate) async fn commit(
        &self,
        begin: Option<&str>,
        statements: &[Last],
    ) -> Vec<Result<u64, Error>> {
        let failed = AtomicBool::new(false);
        let failed = &failed;
        let begin = begin.map(|begin| async move { self.batch(begin).await.map(|()| 0) }.boxed());
        let sent = statements.iter().map(|last| {
            let sending = async move {
                let answer = self.change(last.sql, &last.args).await;
                failed.fetch_or(answer.is_err(), Ordering::Relaxed);
                answer
            };
            sending.boxed()
        });
        let end = async move {
            let turn = self.turn.lock().await;
            // One that never left is unknown to the server.
            let end = if failed.load(Ordering::Relaxed) { "ROLLBACK" } else { "COMMIT" };
            send(self.connection.batch_execute(end), turn).await.map(|()| 0)
        };
        in_order(begin.into_iter().chain(sent).chain([end.boxed()]).collect()).await
    }

    /// Runs statements without parameters or rows, divided by `;`.
    pub(crate) async fn batch(&self, sql: &str) -> Result<(), Error> {
        let turn = self.turn.lock().await;
        send(self.connection.batch_execute(sql), turn).await
    }
}

/// Sends a statement, which its first poll does, then lets the next one send
/// and waits for the answer.
async fn send<T>(statement: impl Future<Output = T>, turn: MutexGuard<'_, ()>) -> T {
    let mut statement = pin!(statement);
    let first = poll_fn(|context| Poll::Ready(statement.as_mut().poll(context))).await;
    drop(turn);
    match first {
        Poll::Ready(answer) => answer,
        Poll::Pending => statement.await,
    }
}

/// Waits for all, polling them in their order: that in which they are sent.
async fn in_order<T>(all: Vec<BoxFuture<'_, T>>) -> Vec<T> {
    let mut all: Vec<_> = all.into_iter().map(maybe_done).collect();
    poll_fn(|context| {
        let mut is_waiting = false;
        for one in &mut all {
            is_waiting |= Pin::new(one).poll(context).is_pending();
        }
        if is_waiting { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    all.iter_mut().filter_map(|one| Pin::new(one).take_output()).collect()
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
