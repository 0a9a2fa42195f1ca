//! Repeats the periodic duties until the process ends.
//!
//! Each duty has a task of its own, so a slow one holds up no other, and never runs twice at once.
//! A duty that fails is tried again soon, then ever less often; the log gets the first failure and
//! the recovery, not every attempt.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::{Shutdown, WorkError};

/// The first pause after a failure; it doubles up to the duty's interval.
const FIRST_RETRY: Duration = Duration::from_secs(60);

/// When a duty runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Its name, for the log.
    pub name: &'static str,
    /// Pause before the first run, so that the start of the process belongs to its clients.
    pub first_after: Duration,
    /// Pause after each run.
    pub interval: Duration,
}

/// Holds the tasks of the duties.
#[derive(Debug)]
pub struct Runner {
    shutdown: Shutdown,
    tasks: JoinSet<()>,
}

impl Runner {
    /// A runner without duties.
    #[must_use]
    pub fn new(shutdown: Shutdown) -> Self {
        Self { shutdown, tasks: JoinSet::new() }
    }

    /// Repeats `duty`. Must be called inside a runtime.
    pub fn every<D, R>(&mut self, schedule: Schedule, duty: D)
    where
        D: Fn() -> R + Send + 'static,
        R: Future<Output = Result<(), WorkError>> + Send,
    {
        self.every_or_called(schedule, Arc::default(), duty);
    }

    /// The same, and also at once when `call` is notified; a call during a run is followed by
    /// another run.
    pub fn every_or_called<D, R>(&mut self, schedule: Schedule, call: Arc<Notify>, duty: D)
    where
        D: Fn() -> R + Send + 'static,
        R: Future<Output = Result<(), WorkError>> + Send,
    {
        let shutdown = self.shutdown.clone();
        self.tasks.spawn(async move { repeat(schedule, &call, duty, &shutdown).await });
    }

    /// Waits until all duties have seen the shutdown signal and ended.
    pub async fn finish(mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a background duty ended by a fault of its own");
            }
        }
    }
}

async fn repeat<D, R>(schedule: Schedule, call: &Notify, duty: D, shutdown: &Shutdown)
where
    D: Fn() -> R,
    R: Future<Output = Result<(), WorkError>>,
{
    let Schedule { name, first_after, interval } = schedule;
    let mut pause = first_after;
    let mut failures = 0_u32;
    while rest(pause, call, shutdown).await {
        pause = match duty().await {
            Ok(()) => {
                if failures > 0 {
                    tracing::info!(duty = name, failures, "a background duty works again");
                }
                failures = 0;
                interval
            }
            Err(WorkError::Interrupted) => return,
            Err(error) => {
                if failures == 0 {
                    tracing::error!(duty = name, %error, "a background duty failed; trying again");
                }
                failures = failures.saturating_add(1);
                retry_after(failures).min(interval)
            }
        };
    }
}

/// Waits for `pause` or a call; `false` if the shutdown signal came first.
async fn rest(pause: Duration, call: &Notify, shutdown: &Shutdown) -> bool {
    tokio::select! {
        goes_on = shutdown.sleep(pause) => goes_on,
        () = call.notified() => !shutdown.requested(),
    }
}

fn retry_after(failures: u32) -> Duration {
    FIRST_RETRY.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use store::StoreError;
    use tokio::sync::watch;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const SCHEDULE: Schedule = Schedule { name: "test", first_after: HOUR, interval: HOUR };

    #[tokio::test(start_paused = true)]
    async fn a_duty_runs_after_its_delay_and_ends_with_the_signal() {
        let (stop, signal) = watch::channel(false);
        let runs = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&runs);
        let mut runner = Runner::new(Shutdown::new(signal));
        runner.every(SCHEDULE, move || {
            counted.fetch_add(1, Ordering::Relaxed);
            async { Ok(()) }
        });
        tokio::time::sleep(HOUR - Duration::from_secs(1)).await;
        assert_eq!(runs.load(Ordering::Relaxed), 0);
        tokio::time::sleep(2 * HOUR).await;
        assert_eq!(runs.load(Ordering::Relaxed), 2);
        stop.send(true).unwrap();
        runner.finish().await;
        assert_eq!(runs.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_called_duty_does_not_wait_for_its_time() {
        let (stop, signal) = watch::channel(false);
        let call = Arc::new(Notify::new());
        let (ran, mut runs) = tokio::sync::mpsc::unbounded_channel();
        let mut runner = Runner::new(Shutdown::new(signal));
        runner.every_or_called(SCHEDULE, Arc::clone(&call), move || {
            ran.send(tokio::time::Instant::now()).unwrap();
            async { Ok(()) }
        });
        let began = tokio::time::Instant::now();
        call.notify_one();
        assert_eq!(runs.recv().await.unwrap() - began, Duration::ZERO);
        // The call is used up: the next run is a matter of time.
        assert_eq!(runs.recv().await.unwrap() - began, HOUR);
        stop.send(true).unwrap();
        runner.finish().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_failing_duty_is_tried_again_sooner_than_its_interval() {
        let (stop, signal) = watch::channel(false);
        let runs = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&runs);
        let mut runner = Runner::new(Shutdown::new(signal));
        runner.every(SCHEDULE, move || {
            counted.fetch_add(1, Ordering::Relaxed);
            async { Err(WorkError::Store(StoreError::Failed("no".to_owned()))) }
        });
        // After the delay at once, then after 1, 2 and 4 minutes.
        tokio::time::sleep(HOUR + Duration::from_secs(7 * 60 + 1)).await;
        assert_eq!(runs.load(Ordering::Relaxed), 4);
        stop.send(true).unwrap();
        runner.finish().await;
    }
}
