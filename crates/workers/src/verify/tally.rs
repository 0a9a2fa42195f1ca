//! How far a run is: what is done, what is left, how fast it goes.

use std::sync::Arc;
use std::time::Duration;

use store::{Clock, ImportStore};

use crate::{Observer, Volume, WorkError};

/// What is left is counted anew after so long: an import may have added to it meanwhile.
const COUNT_EVERY: Duration = Duration::from_secs(30);

/// Counts objects and bytes and tells the observer.
pub(super) struct Tally<'a> {
    clock: Arc<dyn Clock>,
    observer: &'a dyn Observer,
    began: Duration,
    counted: Duration,
    /// Objects and bytes that are done, damaged ones among them.
    done: (u64, u64),
    /// Objects and bytes in all.
    total: (u64, u64),
    /// Objects and bytes that this run could not settle, so that they are still unverified.
    unsettled: (u64, u64),
    /// Bytes of the blob at hand.
    current: u64,
}

impl<'a> Tally<'a> {
    /// Nothing is done yet of `total` objects and bytes.
    pub(super) fn new(
        clock: Arc<dyn Clock>,
        observer: &'a dyn Observer,
        total: (u64, u64),
    ) -> Self {
        let now = clock.elapsed();
        let (done, unsettled, current) = ((0, 0), (0, 0), 0);
        let tally =
            Self { clock, observer, began: now, counted: now, done, total, unsettled, current };
        tally.tell();
        tally
    }

    /// So many bytes more of the blob at hand.
    pub(super) fn hashed(&mut self, bytes: u64) {
        self.current += bytes;
        self.tell();
    }

    /// The blob at hand is done, whether or not all its bytes were read.
    pub(super) fn finished(&mut self, size: u64, settled: bool) {
        self.current = 0;
        self.done = plus(self.done, (1, size));
        if !settled {
            self.unsettled = plus(self.unsettled, (1, size));
        }
        self.tell();
    }

    /// Counts what is left if that was long ago. Everything that is settled must have been noted.
    pub(super) async fn recount(&mut self, store: &dyn ImportStore) -> Result<(), WorkError> {
        let now = self.clock.elapsed();
        if now.saturating_sub(self.counted) >= COUNT_EVERY {
            self.counted = now;
            self.total = minus(plus(self.done, store.unverified_total().await?), self.unsettled);
        }
        Ok(())
    }

    fn tell(&self) {
        let bytes = self.done.1 + self.current;
        let millis = self.clock.elapsed().saturating_sub(self.began).as_millis();
        let rate = (u128::from(bytes) * 1000).checked_div(millis).unwrap_or(0);
        self.observer.volume(&Volume {
            phase: "verify",
            objects: self.done.0,
            total_objects: self.total.0.max(self.done.0),
            bytes,
            total_bytes: self.total.1.max(bytes),
            rate: u64::try_from(rate).unwrap_or(u64::MAX),
        });
    }
}

fn plus(one: (u64, u64), other: (u64, u64)) -> (u64, u64) {
    (one.0.saturating_add(other.0), one.1.saturating_add(other.1))
}

fn minus(one: (u64, u64), other: (u64, u64)) -> (u64, u64) {
    (one.0.saturating_sub(other.0), one.1.saturating_sub(other.1))
}
