//! Work that only one of several replicas does at a time.

use std::future::Future;
use std::time::Duration;

use store::{Lease, LeaseStore, StoreError};

use crate::WorkError;

/// How long a lease lasts without being renewed: so long a duty rests after
/// the replica that had it has died.
const TERM: Duration = Duration::from_secs(60);
/// So long before its end a lease counts as lost: work that is under way ends.
const MARGIN: Duration = Duration::from_secs(15);
/// How often a lease is renewed while its work goes on.
const RENEW_EVERY: Duration = Duration::from_secs(15);

/// Does `work` under a lease. `None` if another replica has the lease.
///
/// # Errors
/// Those of the work; and [`StoreError::Busy`] if the lease is lost, in which
/// case the work is dropped where it stands.
pub async fn run<T>(
    leases: &dyn LeaseStore,
    lease: Lease,
    work: impl Future<Output = Result<T, WorkError>>,
) -> Result<Option<T>, WorkError> {
    if !leases.take_lease(lease.clone(), TERM).await? {
        return Ok(None);
    }
    let outcome = tokio::select! {
        done = work => done.map(Some),
        lost = keep(leases, &lease) => Err(lost),
    };
    // It ends by itself as well, only later.
    if let Err(error) = leases.release_lease(lease).await {
        tracing::debug!(%error, "a lease was not given back");
    }
    outcome
}

/// Renews the lease for as long as that works; ends before others can have it.
async fn keep(leases: &dyn LeaseStore, lease: &Lease) -> WorkError {
    let mut failed = StoreError::Busy("the lease was not renewed in time".to_owned());
    loop {
        let renewed = tokio::time::timeout(TERM - MARGIN, renew(leases, lease, &mut failed)).await;
        match renewed {
            Ok(true) => {}
            Ok(false) => {
                let text = format!("another replica has taken over `{}`", lease.name);
                return StoreError::Busy(text).into();
            }
            Err(_) => return failed.into(),
        }
    }
}

/// Waits for the next round and renews, again and again until there is an answer.
async fn renew(leases: &dyn LeaseStore, lease: &Lease, failed: &mut StoreError) -> bool {
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        match leases.take_lease(lease.clone(), TERM).await {
            Ok(ours) => return ours,
            Err(error) => *failed = error,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use async_trait::async_trait;
    use store::Timestamp;

    use super::*;

    /// A lease that anybody gets for as long as nobody takes it away.
    struct Desk {
        taken_away: AtomicBool,
    }

    #[async_trait]
    impl LeaseStore for Desk {
        async fn take_lease(&self, _: Lease, _: Duration) -> Result<bool, StoreError> {
            Ok(!self.taken_away.load(Ordering::Relaxed))
        }
        async fn release_lease(&self, _: Lease) -> Result<(), StoreError> {
            Ok(())
        }
        async fn store_time(&self) -> Result<Timestamp, StoreError> {
            Ok(Timestamp::from_millis(0))
        }
    }

    fn lease() -> Lease {
        Lease { name: "work".to_owned(), holder: "me".to_owned() }
    }

    #[tokio::test]
    async fn work_of_another_replica_is_left_alone() {
        let desk = Desk { taken_away: AtomicBool::new(true) };
        let done = run(&desk, lease(), async { panic!("not ours") }).await;
        assert!(matches!(done, Ok(None::<()>)));
    }

    #[tokio::test(start_paused = true)]
    async fn work_ends_soon_after_its_lease_was_lost() {
        let desk = Desk { taken_away: AtomicBool::new(false) };
        let began = tokio::time::Instant::now();
        let work = async {
            desk.taken_away.store(true, Ordering::Relaxed);
            std::future::pending::<Result<(), WorkError>>().await
        };
        let done = run(&desk, lease(), work).await;
        assert!(matches!(done, Err(WorkError::Store(StoreError::Busy(_)))));
        assert!(began.elapsed() <= RENEW_EVERY);
    }
}
