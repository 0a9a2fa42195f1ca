//! The one thread that writes.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use rusqlite::Connection;
use store::{StoreError, WriteError};
use tokio::sync::oneshot;

use super::batch::WriteConnection;
use super::connection::Location;
use super::failure::Failure;
use super::queue::{Lane, Next, Queue, Strength, Task, Trouble};
use super::readers::Readers;

/// What a task does inside its transaction; run again if the group was lost.
pub(crate) type Work<T> = Box<dyn FnMut(&Connection) -> Result<T, Failure> + Send>;

/// Counters of the writer, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriterStats {
    /// Transactions committed since the store was opened.
    pub commits: u64,
    /// Writes that these transactions held.
    pub writes: u64,
    /// Writes that wait now.
    pub waiting: u64,
}

/// Counts what was committed.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) commits: AtomicU64,
    pub(crate) writes: AtomicU64,
}

/// The handle of the writing thread.
pub(crate) struct Writer {
    queue: Arc<Queue>,
    counters: Arc<Counters>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Hands the connection to a new thread.
    pub(crate) fn start(
        location: Location,
        connection: Connection,
        readers: Arc<Readers>,
    ) -> Result<Self, StoreError> {
        let queue = Arc::new(Queue::default());
        let counters = Arc::new(Counters::default());
        let served = Abandon(Arc::clone(&queue));
        let mut target = WriteConnection::new(location, connection, Arc::clone(&counters));
        let body = move || {
            loop {
                let next = served.0.next();
                let _pause = readers.pause();
                match next {
                    Next::Group(group) => target.commit(group),
                    Next::Idle => target.rest(),
                    Next::Closed => break target.close(),
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("metadata-writer".into())
            .spawn(body)
            .map_err(|error| StoreError::io("starting the metadata writer", &error))?;
        Ok(Self { queue, counters, thread: Mutex::new(Some(thread)) })
    }

    /// Queues `work` and waits until its group is committed or failed.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        lane: Lane,
        strength: Strength,
        work: Work<T>,
    ) -> Result<T, WriteError> {
        let (reply, answer) = oneshot::channel();
        self.queue.push(lane, Box::new(Write { strength, work, outcome: None, reply }))?;
        answer.await.unwrap_or_else(|_| {
            Err(StoreError::Failed("the metadata writer stopped".into()).into())
        })
    }

    /// Waits until everything queued is done; the connection is closed then.
    pub(crate) fn close(&self) {
        self.queue.close();
        let mut thread = self.thread.lock();
        if thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the metadata writer had panicked");
        }
    }

    pub(crate) fn stats(&self) -> WriterStats {
        WriterStats {
            commits: self.counters.commits.load(Ordering::Relaxed),
            writes: self.counters.writes.load(Ordering::Relaxed),
            waiting: self.queue.len() as u64,
        }
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

/// If the thread ends in any way, nobody waits for it for ever.
struct Abandon(Arc<Queue>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// A queued write with the place where its answer goes.
struct Write<T> {
    strength: Strength,
    work: Work<T>,
    outcome: Option<Result<T, Failure>>,
    reply: oneshot::Sender<Result<T, WriteError>>,
}

impl<T: Send> Task for Write<T> {
    fn strength(&self) -> Strength {
        self.strength
    }

    fn run(&mut self, connection: &Connection) -> Result<(), Trouble> {
        // A rule is foreign code; its panic is its caller's alone. The
        // savepoint around this call takes back what was half done.
        let work = AssertUnwindSafe(|| (self.work)(connection));
        let outcome = catch_unwind(work)
            .unwrap_or_else(|_| Err(Failure::Failed("a rule of a metadata write panicked".into())));
        match outcome {
            Err(failure) if failure.breaks_connection() => Err(Trouble::Broken(failure)),
            outcome => {
                let result = if outcome.is_ok() { Ok(()) } else { Err(Trouble::Own) };
                self.outcome = Some(outcome);
                result
            }
        }
    }

    fn answer(self: Box<Self>) {
        let not_run = || Err(Failure::Failed("a metadata write was not run".into()));
        let outcome = self.outcome.unwrap_or_else(not_run);
        // A caller that went away needs no answer.
        drop(self.reply.send(outcome.map_err(Failure::into_write)));
    }

    fn fail(self: Box<Self>, failure: &Failure) {
        drop(self.reply.send(Err(failure.to_store().into())));
    }
}
