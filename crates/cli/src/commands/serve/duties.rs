//! What a running registry does by itself, again and again.

use std::future::Future;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use metastore::MetadataStore;
use parking_lot::Mutex;
use registry::Registry;
use store::{Clock, Lease, StoreError};
use workers::expire::{self, Expire, ExpireOptions};
use workers::leased;
use workers::runner::{Runner, Schedule};
use workers::sweep::{self, SweepOptions};
use workers::verify::{self, VerifyReport};
use workers::{Finding, Observer, Progress, Shutdown, Volume, WorkError};

use crate::config::Config;
use crate::config::berth::Role;
use crate::config::storage::UploadPurging;
use crate::wire::Stores;
use crate::work::{Backlog, quick_sweep, verification};

/// How often uploads that nobody touches are written down.
const SETTLE_EVERY: Duration = Duration::from_secs(60);
/// How long an upload may rest in memory.
const SETTLE_AFTER: Duration = Duration::from_secs(300);
/// How often gathered pulls are written down.
const COUNT_EVERY: Duration = Duration::from_secs(60);
/// When bytes without a row are looked for first, and how often.
const SWEEP_AFTER: Duration = Duration::from_secs(10 * 60);
const SWEEP_EVERY: Duration = Duration::from_secs(24 * 3600);
const HOUR: Duration = Duration::from_secs(3600);
/// How often a replica looks whether a duty of another one is left undone.
const TAKE_OVER_EVERY: Duration = Duration::from_secs(60);
/// How often the log says how far the re-hashing of imported blobs is.
const TELL_EVERY: Duration = Duration::from_secs(30);

/// Starts the periodic duties.
pub(super) fn duties(
    config: &Config,
    stores: &Stores,
    registry: &Arc<Registry>,
    backlog: &Arc<Backlog>,
    shutdown: &Shutdown,
) -> Runner {
    let mut runner = Runner::new(shutdown.clone());
    settle(&mut runner, registry);
    count(&mut runner, registry, stores);
    if config.berth.role == Role::Http {
        return runner;
    }
    let purging = &config.storage.maintenance.upload_purging;
    if purging.enabled {
        expire(&mut runner, purging, stores, shutdown);
    }
    verify(&mut runner, config, stores, backlog, shutdown);
    sweep(&mut runner, stores, shutdown);
    runner
}

/// Uploads that nobody touches let go of their memory.
fn settle(runner: &mut Runner, registry: &Arc<Registry>) {
    let registry = registry.clone();
    let schedule = Schedule { name: "settle", first_after: SETTLE_EVERY, interval: SETTLE_EVERY };
    runner.every(schedule, move || {
        let registry = registry.clone();
        async move { registry.settle_uploads(SETTLE_AFTER).await.map(drop).map_err(duty_failed) }
    });
}

/// Pulls are gathered in memory and written down together.
fn count(runner: &mut Runner, registry: &Arc<Registry>, stores: &Stores) {
    let (registry, counters) = (registry.clone(), stores.metadata.clone());
    let schedule = Schedule { name: "count", first_after: COUNT_EVERY, interval: COUNT_EVERY };
    runner.every(schedule, move || {
        let (registry, counters) = (registry.clone(), counters.clone());
        async move { registry.flush_pulls(&*counters).await.map(drop).map_err(duty_failed) }
    });
}

/// Uploads that nobody finished end, and their litter goes.
fn expire(runner: &mut Runner, purging: &UploadPurging, stores: &Stores, shutdown: &Shutdown) {
    let expire = Expire {
        uploads: stores.metadata.clone(),
        blobs: stores.blobs.clone(),
        clock: stores.world.clock.clone(),
    };
    let options =
        ExpireOptions { age: purging.age, dry_run: purging.dry_run, ..ExpireOptions::default() };
    let interval = purging.interval.min(HOUR);
    let schedule = Schedule { name: "expire", first_after: Duration::from_secs(60), interval };
    let (shutdown, turn) = (shutdown.clone(), Turn::of(stores));
    runner.every(schedule, move || {
        let (expire, shutdown) = (expire.clone(), shutdown.clone());
        let turn = turn.clone();
        async move {
            let work = expire::run(&expire, options, &LogObserver, &shutdown);
            turn.take("expire", work).await.map(drop)
        }
    });
}

/// Bytes that a crash left without a row go.
fn sweep(runner: &mut Runner, stores: &Stores, shutdown: &Shutdown) {
    let sweep = quick_sweep(stores);
    let schedule = Schedule { name: "sweep", first_after: SWEEP_AFTER, interval: SWEEP_EVERY };
    let (shutdown, turn) = (shutdown.clone(), Turn::of(stores));
    runner.every(schedule, move || {
        let (sweep, shutdown, turn) = (sweep.clone(), shutdown.clone(), turn.clone());
        async move {
            let work = sweep::run(&sweep, SweepOptions::default(), &LogObserver, &shutdown);
            turn.take("sweep", work).await.map(drop)
        }
    });
}

