//! One line in the log when the metadata store goes away, and one when it is
//! back.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use store::{Clock, StoreError};

/// How long nothing may have failed before the store counts as back: one that
/// answers every second question is not.
const CALM: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Outage {
    /// How long answers come from memory, for the log.
    term: Duration,
    away: AtomicBool,
    /// When the store failed last, in milliseconds of the clock that never goes
    /// back.
    failed: AtomicU64,
    answers: AtomicU64,
}

impl Outage {
    pub(super) fn new(term: Duration) -> Self {
        let (failed, answers) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { term, away: AtomicBool::new(false), failed, answers }
    }

    pub(super) fn failed(&self, clock: &dyn Clock, error: &StoreError) {
        self.failed.store(millis(clock), Ordering::Relaxed);
        if !self.away.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                %error,
                "the metadata is out of reach; digests that were pulled within the last {} s \
                 are served from memory",
                self.term.as_secs()
            );
        }
    }

    pub(super) fn answered(&self, clock: &dyn Clock) {
        if !self.away.load(Ordering::Relaxed) {
            return;
        }
        let since = millis(clock).saturating_sub(self.failed.load(Ordering::Relaxed));
        if u128::from(since) >= CALM.as_millis() && self.away.swap(false, Ordering::Relaxed) {
            let answers = self.answers();
            tracing::info!(answers, "the metadata answers again; so much came from memory so far");
        }
    }

    /// Counts an answer from memory.
    pub(super) fn count(&self) {
        self.answers.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn answers(&self) -> u64 {
        self.answers.load(Ordering::Relaxed)
    }
}

fn millis(clock: &dyn Clock) -> u64 {
    u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use store::Timestamp;

    use super::*;

    struct At(u64);

    impl Clock for At {
        fn now(&self) -> Timestamp {
            Timestamp::default()
        }
        fn elapsed(&self) -> Duration {
            Duration::from_millis(self.0)
        }
    }

    #[test]
    fn an_outage_ends_when_nothing_has_failed_for_a_while() {
        let outage = Outage::new(CALM);
        let busy = StoreError::Busy("away".into());
        outage.failed(&At(5_000), &busy);
        outage.answered(&At(5_999));
        assert!(outage.away.load(Ordering::Relaxed));
        outage.failed(&At(6_000), &busy);
        outage.answered(&At(7_000));
        assert!(!outage.away.load(Ordering::Relaxed));
    }
}
