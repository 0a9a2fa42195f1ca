//! Keeps background reading from taking the disk away from clients.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use store::Clock;

use crate::{Shutdown, WorkError};

/// The longest single pause, so that a huge chunk cannot stop the work for ever.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Holds work to a number of bytes per second, measured from its first byte on.
pub struct Throttle {
    clock: Arc<dyn Clock>,
    rate: Option<NonZeroU64>,
    /// When the bytes taken so far are paid for, on the clock's `elapsed` scale.
    paid_until: Duration,
}

impl Throttle {
    /// At most `rate` bytes per second; `None` is as fast as it goes.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, rate: Option<NonZeroU64>) -> Self {
        let paid_until = clock.elapsed();
        Self { clock, rate, paid_until }
    }

    /// Waits until `bytes` more may be handled.
    ///
    /// # Errors
    /// [`WorkError::Interrupted`] when the shutdown signal comes first.
    pub async fn take(&mut self, bytes: u64, shutdown: &Shutdown) -> Result<(), WorkError> {
        if shutdown.requested() {
            return Err(WorkError::Interrupted);
        }
        let pause = self.owed(bytes);
        match pause.is_zero() || shutdown.sleep(pause).await {
            true => Ok(()),
            false => Err(WorkError::Interrupted),
        }
    }

    /// Books `bytes` and says how long to wait before handling them.
    fn owed(&mut self, bytes: u64) -> Duration {
        let Some(rate) = self.rate else { return Duration::ZERO };
        let now = self.clock.elapsed();
        let pause = self.paid_until.saturating_sub(now).min(LONGEST_PAUSE);
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(rate.get());
        let cost = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        // Time in which nothing was read is lost, so that a rest is not followed by a burst.
        self.paid_until = self.paid_until.max(now).saturating_add(cost);
        pause
    }
}

impl std::fmt::Debug for Throttle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Throttle").field("rate", &self.rate).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::Timestamp;

    struct Frozen;
    impl Clock for Frozen {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(0)
        }
        fn elapsed(&self) -> Duration {
            Duration::from_secs(5)
        }
    }

    #[test]
    fn bytes_are_paid_for_before_the_next_ones() {
        let mut throttle = Throttle::new(Arc::new(Frozen), NonZeroU64::new(1000));
        assert_eq!(throttle.owed(500), Duration::ZERO);
        assert_eq!(throttle.owed(1000), Duration::from_millis(500));
        assert_eq!(throttle.owed(1), Duration::from_millis(1500));
    }

    #[test]
    fn without_a_rate_nothing_waits() {
        let mut throttle = Throttle::new(Arc::new(Frozen), None);
        assert_eq!(throttle.owed(u64::MAX), Duration::ZERO);
        assert_eq!(throttle.owed(u64::MAX), Duration::ZERO);
    }
}