/// Imported blobs are hashed in the background; an import calls for it.
fn verify(
    runner: &mut Runner,
    config: &Config,
    stores: &Stores,
    backlog: &Arc<Backlog>,
    shutdown: &Shutdown,
) {
    let rate = NonZeroU64::new(config.berth.import.verify_rate);
    let verify = verification(stores, rate);
    // Who finds that another replica is at it looks again soon: that one may die.
    let interval = if stores.shared { TAKE_OVER_EVERY } else { HOUR };
    let schedule = Schedule { name: "verify", first_after: Duration::from_secs(5), interval };
    let (backlog, shutdown, turn) = (backlog.clone(), shutdown.clone(), Turn::of(stores));
    let call = backlog.call.clone();
    runner.every_or_called(schedule, call, move || {
        let (verify, backlog, shutdown) = (verify.clone(), backlog.clone(), shutdown.clone());
        let turn = turn.clone();
        async move {
            let observer = RehashObserver::new(verify.clock.clone(), backlog);
            let work = verify::run(&verify, &observer, &shutdown);
            if let Some(report) = turn.take("verify", work).await? {
                observer.end(&report);
            }
            // What could not be read now is left for the next run.
            observer.backlog.note(verify.store.unverified_total().await?);
            Ok(())
        }
    });
}

/// Whose turn a duty is, where several replicas could do it.
#[derive(Clone)]
pub(super) struct Turn {
    /// `None` if nobody else could.
    leases: Option<Arc<dyn MetadataStore>>,
    holder: String,
}

impl Turn {
    pub(super) fn of(stores: &Stores) -> Self {
        let leases = stores.shared.then(|| stores.metadata.clone());
        Self { leases, holder: stores.holder.clone() }
    }

    /// Does the work if it is our turn; `None` if another replica is at it.
    pub(super) async fn take<T>(
        &self,
        name: &str,
        work: impl Future<Output = Result<T, WorkError>>,
    ) -> Result<Option<T>, WorkError> {
        match &self.leases {
            None => work.await.map(Some),
            Some(leases) => {
                let lease = Lease { name: name.to_owned(), holder: self.holder.clone() };
                leased::run(&**leases, lease, work).await
            }
        }
    }
}

/// A failure of the domain, as a duty reports it.
fn duty_failed(error: registry::Error) -> WorkError {
    match error {
        registry::Error::Store(error) => error.into(),
        other => StoreError::Failed(other.to_string()).into(),
    }
}

/// Duties speak to the log.
struct LogObserver;

impl Observer for LogObserver {
    fn progress(&self, progress: &Progress) {
        tracing::debug!(
            phase = progress.phase,
            done = progress.done,
            total = progress.total,
            bytes = progress.bytes
        );
    }

    fn line(&self, line: &str) {
        tracing::info!("{line}");
    }

    fn finding(&self, finding: &Finding) {
        tracing::error!("{finding}");
    }
}

/// Tells the metrics how far the re-hashing is, and now and then the log.
struct RehashObserver {
    backlog: Arc<Backlog>,
    clock: Arc<dyn Clock>,
    /// When the log was told last, on the clock's `elapsed` scale.
    told: Mutex<Duration>,
}

impl RehashObserver {
    fn new(clock: Arc<dyn Clock>, backlog: Arc<Backlog>) -> Self {
        let told = Mutex::new(clock.elapsed());
        Self { backlog, clock, told }
    }

    /// Whether it is time for a line of the log.
    fn due(&self) -> bool {
        let now = self.clock.elapsed();
        let mut told = self.told.lock();
        let due = now.saturating_sub(*told) >= TELL_EVERY;
        if due {
            *told = now;
        }
        due
    }

    /// Says how a run ended, if there was anything to do.
    fn end(&self, report: &VerifyReport) {
        if *report != VerifyReport::default() {
            tracing::info!(
                blobs = report.verified,
                bytes = report.bytes,
                findings = report.findings.total(),
                "imported blobs were re-hashed"
            );
        }
    }
}

impl Observer for RehashObserver {
    fn progress(&self, _: &Progress) {}

    fn volume(&self, volume: &Volume) {
        let blobs = volume.total_objects.saturating_sub(volume.objects);
        let bytes = volume.total_bytes.saturating_sub(volume.bytes);
        self.backlog.note((blobs, bytes));
        if !self.due() {
            return;
        }
        tracing::info!(
            blobs = volume.objects,
            of_blobs = volume.total_objects,
            bytes = volume.bytes,
            of_bytes = volume.total_bytes,
            bytes_per_second = volume.rate,
            "imported blobs are being re-hashed"
        );
    }

    fn line(&self, line: &str) {
        tracing::info!("{line}");
    }

    fn finding(&self, finding: &Finding) {
        tracing::error!("{finding}");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use store::Timestamp;

    use super::*;

    #[derive(Default)]
    struct TestClock(AtomicU64);

    impl Clock for TestClock {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(0)
        }
        fn elapsed(&self) -> Duration {
            Duration::from_secs(self.0.load(Ordering::Relaxed))
        }
    }

    #[test]
    fn the_log_is_told_every_thirty_seconds_and_not_more_often() {
        let clock = Arc::new(TestClock::default());
        let observer = RehashObserver::new(clock.clone(), Arc::default());
        let mut told = Vec::new();
        for second in 0..100 {
            clock.0.store(second, Ordering::Relaxed);
            if observer.due() {
                told.push(second);
            }
        }
        assert_eq!(told, [30, 60, 90]);
    }
}
