//! The one place that reads the real clocks: measuring elapsed time is what this program is for.

use std::time::{Instant, SystemTime};

/// Now, on the monotonic clock.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Seconds since 1970, for what must be dated.
#[expect(clippy::disallowed_methods, reason = "a store refuses requests of another time")]
pub(crate) fn since_epoch() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs())
}
