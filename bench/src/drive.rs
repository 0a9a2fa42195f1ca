//! Runs workers, one per connection, each with one request under way at a time.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::Outcome;
use crate::clock::now;

/// How long a worker may go on past the end of its phase: some peers need seconds for a page.
const PATIENCE: Duration = Duration::from_secs(120);

/// One connection's work.
pub(crate) trait Worker: Send + 'static {
    /// One operation; false when nothing is left to do.
    fn step(&mut self) -> impl Future<Output = Outcome<bool>> + Send;
}

/// A phase that ended.
pub(crate) struct Phase<W> {
    /// The workers with their connections, for the next phase.
    pub(crate) workers: Vec<W>,
    pub(crate) operations: u64,
    /// From the first request to the last answer.
    pub(crate) elapsed: Duration,
}

/// Lets the workers begin operations for `time`, and longer until `least` of them are done; awaits
/// those that are under way then.
pub(crate) async fn drive<W: Worker>(
    workers: Vec<W>,
    time: Duration,
    least: u64,
) -> Outcome<Phase<W>> {
    let begun = now();
    let end = begun + time;
    let all_done = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    for mut worker in workers {
        let all_done = Arc::clone(&all_done);
        tasks.spawn(async move {
            let mut operations = 0_u64;
            while (now() < end || all_done.load(Ordering::Relaxed) < least) && worker.step().await?
            {
                operations += 1;
                all_done.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<_, String>((worker, operations))
        });
    }
    let all = async {
        let mut workers = Vec::with_capacity(tasks.len());
        let mut operations = 0;
        while let Some(task) = tasks.join_next().await {
            let (worker, done) = task.map_err(|error| format!("a worker ended: {error}"))??;
            workers.push(worker);
            operations += done;
        }
        Ok::<_, String>((workers, operations))
    };
    let (workers, operations) = tokio::time::timeout(time + PATIENCE, all)
        .await
        .map_err(|_| format!("no answer within {} s", PATIENCE.as_secs()))??;
    Ok(Phase { workers, operations, elapsed: now() - begun })
}
