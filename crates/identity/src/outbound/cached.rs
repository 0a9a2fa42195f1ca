//! Something fetched, kept while it is fresh and while there is no newer one.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use store::Clock;

/// How long nothing is asked again after a try, if there is something to go on with.
const PATIENCE: Duration = Duration::from_secs(60);
/// The same if there is nothing yet.
const IMPATIENCE: Duration = Duration::from_secs(5);

/// How old something may get while there is no newer one. What its owner took
/// back, such as the key that leaked, must not count here for ever because
/// somebody keeps the news from us.
const GREATEST_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// The last good copy of something that lives elsewhere.
pub(crate) struct Cached<T> {
    what: String,
    clock: Arc<dyn Clock>,
    fresh: Duration,
    state: Mutex<State<T>>,
    /// One asks, the others wait for what it finds.
    asking: tokio::sync::Mutex<()>,
}

struct State<T> {
    good: Option<(Arc<T>, Duration)>,
    tried: Option<Duration>,
    problem: String,
}

impl<T> Cached<T> {
    /// Nothing yet of `what` (for the log), which is asked for again when it is
    /// older than `fresh`.
    pub(crate) fn new(what: String, clock: Arc<dyn Clock>, fresh: Duration) -> Self {
        let problem = format!("{what}: not asked yet");
        let state = Mutex::new(State { good: None, tried: None, problem });
        Self { what, clock, fresh, state, asking: tokio::sync::Mutex::default() }
    }

    /// The thing, fetched if there is none or it is no longer fresh. A failed
    /// try leaves the last good one in place for a day; the error is the last
    /// problem.
    pub(crate) async fn current<F>(&self, fetch: impl FnOnce() -> F) -> Result<Arc<T>, String>
    where
        F: Future<Output = Result<T, String>>,
    {
        let good = self.state.lock().good.clone();
        let age = |at| self.clock.elapsed().saturating_sub(at);
        match good.filter(|(_, at)| age(*at) < GREATEST_AGE) {
            Some((good, at)) if age(at) < self.fresh => Ok(good),
            Some((good, _)) => {
                // Whoever comes while another asks goes on with what there is.
                let Ok(_asking) = self.asking.try_lock() else { return Ok(good) };
                Ok(self.try_fetch(PATIENCE, fetch).await.unwrap_or(good))
            }
            None => {
                let _asking = self.asking.lock().await;
                let good = self.state.lock().good.clone();
                if let Some((good, _)) = good.filter(|(_, at)| age(*at) < GREATEST_AGE) {
                    return Ok(good);
                }
                let fetched = self.try_fetch(IMPATIENCE, fetch).await;
                fetched.ok_or_else(|| self.state.lock().problem.clone())
            }
        }
    }

    /// A newer one than `old`, which turned out to lack something. `None` if
    /// there is none, or it was asked for within the last minute.
    pub(crate) async fn newer<F>(&self, old: &Arc<T>, fetch: impl FnOnce() -> F) -> Option<Arc<T>>
    where
        F: Future<Output = Result<T, String>>,
    {
        let _asking = self.asking.lock().await;
        if let Some((good, _)) = self.state.lock().good.clone()
            && !Arc::ptr_eq(&good, old)
        {
            return Some(good);
        }
        self.try_fetch(PATIENCE, fetch).await
    }

    /// Fetches, unless that was tried less than `patience` ago.
    async fn try_fetch<F>(&self, patience: Duration, fetch: impl FnOnce() -> F) -> Option<Arc<T>>
    where
        F: Future<Output = Result<T, String>>,
    {
        let now = self.clock.elapsed();
        {
            let mut state = self.state.lock();
            if state.tried.is_some_and(|tried| now.saturating_sub(tried) < patience) {
                return None;
            }
            state.tried = Some(now);
        }
        match fetch().await {
            Ok(fetched) => {
                let fetched = Arc::new(fetched);
                self.state.lock().good = Some((fetched.clone(), self.clock.elapsed()));
                Some(fetched)
            }
            Err(problem) => {
                tracing::warn!(what = self.what, problem, "could not be fetched");
                self.state.lock().problem = problem;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestClock;
    use std::future::ready;

    fn cached() -> (TestClock, Cached<u8>) {
        let clock = TestClock::new();
        let fresh = Duration::from_secs(600);
        (clock.clone(), Cached::new("it".into(), Arc::new(clock), fresh))
    }

    fn never() -> std::future::Ready<Result<u8, String>> {
        panic!("nobody should ask")
    }

    #[tokio::test]
    async fn what_is_fresh_is_not_asked_for() {
        let (clock, cached) = cached();
        assert_eq!(*cached.current(|| ready(Ok(1))).await.unwrap(), 1);
        clock.pass(Duration::from_secs(599));
        assert_eq!(*cached.current(never).await.unwrap(), 1);
        clock.pass(Duration::from_secs(1));
        assert_eq!(*cached.current(|| ready(Ok(2))).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn the_last_good_one_outlives_an_outage() {
        let (clock, cached) = cached();
        cached.current(|| ready(Ok(1))).await.unwrap();
        clock.pass(Duration::from_secs(601));
        assert_eq!(*cached.current(|| ready(Err("down".into()))).await.unwrap(), 1);
        assert_eq!(*cached.current(never).await.unwrap(), 1, "not asked again at once");
        clock.pass(Duration::from_secs(60));
        assert_eq!(*cached.current(|| ready(Ok(2))).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn what_could_not_be_fetched_for_a_day_does_not_count_any_more() {
        let (clock, cached) = cached();
        cached.current(|| ready(Ok(1))).await.unwrap();
        let down = || ready(Err("down".into()));
        clock.pass(Duration::from_secs(24 * 60 * 60 - 1));
        assert_eq!(*cached.current(down).await.unwrap(), 1);
        clock.pass(Duration::from_secs(1));
        assert_eq!(cached.current(down).await.unwrap_err(), "down");
        clock.pass(Duration::from_secs(60));
        assert_eq!(*cached.current(|| ready(Ok(2))).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn without_a_good_one_the_problem_is_told() {
        let (clock, cached) = cached();
        assert_eq!(cached.current(|| ready(Err("down".into()))).await.unwrap_err(), "down");
        assert_eq!(cached.current(never).await.unwrap_err(), "down");
        clock.pass(Duration::from_secs(5));
        assert_eq!(*cached.current(|| ready(Ok(1))).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_newer_one_is_asked_for_once_a_minute() {
        let (clock, cached) = cached();
        let first = cached.current(|| ready(Ok(1))).await.unwrap();
        assert_eq!(cached.newer(&first, never).await, None);
        clock.pass(Duration::from_secs(60));
        let second = cached.newer(&first, || ready(Ok(2))).await.unwrap();
        assert_eq!(cached.newer(&first, never).await, Some(second), "another has asked already");
    }
}
