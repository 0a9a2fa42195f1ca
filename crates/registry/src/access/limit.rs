//! The most that a credential may be used for, whatever its owner may do.

use std::fmt;
use std::str::FromStr;

use oci::RepositoryName;
use serde::{Deserialize, Serialize};

use super::{Action, Actions, Pattern, PatternError, role};

/// One thing that a credential may be used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Limit {
    /// One repository.
    Repository(RepositoryName, Actions),
    /// Many.
    Pattern(Pattern, Actions),
    /// The list of repositories.
    Catalog,
}

/// What a credential may be used for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Limits {
    /// For whatever its owner may do.
    #[default]
    None,
    /// For these, as far as its owner may do them. None of them: for nothing
    /// but to prove who one is.
    Only(Vec<Limit>),
}

impl Limits {
    /// Whether `action` in `repository` is within them.
    pub fn allow(&self, repository: &RepositoryName, action: Action) -> bool {
        let Self::Only(limits) = self else { return true };
        limits.iter().any(|limit| match limit {
            Limit::Repository(name, actions) => name == repository && actions.contains(action),
            Limit::Pattern(pattern, actions) => {
                actions.contains(action) && pattern.matches(repository)
            }
            Limit::Catalog => false,
        })
    }

    /// The repositories that are named one by one.
    pub fn repositories(&self) -> impl Iterator<Item = &RepositoryName> {
        let limits: &[Limit] = match self {
            Self::None => &[],
            Self::Only(limits) => limits,
        };
        limits.iter().filter_map(|limit| match limit {
            Limit::Repository(name, _) => Some(name),
            Limit::Pattern(..) | Limit::Catalog => None,
        })
    }

    /// The same without what they allow in `repositories` by their names.
    #[must_use]
    pub fn without(&self, repositories: &[RepositoryName]) -> Self {
        let Self::Only(limits) = self else { return self.clone() };
        let stays = |limit: &&Limit| match limit {
            Limit::Repository(name, _) => !repositories.contains(name),
            Limit::Pattern(..) | Limit::Catalog => true,
        };
        Self::Only(limits.iter().filter(stays).cloned().collect())
    }

    /// Whether the list of repositories is named among them.
    pub fn name_catalog(&self) -> bool {
        matches!(self, Self::Only(limits) if limits.contains(&Limit::Catalog))
    }

    /// Whether the list of repositories is within them.
    pub fn allow_catalog(&self) -> bool {
        match self {
            Self::None => true,
            Self::Only(limits) => {
                limits.iter().any(|limit| matches!(limit, Limit::Catalog | Limit::Pattern(..)))
            }
        }
    }
}

/// A scope of a personal token: `pull:team/**`, `push:team/web`, `developer:**`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenScope {
    role: String,
    actions: Actions,
    pattern: Pattern,
}

/// Why a text is not a scope of a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenScopeError {
    /// No colon, or no such action.
    #[error(
        "{0} is no scope; write ACTION:PATTERN, such as pull:team/**, with pull, push, overwrite, \
         delete, admin or a built-in role"
    )]
    Action(String),
    /// The pattern is none.
    #[error(transparent)]
    Pattern(#[from] PatternError),
}

impl TokenScope {
    /// As a limit.
    pub fn limit(&self) -> Limit {
        Limit::Pattern(self.pattern.clone(), self.actions)
    }

    /// Where.
    pub fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// What, with what it needs.
    pub fn actions(&self) -> Actions {
        self.actions
    }
}

impl FromStr for TokenScope {
    type Err = TokenScopeError;

    fn from_str(text: &str) -> Result<Self, TokenScopeError> {
        let wrong = || TokenScopeError::Action(oci::quoted(text));
        let (word, pattern) = text.split_once(':').ok_or_else(wrong)?;
        let actions = role::built_in(word).filter(|it| !it.is_empty()).ok_or_else(wrong)?;
        Ok(Self { role: word.to_owned(), actions, pattern: pattern.parse()? })
    }
}

impl TryFrom<String> for TokenScope {
    type Error = TokenScopeError;

    fn try_from(text: String) -> Result<Self, TokenScopeError> {
        text.parse()
    }
}

impl From<TokenScope> for String {
    fn from(scope: TokenScope) -> Self {
        scope.to_string()
    }
}

impl fmt::Display for TokenScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.role, self.pattern)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> RepositoryName {
        RepositoryName::parse(text).unwrap()
    }

    #[test]
    fn a_scope_is_an_action_and_a_pattern() {
        let scope: TokenScope = "push:team/**".parse().unwrap();
        assert_eq!(scope.to_string(), "push:team/**");
        let limits = Limits::Only(vec![scope.limit()]);
        assert!(limits.allow(&name("team/web"), Action::Pull));
        assert!(limits.allow(&name("team/web"), Action::Push));
        assert!(!limits.allow(&name("team/web"), Action::Overwrite));
        assert!(!limits.allow(&name("other"), Action::Pull));
        for text in ["", "pull", "fly:**", "none:**", "pull:"] {
            assert!(text.parse::<TokenScope>().is_err(), "{text}");
        }
    }

    #[test]
    fn no_limits_allow_all_and_an_empty_list_nothing() {
        assert!(Limits::None.allow(&name("x"), Action::Admin));
        assert!(!Limits::Only(vec![]).allow(&name("x"), Action::Pull));
        assert!(!Limits::Only(vec![]).allow_catalog());
    }
}
