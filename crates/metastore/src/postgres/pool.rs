//! The connections: how many, how long one waits for them, and what happens
//! when one breaks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool_postgres::Pool;
use store::{Random, StoreError, WriteError};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_postgres::Row;

use super::args::Arg;
use super::failure::Failure;
use super::limits;
use super::session::{Session, within};
use super::transaction::{Guess, Strength, Tx, Work};
use crate::PoolFigures;

/// Runs of one write that met others, or lost their connection.
const ATTEMPTS: u32 = 5;
/// Units of bulk work at once; the rest of the pool is for those who wait for
/// an answer.
const BULK: usize = 2;

/// The pool with what all users of it count.
pub(crate) struct Shared {
    pool: Pool,
    prepared: bool,
    random: Arc<dyn Random>,
    in_use: Arc<AtomicU64>,
    commits: AtomicU64,
    retries: AtomicU64,
    bulk: Semaphore,
}

/// A connection with a query under way. A reader that goes away takes it
/// along: the next one would wait for an answer that nobody wants.
struct Asked(Option<Session>);

impl Asked {
    async fn rows(&self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<Row>, Failure> {
        match &self.0 {
            Some(session) => Ok(session.rows(sql, args).await?),
            None => Err(Failure::Failed("the connection was given back".into())),
        }
    }

    fn give_back(mut self) {
        self.0 = None;
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if let Some(session) = self.0.take() {
            session.spoil();
        }
    }
}

fn no_answer() -> Failure {
    Failure::Unknown("PostgreSQL did not answer a commit in time".into())
}

impl Shared {
    pub(crate) fn new(pool: Pool, prepared: bool, random: Arc<dyn Random>) -> Self {
        Self {
            pool,
            prepared,
            random,
            in_use: Arc::default(),
            commits: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            bulk: Semaphore::new(BULK),
        }
    }

    /// A connection of the pool.
    pub(crate) async fn session(&self) -> Result<Session, Failure> {
        Ok(Session::new(self.pool.get().await?, self.prepared, &self.in_use))
    }

