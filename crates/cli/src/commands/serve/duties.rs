//! What a running registry does by itself, again and again.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use registry::Registry;
use store::StoreError;
use workers::expire::{self, Expire, ExpireOptions};
use workers::runner::{Runner, Schedule};
use workers::verify::{self, Verify};
use workers::{Finding, Observer, Progress, Shutdown, WorkError};

use crate::config::Config;
use crate::config::storage::UploadPurging;
use crate::wire::Stores;

/// How often uploads that nobody touches are written down.
const SETTLE_EVERY: Duration = Duration::from_secs(60);
/// How long an upload may rest in memory.
const SETTLE_AFTER: Duration = Duration::from_secs(300);
/// How often gathered pulls are written down.
const COUNT_EVERY: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// Bytes per second that re-hashing of imported blobs may read.
const VERIFY_RATE: u64 = 200 << 20;

/// Starts the periodic duties.
pub(super) fn duties(
    config: &Config,
    stores: &Stores,
    registry: &Arc<Registry>,
    shutdown: &Shutdown,
) -> Runner {
    let mut runner = Runner::new(shutdown.clone());
    settle(&mut runner, registry);
    count(&mut runner, registry, stores);
    let purging = &config.storage.maintenance.upload_purging;
    if purging.enabled {
        expire(&mut runner, purging, stores, shutdown);
    }
    verify(&mut runner, stores, shutdown);
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
    let shutdown = shutdown.clone();
    runner.every(schedule, move || {
        let (expire, shutdown) = (expire.clone(), shutdown.clone());
        async move { expire::run(&expire, options, &LogObserver, &shutdown).await.map(drop) }
    });
}

/// Imported blobs are hashed in the background.
fn verify(runner: &mut Runner, stores: &Stores, shutdown: &Shutdown) {
    let verify = Verify {
        store: stores.metadata.clone(),
        blobs: stores.blobs.clone(),
        clock: stores.world.clock.clone(),
        rate: NonZeroU64::new(VERIFY_RATE),
    };
    let schedule = Schedule { name: "verify", first_after: Duration::from_secs(5), interval: HOUR };
    let shutdown = shutdown.clone();
    runner.every(schedule, move || {
        let (verify, shutdown) = (verify.clone(), shutdown.clone());
        async move { verify::run(&verify, &LogObserver, &shutdown).await.map(drop) }
    });
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
