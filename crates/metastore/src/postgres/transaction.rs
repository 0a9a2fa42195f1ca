//! Writes: one unit of work, one transaction, run again if it met another.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::{join, try_join};
use parking_lot::Mutex;
use tokio_postgres::Row;

use super::args::Arg;
use super::failure::Failure;
use super::session::Session;

/// How long a write must last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strength {
    /// Synced before the answer.
    Hard,
    /// A power cut may undo it.
    Soft,
}

/// What is done inside a transaction. It may be run more than once.
pub(crate) trait Work: Send + Sync + 'static {
    /// What it finds or makes.
    type Output: Send + 'static;

    /// Gathers facts, asks the rule, applies the plan.
    fn run(&self, tx: &Tx) -> impl Future<Output = Result<Self::Output, Failure>> + Send;
}

/// An open transaction at `READ COMMITTED`: every statement sees what was
/// committed before it began, and what it has locked.
///
/// Statements that are awaited together travel together; the first of them
/// takes `BEGIN` along.
pub(crate) struct Tx {
    /// `None` once it has ended.
    session: Option<Session>,
    begin: String,
    begun: AtomicBool,
    last: Mutex<Option<Last>>,
}

/// A statement that travels with `COMMIT`.
type Last = (&'static str, Vec<Arg<'static>>);

impl Tx {
    /// A transaction that begins with its first statement, by `begin`.
    pub(crate) fn new(session: Session, begin: String) -> Self {
        let begun = AtomicBool::new(false);
        Self { session: Some(session), begin, begun, last: Mutex::new(None) }
    }

    fn session(&self) -> Result<&Session, Failure> {
        self.session.as_ref().ok_or_else(|| Failure::Failed("the transaction has ended".into()))
    }

    async fn together<T>(
        &self,
        session: &Session,
        statement: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Failure> {
        if self.begun.swap(true, Ordering::Relaxed) {
            return Ok(statement.await?);
        }
        Ok(try_join(session.batch(&self.begin), statement).await?.1)
    }

    /// All rows, read. The statement bounds them.
    pub(crate) async fn list<T>(
        &self,
        sql: &str,
        args: &[Arg<'_>],
        read: impl Fn(&Row) -> Result<T, Failure>,
    ) -> Result<Vec<T>, Failure> {
        let session = self.session()?;
        let rows = self.together(session, Box::pin(session.rows(sql, args))).await?;
        rows.iter().map(read).collect()
    }

    /// The first row, read.
    pub(crate) async fn first<T>(
        &self,
        sql: &str,
        args: &[Arg<'_>],
        read: impl Fn(&Row) -> Result<T, Failure>,
    ) -> Result<Option<T>, Failure> {
        let session = self.session()?;
        let rows = self.together(session, Box::pin(session.rows(sql, args))).await?;
        rows.first().map(read).transpose()
    }

    /// Runs a statement that returns no rows; how many rows it changed.
    pub(crate) async fn change(&self, sql: &str, args: &[Arg<'_>]) -> Result<u64, Failure> {
        let session = self.session()?;
        self.together(session, Box::pin(session.change(sql, args))).await
    }

    /// Runs statements without parameters, divided by `;`.
    pub(crate) async fn batch(&self, sql: &str) -> Result<(), Failure> {
        let session = self.session()?;
        self.together(session, session.batch(sql)).await
    }

    /// Keeps one statement for the very end, so that the row which it changes
    /// is locked for no longer than the commit itself takes.
    pub(crate) fn at_last(&self, sql: &'static str, args: Vec<Arg<'static>>) {
        *self.last.lock() = Some((sql, args));
    }

    /// Makes everything last.
    pub(crate) async fn commit(&mut self) -> Result<(), Failure> {
        let last = self.last.lock().take();
        let session = self.session()?;
        let outcome = match last {
            Some((sql, args)) => {
                // A commit of what failed undoes it; the first error says why.
                let ends = join(session.change(sql, &args), session.batch("COMMIT")).await;
                ends.0.and(ends.1)
            }
            None if self.begun.load(Ordering::Relaxed) => session.batch("COMMIT").await,
            None => Ok(()),
        };
        let outcome = outcome.map_err(Failure::of_commit);
        if !outcome.as_ref().is_err_and(Failure::breaks_connection) {
            self.session = None;
        }
        outcome
    }

    /// Undoes everything. A connection that cannot even do that is closed.
    pub(crate) async fn roll_back(mut self) {
        let Some(session) = self.session.take() else { return };
        if self.begun.load(Ordering::Relaxed) && session.batch("ROLLBACK").await.is_err() {
            session.spoil();
        }
    }
}

impl Drop for Tx {
    /// Left in the middle: nobody knows what is still on its way.
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            session.spoil();
        }
    }
}