    /// Runs one query on its own. A connection that breaks is replaced once.
    pub(crate) async fn rows(&self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<Row>, StoreError> {
        let first = self.rows_once(sql, args).await;
        let rows = match first {
            Err(failure) if failure.is_lost() => self.rows_once(sql, args).await,
            rows => rows,
        };
        rows.map_err(Failure::into_store)
    }

    async fn rows_once(&self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<Row>, Failure> {
        let asked = Asked(Some(self.session().await?));
        let rows = within(limits::WAIT, asked.rows(sql, args)).await;
        if !rows.as_ref().is_err_and(Failure::breaks_connection) {
            asked.give_back();
        }
        rows
    }

    /// The same for a query that may look at many rows before it finds one.
    pub(crate) async fn rows_slowly(
        &self,
        sql: &str,
        args: &[Arg<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        let _turn = self.turn().await?;
        let session = self.session().await.map_err(Failure::into_store)?;
        let mut tx = Tx::new(session, limits::begin_slowly());
        let rows = within(limits::SLOW_WAIT, async {
            let rows = tx.list(sql, args, |row| Ok(row.clone())).await?;
            tx.commit().await?;
            Ok(rows)
        });
        rows.await.map_err(Failure::into_store)
    }

    /// Waits for a turn of bulk work.
    pub(crate) async fn turn(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        self.bulk
            .acquire()
            .await
            .map_err(|_| StoreError::Busy("the metadata store is closed".into()))
    }

    /// Runs the work in a transaction, on its own task: a caller that goes away
    /// leaves nothing half done.
    pub(crate) async fn write<W: Work>(
        self: &Arc<Self>,
        strength: Strength,
        work: W,
    ) -> Result<W::Output, WriteError> {
        let shared = Arc::clone(self);
        let task = tokio::spawn(async move { shared.attempts(strength, &work).await });
        let outcome = task.await.unwrap_or_else(|error| {
            let what = if error.is_panic() { "a rule of it panicked" } else { "it was stopped" };
            Err(Failure::Failed(format!("a metadata write did not end: {what}")))
        });
        outcome.map_err(Failure::into_write)
    }

    async fn attempts<W: Work>(&self, strength: Strength, work: &W) -> Result<W::Output, Failure> {
        if let Some(guess) = work.guess()
            && let Some(outcome) = self.guessed(strength, guess).await
        {
            return outcome;
        }
        let mut attempt = 1;
        loop {
            match self.attempt(strength, work).await {
                Err(failure) if attempt < ATTEMPTS && failure.is_race() => {}
                // Nothing was committed; the pool may hold another connection.
                Err(failure) if attempt == 1 && failure.is_lost() => {}
                outcome => return outcome,
            }
            self.retries.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(self.pause(attempt)).await;
            attempt += 1;
        }
    }

    /// Tries a guess. `None` if it was wrong, or nobody knows.
    async fn guessed<T>(&self, strength: Strength, guess: Guess<T>) -> Option<Result<T, Failure>> {
        let session = match self.session().await {
            Ok(session) => session,
            Err(failure) => return Some(Err(failure)),
        };
        let mut tx = Tx::new(session, limits::begin(strength, self.prepared));
        let tried = tokio::time::timeout(limits::WAIT, tx.whole(&guess.statements)).await;
        match tried.unwrap_or_else(|_| Err(no_answer())) {
            Ok(()) => {
                self.commits.fetch_add(1, Ordering::Relaxed);
                Some(Ok(guess.output))
            }
            Err(failure) if failure.is_race() || failure.is_lost() => {
                self.retries.fetch_add(1, Ordering::Relaxed);
                None
            }
            Err(failure) => Some(Err(failure)),
        }
    }

    async fn attempt<W: Work>(&self, strength: Strength, work: &W) -> Result<W::Output, Failure> {
        let begin = limits::begin(strength, self.prepared);
        let mut tx = Tx::new(self.session().await?, begin);
        let output = match within(limits::WAIT, work.run(&tx)).await {
            Ok(output) => output,
            Err(failure) => {
                if !failure.breaks_connection() {
                    // Dropped if even that takes too long.
                    drop(tokio::time::timeout(limits::WAIT, tx.roll_back()).await);
                }
                return Err(failure);
            }
        };
        let committed = tokio::time::timeout(limits::WAIT, tx.commit()).await;
        committed.unwrap_or_else(|_| Err(no_answer()))?;
        self.commits.fetch_add(1, Ordering::Relaxed);
        Ok(output)
    }

    /// A while of chance, longer after each attempt, so that those who met do
    /// not meet again.
    fn pause(&self, attempt: u32) -> Duration {
        let mut chance = [0; 2];
        self.random.fill(&mut chance);
        let most = 5_000_u64 << attempt.min(5);
        Duration::from_micros(u64::from(u16::from_le_bytes(chance)) * most / u64::from(u16::MAX))
    }

    /// A transaction that changes tables.
    pub(crate) async fn migration(&self) -> Result<Tx, Failure> {
        Ok(Tx::new(self.session().await?, limits::begin_migration()))
    }

    /// Refuses new work and waits a while for what is going on.
    pub(crate) async fn close(&self) {
        self.pool.close();
        self.bulk.close();
        let quiet = async {
            while self.in_use.load(Ordering::Relaxed) > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(limits::CLOSE, quiet).await.is_err() {
            tracing::warn!("metadata work was still going on when the store was closed");
        }
    }

    pub(crate) fn figures(&self) -> PoolFigures {
        let status = self.pool.status();
        PoolFigures {
            cap: status.max_size as u64,
            open: status.size as u64,
            in_use: self.in_use.load(Ordering::Relaxed),
            waiting: status.waiting as u64,
            commits: self.commits.load(Ordering::Relaxed),
            retries: self.retries.load(Ordering::Relaxed),
        }
    }
}
