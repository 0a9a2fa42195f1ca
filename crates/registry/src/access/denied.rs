//! A no, in words that tell nobody more than they knew.

use std::fmt;

use super::{Action, Caller, Resource};

/// Who may not do what. Says nothing about whether it exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// `None` for somebody unknown.
    who: Option<String>,
    what: String,
}

impl Denied {
    pub(super) fn of(caller: &Caller, resource: Resource<'_>, action: Action) -> Self {
        let what = match resource {
            Resource::Service => "use this registry".to_owned(),
            Resource::Catalog => "list repositories".to_owned(),
            Resource::Repository(name) => {
                let verb = match action {
                    Action::Pull => "pull from",
                    Action::Push => "push to",
                    Action::Overwrite => "move tags of",
                    Action::Delete => "delete from",
                    Action::Admin => "administer",
                };
                format!("{verb} {name}")
            }
        };
        Self { who: caller.name().map(str::to_owned), what }
    }

    /// Whether it is known who was refused: signing in again will not help.
    pub fn is_known(&self) -> bool {
        self.who.is_some()
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.who {
            None => f.write_str("authentication required"),
            Some(who) => write!(f, "{who} may not {}", self.what),
        }
    }
}
