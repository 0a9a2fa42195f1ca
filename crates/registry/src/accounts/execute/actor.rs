//! Who gives a command, and how far their word goes.

use std::net::IpAddr;
use std::sync::Arc;

use oci::RepositoryName;
use store::AccountId;

use super::rules::MAX_OWNED;
use super::{CommandError, valid};
use crate::access::{Action, Book, Caller, Identity, Limits, Pattern, Subject, Via};

/// Who gives a command.
#[derive(Debug, Clone)]
pub enum Actor {
    /// Somebody on the machine itself, who could change the store as well.
    Operator {
        /// `control-socket`, `command-line`.
        via: &'static str,
    },
    /// Somebody over the network.
    Caller {
        /// Who.
        caller: Caller,
        /// From where.
        address: Option<String>,
        /// Id of the request in the access log.
        request: Option<String>,
    },
}

impl Actor {
    pub(super) fn caller(&self) -> Option<&Caller> {
        match self {
            Self::Operator { .. } => None,
            Self::Caller { caller, .. } => Some(caller),
        }
    }

    pub(super) fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Operator { .. } => None,
            Self::Caller { address, .. } => address.as_deref()?.parse().ok(),
        }
    }

    /// As it stands in the audit log.
    pub(super) fn subject(&self) -> String {
        match self {
            Self::Operator { .. } => "operator".to_owned(),
            Self::Caller { caller, .. } => caller.identity().subject.to_string(),
        }
    }

    pub(super) fn via(&self) -> &'static str {
        match self {
            Self::Operator { via } => via,
            Self::Caller { caller, .. } => caller.identity().via.as_str(),
        }
    }
}

/// An actor with what they may do at this moment.
pub(super) struct By<'a> {
    pub(super) actor: &'a Actor,
    book: Arc<Book>,
    reach: Reach<'a>,
}

enum Reach<'a> {
    Everything,
    /// Themselves, and the patterns that they administer.
    Own(&'a Identity),
    /// To know who they are.
    Nothing,
}

impl<'a> By<'a> {
    pub(super) fn new(actor: &'a Actor, book: Arc<Book>) -> Self {
        let reach = match actor {
            Actor::Operator { .. } => Reach::Everything,
            Actor::Caller { caller, .. } => reach_of(caller.identity()),
        };
        Self { actor, book, reach }
    }

    pub(super) fn is_admin(&self) -> bool {
        matches!(self.reach, Reach::Everything)
    }

    /// Who they are, if they may change anything that is their own.
    pub(super) fn own(&self) -> Option<&'a Identity> {
        match (&self.reach, self.actor) {
            (Reach::Own(identity), _) => Some(identity),
            (Reach::Everything, Actor::Caller { caller, .. }) => Some(caller.identity()),
            _ => None,
        }
    }

    /// Their own account and name, if they are a user.
    pub(super) fn own_user(&self) -> Option<(AccountId, &'a str)> {
        let identity = self.own()?;
        match &identity.subject {
            Subject::User(name) => Some((identity.account?, name)),
            _ => None,
        }
    }

    /// Whether everything that `pattern` can match is theirs to decide about.
    pub(super) fn administers(&self, pattern: &Pattern) -> bool {
        match &self.reach {
            Reach::Everything => true,
            // The book looks at what was taken away below the pattern. Something
            // above it, and nearer than the grant, may have taken it away as well.
            Reach::Own(identity) => {
                self.book.administers(identity, pattern)
                    && one_of(pattern)
                        .is_some_and(|name| self.book.judge(identity, &name, Action::Admin).allowed)
            }
            Reach::Nothing => false,
        }
    }

    /// Of which version is what they may do.
    pub(super) fn version(&self) -> u64 {
        self.book.version()
    }

    /// Whether everything is theirs to decide about on which something is granted
    /// to `subject`.
    pub(super) fn administers_all_of(&self, subject: &Subject) -> bool {
        self.is_admin() || self.book.is_within(subject, |pattern| self.administers(pattern))
    }

    /// Whether there is room for grants on these patterns. Of administrators only
    /// the total is bounded.
    pub(super) fn needs_room(&self, patterns: &[&Pattern]) -> Result<(), CommandError> {
        // As if all of them went where each one goes: at worst a few too many.
        let is_full = |it: &&&Pattern| self.book.size(it).grants + patterns.len() > MAX_OWNED;
        match patterns.iter().find(is_full) {
            Some(pattern) if !self.is_admin() => {
                let rule = "would be one of more than 10,000 grants in its namespace; grant to \
                            teams and on patterns such as team/**, or ask an administrator";
                Err(valid::invalid("pattern", pattern.as_str(), rule))
            }
            _ => Ok(()),
        }
    }

    /// The same for how visible a pattern is. What is said already can always be
    /// said otherwise.
    pub(super) fn needs_room_to_show(&self, pattern: &Pattern) -> Result<(), CommandError> {
        let is_full = self.book.size(pattern).visibilities >= MAX_OWNED;
        if !is_full || self.is_admin() || self.book.has_visibility(pattern) {
            return Ok(());
        }
        let rule = "would be one of more than 10,000 settings of visibility in its namespace; use \
                    patterns such as team/**, or ask an administrator";
        Err(valid::invalid("pattern", pattern.as_str(), rule))
    }

    pub(super) fn needs_admin(&self, what: &str) -> Result<(), CommandError> {
        if self.is_admin() { Ok(()) } else { Err(self.may_not(what)) }
    }

    pub(super) fn needs_pattern(&self, pattern: &Pattern, what: &str) -> Result<(), CommandError> {
        if self.administers(pattern) {
            return Ok(());
        }
        Err(self.may_not(&format!("{what} on {}", pattern.as_str())))
    }

    /// The refusal. Says nothing about what is there.
    pub(super) fn may_not(&self, what: &str) -> CommandError {
        let why = match (self.actor.caller(), &self.reach) {
            (Some(caller), Reach::Nothing) if !caller.is_anonymous() => {
                format!("this token is not for administration: it may not {what}")
            }
            (Some(caller), _) => {
                format!("{} may not {what}", caller.name().unwrap_or("an anonymous caller"))
            }
            (None, _) => format!("may not {what}"),
        };
        CommandError::Forbidden { why }
    }
}

/// One of the repositories that the pattern matches; `None` where there is hardly one.
fn one_of(pattern: &Pattern) -> Option<RepositoryName> {
    let name = pattern.as_str().replace("**", "x").replace('*', "x");
    RepositoryName::parse(&name).ok().filter(|name| pattern.matches(name))
}

/// A token for `/v2/` administers nothing, whoever it is of, and neither does
/// a personal token with scopes.
fn reach_of(identity: &Identity) -> Reach<'_> {
    let is_whole = identity.limits == Limits::None;
    let is_direct = !matches!(identity.via, Via::Nothing | Via::Bearer);
    if !is_whole || !is_direct || identity.account.is_none() {
        Reach::Nothing
    } else if identity.is_admin {
        Reach::Everything
    } else {
        Reach::Own(identity)
    }
}
