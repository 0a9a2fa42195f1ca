//! What the cache tells about itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use store::Clock;

/// Failures of the local disk are logged once in so long.
const QUIET: Duration = Duration::from_secs(60);

/// The figures of a cache: counts since the start, and its present size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheFigures {
    /// Whether the directory is in use: opened, read through and locked.
    pub ready: bool,
    /// Reads that were answered from the disk, or from a fill on its way there.
    pub hits: u64,
    /// Reads that went to the store.
    pub misses: u64,
    /// Bytes that came from the disk.
    pub hit_bytes: u64,
    /// Blobs that became entries.
    pub fills: u64,
    /// Fills that were given up: an error of store or disk, a slow disk.
    pub fills_lost: u64,
    /// Fills that are going on.
    pub filling: u64,
    /// Entries that made room for others.
    pub evictions: u64,
    /// Failures of the local disk and damaged entries. None of them failed a read.
    pub errors: u64,
    /// Blobs whose bytes from the store had another digest than they should.
    pub mismatches: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Entries.
    pub files: u64,
    /// Most bytes of all files.
    pub capacity: u64,
}

/// Counts, and logs what is worth it.
pub(super) struct Counters {
    pub hits: AtomicU64,
    pub misses: AtomicU64,
    pub hit_bytes: AtomicU64,
    pub fills: AtomicU64,
    pub fills_lost: AtomicU64,
    pub filling: AtomicU64,
    pub evictions: AtomicU64,
    pub mismatches: AtomicU64,
    pub bytes: AtomicU64,
    pub files: AtomicU64,
    errors: AtomicU64,
    logged: Mutex<Option<Duration>>,
    clock: Arc<dyn Clock>,
}

impl Counters {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            hit_bytes: AtomicU64::new(0),
            fills: AtomicU64::new(0),
            fills_lost: AtomicU64::new(0),
            filling: AtomicU64::new(0),
            evictions: AtomicU64::new(0),
            mismatches: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            files: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            logged: Mutex::new(None),
            clock,
        }
    }

    pub(super) fn add(&self, counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }

    /// Something on the local disk failed; whoever wanted it goes to the store.
    pub(super) fn error(&self, doing: &str, error: &dyn std::fmt::Display) {
        let count = self.errors.fetch_add(1, Ordering::Relaxed) + 1;
        let now = self.clock.elapsed();
        let mut logged = self.logged.lock();
        if logged.is_none_or(|last| now.saturating_sub(last) >= QUIET) {
            *logged = Some(now);
            tracing::warn!(
                %error,
                errors = count,
                "the local cache of blobs failed while {doing}; reads go to the store"
            );
        }
    }

    pub(super) fn figures(&self, ready: bool, capacity: u64) -> CacheFigures {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CacheFigures {
            ready,
            hits: read(&self.hits),
            misses: read(&self.misses),
            hit_bytes: read(&self.hit_bytes),
            fills: read(&self.fills),
            fills_lost: read(&self.fills_lost),
            filling: read(&self.filling),
            evictions: read(&self.evictions),
            errors: read(&self.errors),
            mismatches: read(&self.mismatches),
            bytes: read(&self.bytes),
            files: read(&self.files),
            capacity,
        }
    }
}
