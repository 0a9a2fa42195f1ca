//! Writes: one unit of work, one transaction, run again if it met another.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::FutureExt;
use futures_util::future::{join3, try_join};
use parking_lot::Mutex;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Error, Row};

use super::args::Arg;
use super::failure::Failure;
use super::session::{Last, Session};

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

    /// What the work most likely comes to, as the statements of a whole
    /// transaction that fails if it comes to anything else: each fact that the
    /// rule was asked about must be checked by one of them. It is tried once,
    /// in one trip, and if it met anything else the work is run. That it may
    /// have happened already must do no harm.
    fn guess(&self) -> Option<Guess<Self::Output>> {
        None
    }

    /// Gathers facts, asks the rule, applies the plan.
    fn run(&self, tx: &Tx) -> impl Future<Output = Result<Self::Output, Failure>> + Send;
}

/// A whole transaction, and what it finds or makes if it succeeds.
pub(crate) struct Guess<T> {
    pub(crate) statements: Vec<Last>,
    pub(crate) output: T,
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
    last: Mutex<Vec<Last>>,
}

/// Makes a statement fail where it changes no row, so that the transaction ends
/// although its end is on the way already.
macro_rules! or_fail {
    ($sql:expr) => {
        concat!("WITH done AS (", $sql, " RETURNING 1) SELECT 1 / count(*) FROM done")
    };
}
pub(crate) use or_fail;

impl Tx {
    /// A transaction that begins with its first statement, by `begin`.
    pub(crate) fn new(session: Session, begin: String) -> Self {
        let begun = AtomicBool::new(false);
        Self { session: Some(session), begin, begun, last: Mutex::default() }
    }

    fn session(&self) -> Result<&Session, Failure> {
        self.session.as_ref().ok_or_else(|| Failure::Failed("the transaction has ended".into()))
    }

    async fn together<T>(
        &self,
        session: &Session,
        statement: impl Future<Output = Result<T, Error>>,
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

    /// Runs the only statement of a transaction with its beginning and its end,
    /// in one trip; how many rows it changed. If the connection breaks nobody
    /// knows whether it happened, and it is run again: only for statements that
    /// do no harm twice.
    pub(crate) async fn only(&self, sql: &str, args: &[Arg<'_>]) -> Result<u64, Failure> {
        let session = self.session()?;
        let (begun, changed, ended) = join3(
            session.batch(&self.begin),
            Box::pin(session.change(sql, args)),
            session.batch("COMMIT"),
        )
        .await;
        begun?;
        let changed = changed?;
        ended?;
        Ok(changed)
    }

    /// Keeps a statement for the end: it travels with the commit, after those
    /// that were kept before it. So it costs no trip of its own, and the row
    /// that it changes is locked for no longer than the commit itself takes.
    pub(crate) fn at_last(&self, sql: &'static str, args: Vec<Arg<'static>>) {
        self.keep(Last::new(sql, args));
    }

    /// The same for a statement that is made already.
    pub(crate) fn keep(&self, last: Last) {
        self.last.lock().push(last);
    }

    /// Runs what was kept so far, together.
    pub(crate) async fn flush(&self) -> Result<(), Failure> {
        let last = std::mem::take(&mut *self.last.lock());
        if last.is_empty() {
            return Ok(());
        }
        let session = self.session()?;
        let answers = self.together(session, Box::pin(session.all(&last).map(Ok))).await?;
        verdict(&last, answers, Failure::from)
    }

    /// Makes everything last.
    pub(crate) async fn commit(&mut self) -> Result<(), Failure> {
        let last = std::mem::take(&mut *self.last.lock());
        let session = self.session()?;
        if !self.begun.load(Ordering::Relaxed) {
            if last.is_empty() {
                self.session = None;
                return Ok(());
            }
            session.batch(&self.begin).await?;
        }
        let answers = session.commit(None, &last).await;
        self.ended(verdict(&last, answers, Failure::of_commit))
    }

    /// Makes a whole transaction of these statements, in one trip. If the
    /// connection breaks nobody knows whether it happened.
    pub(crate) async fn whole(&mut self, statements: &[Last]) -> Result<(), Failure> {
        let mut answers = self.session()?.commit(Some(&self.begin), statements).await;
        let begun = answers.remove(0);
        let outcome = begun.map_err(Failure::from);
        self.ended(outcome.and_then(|_| verdict(statements, answers, Failure::from)))
    }

    /// Gives the connection back if it is good for others.
    fn ended(&mut self, outcome: Result<(), Failure>) -> Result<(), Failure> {
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

/// What the answers to the last statements and to the commit mean: the first
/// that failed says why, and nothing was committed.
fn verdict(
    last: &[Last],
    answers: Vec<Result<u64, Error>>,
    meaning: fn(Error) -> Failure,
) -> Result<(), Failure> {
    for (number, answer) in answers.into_iter().enumerate() {
        let Err(error) = answer else { continue };
        let or = last.get(number).and_then(|last| last.or);
        return Err(match or {
            Some(or) if error.code() == Some(&SqlState::DIVISION_BY_ZERO) => or(),
            _ => meaning(error),
        });
    }
    Ok(())
}

impl Drop for Tx {
    /// Left in the middle: nobody knows what is still on its way.
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            session.spoil();
        }
    }
}
