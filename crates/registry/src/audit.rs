//! The audit log: what is noted, how it is sealed and how it ends.
//!
//! Notes are gathered and written in batches, so that nobody waits for a line
//! of the log on the way of a request. Lines are written unchained; one leased
//! sealer gives them a sequence and chains them by hash afterwards.

mod check;
mod gather;
mod seal;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use store::{AuditNote, AuditStore, Clock, StoreError};
use tokio::sync::Semaphore;

pub use check::{CheckError, CheckFrom, CheckedPart, check_part};
use gather::Gathered;
pub use seal::{AuditRetention, BrokenChain, Pruned, prune_once, seal_once, verify_chain};

/// Notes that wait to be written.
const MAX_WAITING: usize = 10_000;
/// Notes of one write.
const BATCH: usize = 1_000;
/// How long a push waits for room.
const WAIT_FOR_ROOM: Duration = Duration::from_secs(1);
/// How often waiting notes are written.
const FLUSH_EVERY: Duration = Duration::from_secs(1);
/// Room in the queue that refusals and logins leave to all else: while the
/// store is slow, they are gathered on.
const NOT_FOR_GATHERED: usize = MAX_WAITING / 2;
/// Room in the queue that is kept for those who wait for it: what was pushed
/// and removed is not lost because much is pulled.
const FOR_WRITES: usize = MAX_WAITING / 10;

/// From where a request came, as a line about it tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// The client's address, as far as it is known.
    pub address: Option<String>,
    /// Id of the request in the access log.
    pub request: Option<String>,
}

/// The log of one process.
pub struct AuditLog {
    store: Arc<dyn AuditStore>,
    clock: Arc<dyn Clock>,
    waiting: Mutex<VecDeque<AuditNote>>,
    room: Semaphore,
    /// Refusals and logins of a minute, in few lines.
    gathered: Mutex<Gathered>,
    /// One write at a time, so that lines stay in order.
    writing: tokio::sync::Mutex<()>,
    dropped: AtomicU64,
}

impl AuditLog {
    /// A log over `store`. Somebody must run [`AuditLog::keep_flushing`].
    pub fn new(store: Arc<dyn AuditStore>, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            store,
            clock,
            waiting: Mutex::default(),
            room: Semaphore::new(MAX_WAITING),
            gathered: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
            dropped: AtomicU64::new(0),
        })
    }

    /// Where the lines are.
    pub fn store(&self) -> &Arc<dyn AuditStore> {
        &self.store
    }

    /// Notes without waiting: for reads, and for whatever must go on. Without
    /// room, but for what is kept for writes, the note is dropped, counted and
    /// told to the process log.
    pub fn note(&self, note: AuditNote) {
        let has_room = self.room.available_permits() > FOR_WRITES;
        match self.room.try_acquire() {
            Ok(room) if has_room => {
                room.forget();
                self.waiting.lock().push_back(note);
            }
            _ => self.drop_note(&note),
        }
    }

    /// Notes, and waits up to a second for room: for writes, which can bear it.
    pub async fn note_waiting(&self, note: AuditNote) {
        match tokio::time::timeout(WAIT_FOR_ROOM, self.room.acquire()).await {
            Ok(Ok(room)) => {
                room.forget();
                self.waiting.lock().push_back(note);
            }
            _ => self.drop_note(&note),
        }
    }

    /// Notes that a known subject was refused something. Refusals of the same
    /// subject, action and minute become one line with their count and the
    /// target, address and request of the first. With more than 500 such lines
    /// at once the rest becomes one for each action, about `many`.
    pub fn refused(&self, note: AuditNote) {
        self.gathered.lock().refused(note);
    }

    /// Notes that somebody could not sign in. Whoever tries chooses the name,
    /// so those from the same address in the same minute become one line: about
    /// that name, or about `many` with some of them in `detail`. With more than
    /// 100 such lines at once the rest becomes one without an address.
    pub fn failed_login(&self, note: AuditNote) {
        self.gathered.lock().failed_login(note);
    }

    /// Notes that somebody signed in. Logins of the same subject through the
    /// same proof, from the same address (of IPv6 the same /64) in the same
    /// minute become one line with their count; those of a subject from more
    /// than eight places share one without an address. With more than 500 such
    /// lines at once the rest becomes one about `many`.
    pub fn signed_in(&self, note: AuditNote) {
        self.gathered.lock().signed_in(note);
    }

    /// Notes that were dropped because the store was too slow, since the start.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn drop_note(&self, note: &AuditNote) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
        let AuditNote { actor, action, target, outcome, .. } = note;
        tracing::error!(actor, action, target, outcome, "a line of the audit log was dropped");
    }

    /// Writes what waits, and the refusals and logins of minutes that are over.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let room = self.room.available_permits().saturating_sub(NOT_FOR_GATHERED);
        let over = self.gathered.lock().take(Some(self.clock.now()), room);
        over.into_iter().for_each(|note| self.note(note));
        self.write().await
    }

    /// Writes all that waits, also the refusals and logins of this minute: for the end.
    pub async fn flush_all(&self) -> Result<(), StoreError> {
        self.write().await?;
        let all = self.gathered.lock().take(None, MAX_WAITING);
        all.into_iter().for_each(|note| self.note(note));
        self.write().await
    }

    /// Writes each second until `stop`, and then all.
    pub async fn keep_flushing(&self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        loop {
            let is_over = tokio::select! {
                () = &mut stop => true,
                () = tokio::time::sleep(FLUSH_EVERY) => false,
            };
            let written = if is_over { self.flush_all().await } else { self.flush().await };
            if let Err(error) = written {
                tracing::warn!(%error, "the audit log was not written; it is tried again");
            }
            if is_over {
                return;
            }
        }
    }

    async fn write(&self) -> Result<(), StoreError> {
        let _alone = self.writing.lock().await;
        loop {
            let batch: Vec<_> = {
                let waiting = self.waiting.lock();
                waiting.iter().take(BATCH).cloned().collect()
            };
            let count = batch.len();
            if count == 0 {
                return Ok(());
            }
            // They stay in line until they are written: a failure loses none.
            self.store.append_audit(batch).await?;
            self.waiting.lock().drain(..count);
            self.room.add_permits(count);
        }
    }
}

impl std::fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AuditLog")
    }
}
