//! Time as a parameter, so that tests and simulations can own it.

use std::fmt;
use std::time::Duration;

/// A moment as milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment `millis` milliseconds after the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This moment moved back by `by`; stops at the smallest moment.
    pub fn before(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(clamp(by)))
    }

    /// This moment moved on by `by`; stops at the largest moment.
    pub fn after(self, by: Duration) -> Self {
        Self(self.0.saturating_add(clamp(by)))
    }
}

fn clamp(by: Duration) -> i64 {
    i64::try_from(by.as_millis()).unwrap_or(i64::MAX)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Where the present moment comes from.
pub trait Clock: Send + Sync + 'static {
    /// The wall clock, for times that are stored and shown.
    fn now(&self) -> Timestamp;

    /// A clock that never goes back, for measuring how long something took.
    /// Only differences mean something.
    fn elapsed(&self) -> Duration;
}

/// The clock of the operating system.
#[derive(Debug)]
pub struct SystemClock {
    start: std::time::Instant,
}

impl SystemClock {
    /// A clock whose `elapsed` begins now.
    #[expect(clippy::disallowed_methods, reason = "the one place where the real clock is read")]
    pub fn new() -> Self {
        Self { start: std::time::Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the real clock is read")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp(since.map_or(0, clamp))
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}
