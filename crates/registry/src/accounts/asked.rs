//! What sources said of their users last, and when they may be asked again.
//!
//! A directory is asked about an account once in 45 s at most, by one request
//! while the others go on, and not at all for some seconds after it failed.

use std::sync::Arc;
use std::time::Duration;

use identity::{IdentitySource, Known, SourceError};
use moka::sync::Cache;
use parking_lot::Mutex;
use store::{AccountId, Clock};

use crate::access::AuthenticationError;

/// A source over a network is not asked about an account again within this time.
const FRESH: Duration = Duration::from_secs(45);
/// An older answer lets nobody in while the source answers.
const STALE: Duration = Duration::from_secs(60);
/// An older answer lets nobody in at all.
const OUTAGE: Duration = Duration::from_secs(5 * 60);
/// After a failure a source is not asked about anybody for this time.
const SILENCE: Duration = Duration::from_secs(5);
/// The same about the account that it failed with, if there is an answer to
/// go on with: others come first.
const PATIENCE: Duration = Duration::from_secs(30);
/// Accounts whose answers are remembered at once.
const MAX_ANSWERS: u64 = 50_000;

/// What a source said of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It has such a user, with a password that has this mark, if it tells one.
    There(Option<String>),
    /// Nobody may sign in under the name any more.
    Gone,
}

/// All sources that can be asked.
pub(super) struct AskedSources {
    clock: Arc<dyn Clock>,
    sources: Vec<AskedSource>,
    answers: Cache<AccountId, Arc<AboutAccount>>,
}

/// A source, and how it is doing.
pub(super) struct AskedSource {
    source: Arc<dyn IdentitySource>,
    failed: Mutex<Option<Duration>>,
}

/// What is known about one account.
#[derive(Default)]
pub(super) struct AboutAccount {
    state: Mutex<State>,
    /// One asks, the others wait for what it finds, or go on with what there is.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    last: Option<(Answer, Duration)>,
    failed: Option<Duration>,
}

/// What to do about an account now.
pub(super) enum Next<'a> {
    /// This counts.
    Take(Answer),
    /// Ask, and tell what came of it. Nobody else asks as long as this is held.
    Ask(tokio::sync::MutexGuard<'a, ()>),
}

impl AskedSources {
    pub(super) fn new(sources: &[Arc<dyn IdentitySource>], clock: Arc<dyn Clock>) -> Self {
        let asked = |source: &Arc<dyn IdentitySource>| AskedSource {
            source: source.clone(),
            failed: Mutex::default(),
        };
        let sources = sources.iter().map(asked).collect();
        Self { clock, sources, answers: Cache::new(MAX_ANSWERS) }
    }

    /// The source of that name; `None` of one that cannot be asked, such as a
    /// provider.
    pub(super) fn source(&self, name: &str) -> Option<&AskedSource> {
        self.sources.iter().find(|asked| asked.source.name() == name)
    }

    /// Whether the source failed a moment ago, as far as is known here.
    pub(super) fn is_silent(&self, name: &str) -> bool {
        let now = self.clock.elapsed();
        self.source(name).is_some_and(|asked| AskedSource::is_left_alone(*asked.failed.lock(), now))
    }

    pub(super) fn about(&self, account: AccountId) -> Arc<AboutAccount> {
        self.answers.get_with(account, Arc::default)
    }

    /// Whether the answer about the account counts, or the source is to be asked.
    pub(super) async fn next<'a>(&self, source: &AskedSource, about: &'a AboutAccount) -> Next<'a> {
        let fresh = if source.source.is_at_hand() { Duration::ZERO } else { FRESH };
        if let Some(answer) = about.younger_than(fresh, self.clock.elapsed()) {
            return Next::Take(answer);
        }
        let now = self.clock.elapsed();
        if about.is_to_be_left_alone(now)
            && let Some(answer) = about.younger_than(OUTAGE, now)
        {
            return Next::Take(answer);
        }
        if let Ok(asking) = about.asking.try_lock() {
            return Next::Ask(asking);
        }
        let oldest = if source.failed.lock().is_some() { OUTAGE } else { STALE };
        if let Some(answer) = about.younger_than(oldest, now) {
            return Next::Take(answer);
        }
        let asking = about.asking.lock().await;
        // Whoever asked meanwhile asked for this one as well.
        match about.younger_than(STALE, self.clock.elapsed()) {
            Some(answer) => Next::Take(answer),
            None => Next::Ask(asking),
        }
    }

    /// Asks the source about the account of `user`. That too many ask at once
    /// is no failure of the source: only this account is left alone for a while.
    ///
    /// # Errors
    /// `Busy`, or `Unavailable` if the source does not answer or did not a moment ago.
    pub(super) async fn look_up(
        &self,
        source: &AskedSource,
        about: &AboutAccount,
        user: &str,
    ) -> Result<Option<Known>, AuthenticationError> {
        let name = source.source.name();
        if !source.may_be_asked(self.clock.elapsed()) {
            let why = format!("{name}: did not answer a moment ago");
            return Err(AuthenticationError::Unavailable(why));
        }
        let told = source.source.look_up(user).await;
        let failed = told.is_err().then(|| self.clock.elapsed());
        if !matches!(told, Err(SourceError::Busy)) {
            *source.failed.lock() = failed;
        }
        about.state.lock().failed = failed;
        told.map_err(|error| {
            tracing::warn!(source = name, "identity source: {error}");
            match error {
                SourceError::Busy => AuthenticationError::Busy,
                SourceError::Unavailable(why) => {
                    AuthenticationError::Unavailable(format!("{name}: {why}"))
                }
            }
        })
    }

    /// Takes down what a source said at `at`.
    pub(super) fn told(&self, about: &AboutAccount, answer: Answer, at: Duration) {
        let mut state = about.state.lock();
        if state.last.as_ref().is_none_or(|(_, before)| *before <= at) {
            state.last = Some((answer, at));
        }
    }

    /// What counts while the source says nothing; `None` if it has not for too long.
    pub(super) fn last(&self, about: &AboutAccount) -> Option<Answer> {
        about.younger_than(OUTAGE, self.clock.elapsed())
    }
}

impl AskedSource {
    /// After a failure one question finds out whether it answers again.
    fn may_be_asked(&self, now: Duration) -> bool {
        let mut failed = self.failed.lock();
        match *failed {
            at if Self::is_left_alone(at, now) => false,
            Some(_) => {
                *failed = Some(now);
                true
            }
            None => true,
        }
    }

    fn is_left_alone(failed: Option<Duration>, now: Duration) -> bool {
        failed.is_some_and(|at| now.saturating_sub(at) < SILENCE)
    }
}

impl AboutAccount {
    fn younger_than(&self, age: Duration, now: Duration) -> Option<Answer> {
        let state = self.state.lock();
        let (answer, at) = state.last.as_ref()?;
        (now.saturating_sub(*at) < age).then(|| answer.clone())
    }

    fn is_to_be_left_alone(&self, now: Duration) -> bool {
        let failed = self.state.lock().failed;
        failed.is_some_and(|at| now.saturating_sub(at) < PATIENCE)
    }
}
