//! How far a transfer is: blobs and bytes that are copied, and how fast.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use store::Clock;

use crate::{Observer, Volume};

/// Bytes after which the observer is told.
const TELL_EVERY: u64 = 1 << 20;

/// Counts what several copies at once do.
pub(super) struct Tally<'a> {
    clock: Arc<dyn Clock>,
    observer: &'a dyn Observer,
    began: Duration,
    blobs: AtomicU64,
    bytes: AtomicU64,
    total_blobs: AtomicU64,
    total_bytes: AtomicU64,
}

impl<'a> Tally<'a> {
    pub(super) fn new(clock: Arc<dyn Clock>, observer: &'a dyn Observer) -> Self {
        let began = clock.elapsed();
        let zero = || AtomicU64::new(0);
        let (blobs, bytes, total_blobs, total_bytes) = (zero(), zero(), zero(), zero());
        Self { clock, observer, began, blobs, bytes, total_blobs, total_bytes }
    }

    /// So much is to be copied.
    pub(super) fn expect(&self, blobs: u64, bytes: u64) {
        self.total_blobs.store(blobs, Ordering::Relaxed);
        self.total_bytes.store(bytes, Ordering::Relaxed);
        self.tell();
    }

    /// So many bytes more were copied.
    pub(super) fn copied(&self, bytes: u64) {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if before / TELL_EVERY != (before + bytes) / TELL_EVERY {
            self.tell();
        }
    }

    /// A blob is done.
    pub(super) fn finished(&self) {
        self.blobs.fetch_add(1, Ordering::Relaxed);
        self.tell();
    }

    fn tell(&self) {
        let read = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        let (objects, bytes) = (read(&self.blobs), read(&self.bytes));
        let millis = self.clock.elapsed().saturating_sub(self.began).as_millis();
        let rate = (u128::from(bytes) * 1000).checked_div(millis).unwrap_or(0);
        self.observer.volume(&Volume {
            phase: "move",
            objects,
            total_objects: read(&self.total_blobs).max(objects),
            bytes,
            total_bytes: read(&self.total_bytes).max(bytes),
            rate: u64::try_from(rate).unwrap_or(u64::MAX),
        });
    }
}
