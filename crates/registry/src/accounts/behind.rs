//! A policy that is older than it may be.
//!
//! It is known that access has changed, and the change cannot be read: what was
//! taken away would be there for ever. So after a minute only administrators go
//! on, who may do everything anyway and can look for the reason.
//!
//! That a store is away is something else: nothing is known to have changed
//! then, and `stale_reads` says how long what was known counts. It does not
//! lengthen this minute.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Accounts;
use crate::access::{AuthenticationError, Caller};

/// For how long an older policy than the newest counts.
const MAX_BEHIND: Duration = Duration::from_secs(60);
/// The policy is not known to be behind.
const CURRENT: u64 = u64::MAX;

/// Since when a newer policy is known than the one that decides, in
/// milliseconds of the clock that never goes back.
pub(super) struct Behind(AtomicU64);

impl Default for Behind {
    fn default() -> Self {
        Self(AtomicU64::new(CURRENT))
    }
}

impl Behind {
    /// There is a newer one; it was heard of at `at`, if not before.
    pub(super) fn begins(&self, at: Duration) {
        let millis = u64::try_from(at.as_millis()).unwrap_or(CURRENT - 1);
        self.0.fetch_min(millis, Ordering::SeqCst);
    }

    /// The newest one decides.
    pub(super) fn ends(&self) {
        self.0.store(CURRENT, Ordering::SeqCst);
    }

    fn is_too_long(&self, now: Duration) -> bool {
        let since = self.0.load(Ordering::SeqCst);
        since != CURRENT && now.saturating_sub(Duration::from_millis(since)) > MAX_BEHIND
    }
}

impl Accounts {
    /// Whether it is known for more than a minute that access has changed, and
    /// the change cannot be read.
    pub fn is_behind(&self) -> bool {
        self.behind.is_too_long(self.clock.elapsed())
    }

    /// Refuses everybody but administrators while [`Accounts::is_behind`]. To be
    /// asked about each caller before the policy is.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn check_current(&self, caller: &Caller) -> Result<(), AuthenticationError> {
        if caller.identity().is_admin || !self.is_behind() {
            return Ok(());
        }
        let why = "accounts and grants have changed, and the change cannot be read";
        Err(AuthenticationError::Unavailable(why.to_owned()))
    }
}
