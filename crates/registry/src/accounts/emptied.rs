//! Tokens from before a repository was emptied: they mean nothing for what is
//! in it since.
//!
//! A repository is deleted when its last manifest goes, and whoever pushes to
//! that name next makes another one. A token of ours says when it was made, to
//! the second, and that is compared with the time of the last emptying. So one
//! that was made in the very second of the emptying counts as made after it:
//! otherwise a client that fetched a new token at once would be refused again.
//!
//! This is about tokens of the token endpoint, and not those of nobody, which
//! allow nothing but what everybody may do at that moment. Passwords and
//! personal tokens are made for no repository: what they may do is decided by
//! grants at each use.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use oci::RepositoryName;
use store::{Clock, ContentStore, StoreError, Timestamp};

use super::Accounts;
use super::sign_in::unavailable;
use crate::access::{AuthenticationError, Caller};
use crate::pull::is_away;

/// Repositories that are remembered at once: some 200 bytes each.
const MAX_KNOWN: u64 = 50_000;

/// What was read at some time.
#[derive(Clone, Copy)]
struct Seen {
    emptied: Option<Timestamp>,
    at: Duration,
}

/// When repositories were emptied, as it was known a moment ago.
pub(super) struct Emptied {
    content: Arc<dyn ContentStore>,
    clock: Arc<dyn Clock>,
    session_check: Duration,
    /// How long what was seen counts while the store is away; zero: not at all.
    stale_reads: Duration,
    seen: Cache<RepositoryName, Seen>,
}

impl Emptied {
    pub(super) fn new(
        content: Arc<dyn ContentStore>,
        clock: Arc<dyn Clock>,
        session_check: Duration,
        stale_reads: Duration,
    ) -> Self {
        Self { content, clock, session_check, stale_reads, seen: Cache::new(MAX_KNOWN) }
    }

    /// When `repository` was emptied last; at most `session_check` old. That it
    /// never was is remembered too. What was seen in time before the store went
    /// away counts for `stale_reads` more.
    async fn at(&self, repository: &RepositoryName) -> Result<Option<Timestamp>, StoreError> {
        let now = self.clock.elapsed();
        let seen = self.seen.get(repository);
        let age = seen.map(|seen| now.saturating_sub(seen.at));
        if let Some(seen) = seen
            && age < Some(self.session_check)
        {
            return Ok(seen.emptied);
        }
        let emptied = match (self.content.emptied_at(repository).await, seen) {
            (Ok(emptied), _) => emptied,
            (Err(error), Some(seen))
                if is_away(&error)
                    && !self.stale_reads.is_zero()
                    && age <= Some(self.session_check + self.stale_reads) =>
            {
                return Ok(seen.emptied);
            }
            (Err(error), _) => return Err(error),
        };
        self.seen.insert(repository.clone(), Seen { emptied, at: now });
        Ok(emptied)
    }
}

impl Accounts {
    /// Refuses a token that was made before `repository` was emptied. To be
    /// asked of those only who may do something there: others learn nothing.
    ///
    /// # Errors
    /// [`AuthenticationError::InvalidToken`]: with a new token the client goes
    /// on. `Unavailable`.
    pub async fn check_age(
        &self,
        caller: &Caller,
        repository: &RepositoryName,
    ) -> Result<(), AuthenticationError> {
        match self.is_outdated(caller, repository).await? {
            true => Err(AuthenticationError::InvalidToken),
            false => Ok(()),
        }
    }

    /// The caller without what their token says of sources of a mount, of
    /// `from` or of any, that were emptied since it was made.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn without_outdated(
        &self,
        caller: &Caller,
        from: Option<&RepositoryName>,
    ) -> Result<Caller, AuthenticationError> {
        let limits = &caller.identity().limits;
        let mut outdated = Vec::new();
        for name in limits.repositories().filter(|name| from.is_none_or(|from| from == *name)) {
            if self.is_outdated(caller, name).await? {
                outdated.push(name.clone());
            }
        }
        Ok(match outdated.is_empty() {
            true => caller.clone(),
            false => caller.limited_to(limits.without(&outdated)),
        })
    }

    async fn is_outdated(
        &self,
        caller: &Caller,
        repository: &RepositoryName,
    ) -> Result<bool, AuthenticationError> {
        let Some(issued) = caller.token_issued() else { return Ok(false) };
        let emptied = self.emptied.at(repository).await.map_err(unavailable)?;
        Ok(emptied.is_some_and(|emptied| is_before(issued, emptied, self.clock.now())))
    }
}

/// Whether a token was made before the emptying, in whole seconds. A time that
/// is still to come, by the clock of another replica that is ahead of ours,
/// does not count yet: every new token would be from before it.
fn is_before(issued: Timestamp, emptied: Timestamp, now: Timestamp) -> bool {
    emptied <= now && issued.seconds() < emptied.seconds()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_the_second_of_the_emptying_counts_as_made_after_it() {
        let at = Timestamp::from_millis;
        let emptied = at(10_700);
        for (issued, outdated) in [(0, true), (9_000, true), (10_000, false), (11_000, false)] {
            assert_eq!(is_before(at(issued), emptied, at(11_000)), outdated, "{issued}");
        }
    }

    #[test]
    fn a_time_that_is_still_to_come_counts_from_then_on() {
        let at = Timestamp::from_millis;
        assert!(!is_before(at(9_000), at(20_000), at(19_999)));
        assert!(is_before(at(9_000), at(20_000), at(20_000)));
    }
}
