//! Our clock against the database's, where several replicas share one.
//!
//! Leases run by the database's clock, so a wrong one of ours does no harm
//! there; but upload ids, ages and tag times carry our time.

use std::sync::Arc;
use std::time::Duration;

use server::Health;
use store::{Clock, LeaseStore, StoreError};
use workers::Shutdown;

use crate::wire::Stores;

/// How often the clocks are compared.
const EVERY: Duration = Duration::from_secs(30);
/// A difference that is worth a word.
const TOLERATED: Duration = Duration::from_secs(5);

/// Compares the clocks until the process ends.
pub(crate) async fn watch(stores: Stores, health: Arc<Health>, shutdown: Shutdown) {
    const NOTE: &str = "clock";
    let mut was_off = false;
    loop {
        match skew(&*stores.metadata, &*stores.world.clock).await {
            Ok(skew) if skew > TOLERATED => {
                let text = format!("differs from the database's by {} s", skew.as_secs());
                if !std::mem::replace(&mut was_off, true) {
                    tracing::warn!("the clock of this machine {text}; synchronise it (NTP)");
                }
                health.note(NOTE, text);
            }
            Ok(_) => {
                was_off = false;
                health.unnote(NOTE);
            }
            // That the database is away is told by the check of the storage.
            Err(error) => tracing::debug!(%error, "the clocks could not be compared"),
        }
        if !shutdown.sleep(EVERY).await {
            return;
        }
    }
}

/// How far the clocks are apart, less what asking took.
async fn skew(leases: &dyn LeaseStore, clock: &dyn Clock) -> Result<Duration, StoreError> {
    let (before, asked) = (clock.now().millis(), clock.elapsed());
    let theirs = leases.store_time().await?.millis();
    let took = i64::try_from(clock.elapsed().saturating_sub(asked).as_millis()).unwrap_or(i64::MAX);
    let early = before.saturating_sub(theirs);
    let late = theirs.saturating_sub(before.saturating_add(took));
    Ok(Duration::from_millis(early.max(late).max(0).unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use store::{Lease, Timestamp};

    use super::*;

    struct At(i64);

    impl Clock for At {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0)
        }
        fn elapsed(&self) -> Duration {
            Duration::ZERO
        }
    }

    #[async_trait]
    impl LeaseStore for At {
        async fn take_lease(&self, _: Lease, _: Duration) -> Result<bool, StoreError> {
            Ok(false)
        }
        async fn release_lease(&self, _: Lease) -> Result<(), StoreError> {
            Ok(())
        }
        async fn store_time(&self) -> Result<Timestamp, StoreError> {
            Ok(self.now())
        }
    }

    #[tokio::test]
    async fn clocks_are_apart_whichever_is_ahead() {
        for (ours, theirs, apart) in [(9_000, 2_000, 7), (2_000, 9_000, 7), (5_000, 5_000, 0)] {
            let found = skew(&At(theirs), &At(ours)).await.unwrap();
            assert_eq!(found, Duration::from_secs(apart));
        }
    }
}
