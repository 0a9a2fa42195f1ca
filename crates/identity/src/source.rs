//! What every place has in common that is asked "who has this name and this password?".

use std::fmt;

use async_trait::async_trait;
use thiserror::Error;

use crate::hashers::Busy;

/// Longest name that a source may tell, in bytes.
pub(crate) const MAX_NAME: usize = 256;
/// Most groups of one identity; a source that tells more is cut, loudly.
pub(crate) const MAX_GROUPS: usize = 1_000;

/// Somebody, as a source knows them.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// What stays the same when the name changes: `sub` of a provider, the DN
    /// of a directory, the name itself where there is nothing better.
    pub subject: String,
    /// The name to sign in with and to be shown.
    pub name: String,
    /// Where mail reaches them, if the source tells.
    pub email: Option<String>,
    /// All groups at this moment, in byte order, without the source's prefix.
    pub groups: Vec<String>,
    /// Differs when the password has changed, and says nothing else about it;
    /// `None` from sources that do not tell.
    pub password_mark: Option<String>,
}

/// Somebody whose name a source still knows, found without their password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Who it is, as a sign-in would tell.
    pub identity: Identity,
    /// Whether the groups are those that a sign-in would tell. If not, there are none.
    pub tells_groups: bool,
}

impl Identity {
    /// An identity whose name and groups are within bounds and printable;
    /// `None` if the name is not. Groups are sorted, repeated ones dropped.
    pub fn checked(
        subject: &str,
        name: &str,
        email: Option<String>,
        mut groups: Vec<String>,
    ) -> Option<Self> {
        if !printable(name) || subject.is_empty() || subject.len() > 4 * MAX_NAME {
            return None;
        }
        groups.retain(|group| printable(group));
        groups.sort_unstable();
        groups.dedup();
        if groups.len() > MAX_GROUPS {
            tracing::warn!(name, groups = groups.len(), "only {MAX_GROUPS} groups are taken over");
            groups.truncate(MAX_GROUPS);
        }
        let email = email.filter(|email| printable(email));
        let (subject, name) = (subject.to_owned(), name.to_owned());
        Some(Self { subject, name, email, groups, password_mark: None })
    }
}

fn printable(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_NAME && !text.chars().any(char::is_control)
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("name", &self.name)
            .field("groups", &self.groups)
            .finish_non_exhaustive()
    }
}

/// Why a source could not say yes or no.
#[derive(Debug, Error)]
pub enum SourceError {
    /// Too many sign-ins or look-ups wait already; worth another try in a
    /// second. It says nothing about the source.
    #[error("too many sign-ins or look-ups at once")]
    Busy,
    /// The source does not answer, or not as agreed. For the operator's log;
    /// holds no secret.
    #[error("{0}")]
    Unavailable(String),
}

impl From<Busy> for SourceError {
    fn from(_: Busy) -> Self {
        Self::Busy
    }
}

/// A place that knows people by name and password.
#[async_trait]
pub trait IdentitySource: Send + Sync + 'static {
    /// What the configuration calls it; the prefix of its groups.
    fn name(&self) -> &str;

    /// Who signs in with `user` and `password`: `None` if nobody does, for
    /// whatever reason. Unknown users take as long as known ones.
    async fn verify(&self, user: &str, password: &str) -> Result<Option<Identity>, SourceError>;

    /// Who has the name `user` now: `None` if nobody may sign in with it any
    /// more, whatever the password. Says nothing to a stranger: it is for those
    /// who have signed in before.
    async fn look_up(&self, user: &str) -> Result<Option<Known>, SourceError>;

    /// Whether [`look_up`](Self::look_up) answers from memory, so that each
    /// request may ask.
    fn is_at_hand(&self) -> bool;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_spoil_a_log_are_no_names() {
        for name in ["", "a\nb", "a\u{0}", &"x".repeat(MAX_NAME + 1)] {
            assert_eq!(Identity::checked("s", name, None, vec![]), None, "{name:?}");
        }
    }

    #[test]
    fn groups_are_in_order_and_bounded() {
        let groups = (0..2_000).rev().map(|n| format!("g{:04}", n % 1_500)).collect();
        let identity = Identity::checked("s", "ann", None, groups).unwrap();
        assert_eq!(identity.groups.len(), MAX_GROUPS);
        assert!(identity.groups.is_sorted());
    }
}
