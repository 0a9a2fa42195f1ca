//! Whom a grant is for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest name of a user, team, robot or group, in bytes.
const MAX_NAME: usize = 255;

/// A user, a robot, or a set of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Subject {
    /// Everybody, known or not.
    Anonymous,
    /// Every user who proved who they are. Robots are not among them: they may
    /// do what they were granted, and nothing more.
    SignedIn,
    /// One user.
    User(String),
    /// The members of a team.
    Team(String),
    /// One robot, by its name without `robot$`.
    Robot(String),
    /// The members of a group that an identity source knows: `oidc/devs`.
    Group(String),
}

/// Why a text is not a subject.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubjectError {
    /// No such kind.
    #[error(
        "{0} is no subject; write user:NAME, team:NAME, robot:NAME, group:SOURCE/NAME, signed-in \
         or anonymous"
    )]
    Kind(String),
    /// The name breaks a rule.
    #[error("{name} is no name of a {kind}: {rule}")]
    Name {
        /// user, team, robot, group.
        kind: &'static str,
        /// Quoted and bounded.
        name: String,
        /// What it breaks.
        rule: &'static str,
    },
}

impl Subject {
    /// Checks the name of a user.
    ///
    /// # Errors
    /// Says which rule it breaks.
    pub fn user(name: &str) -> Result<Self, SubjectError> {
        checked("user", name, user_rule).map(Self::User)
    }

    /// Checks the name of a team.
    ///
    /// # Errors
    /// Says which rule it breaks.
    pub fn team(name: &str) -> Result<Self, SubjectError> {
        checked("team", name, word_rule).map(Self::Team)
    }

    /// Checks the name of a robot: `ci`, or `team/web+ci` for one of a namespace.
    ///
    /// # Errors
    /// Says which rule it breaks.
    pub fn robot(name: &str) -> Result<Self, SubjectError> {
        checked("robot", name, robot_rule).map(Self::Robot)
    }

    /// Checks the name of a group: the source, a slash, and whatever the
    /// source calls it.
    ///
    /// # Errors
    /// Says which rule it breaks.
    pub fn group(name: &str) -> Result<Self, SubjectError> {
        checked("group", name, group_rule).map(Self::Group)
    }

    /// The name without the kind; empty for those without a name.
    pub fn name(&self) -> &str {
        match self {
            Self::Anonymous | Self::SignedIn => "",
            Self::User(name) | Self::Team(name) | Self::Robot(name) | Self::Group(name) => name,
        }
    }
}

fn checked(
    kind: &'static str,
    name: &str,
    rule: impl Fn(&str) -> Result<(), &'static str>,
) -> Result<String, SubjectError> {
    let length = |name: &str| match name.len() {
        0 => Err("it must not be empty"),
        1..=MAX_NAME => Ok(()),
        _ => Err("it has more than 255 bytes"),
    };
    length(name)
        .and_then(|()| rule(name))
        .map(|()| name.to_owned())
        .map_err(|rule| SubjectError::Name { kind, name: oci::quoted(name), rule })
}

/// Letters, digits, `.`, `_`, `-`, inside also `@` and `+` for mail addresses.
/// A `$` begins the names of robots and a `:` ends a name in Basic credentials.
fn user_rule(name: &str) -> Result<(), &'static str> {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '@' | '+');
    if !name.chars().all(fits) {
        return Err("it may hold letters, digits and . _ - @ +");
    }
    if !name.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
        return Err("it must begin with a letter, a digit or _");
    }
    Ok(())
}

fn word_rule(name: &str) -> Result<(), &'static str> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if !name.chars().all(fits) {
        return Err("it may hold letters from a to z, digits and . _ -");
    }
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err("it must begin with a letter or a digit");
    }
    Ok(())
}

fn robot_rule(name: &str) -> Result<(), &'static str> {
    match name.split_once('+') {
        None => word_rule(name),
        Some((namespace, name)) => {
            oci::RepositoryName::parse(namespace)
                .map_err(|_| "before the + there must be a namespace such as team/web")?;
            word_rule(name)
        }
    }
}

fn group_rule(name: &str) -> Result<(), &'static str> {
    if name.chars().any(char::is_control) {
        return Err("it holds a control character");
    }
    match name.split_once('/') {
        Some((source, group)) if !group.is_empty() => word_rule(source),
        _ => Err("it must be SOURCE/NAME, such as oidc/devs"),
    }
}

impl FromStr for Subject {
    type Err = SubjectError;

    fn from_str(text: &str) -> Result<Self, SubjectError> {
        match text {
            "anonymous" => return Ok(Self::Anonymous),
            "signed-in" => return Ok(Self::SignedIn),
            _ => {}
        }
        match text.split_once(':') {
            Some(("user", name)) => Self::user(name),
            Some(("team", name)) => Self::team(name),
            Some(("robot", name)) => Self::robot(name.strip_prefix("robot$").unwrap_or(name)),
            Some(("group", name)) => Self::group(name),
            _ => Err(SubjectError::Kind(oci::quoted(text))),
        }
    }
}

impl TryFrom<String> for Subject {
    type Error = SubjectError;

    fn try_from(text: String) -> Result<Self, SubjectError> {
        text.parse()
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        subject.to_string()
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("anonymous"),
            Self::SignedIn => f.write_str("signed-in"),
            Self::User(name) => write!(f, "user:{name}"),
            Self::Team(name) => write!(f, "team:{name}"),
            Self::Robot(name) => write!(f, "robot:{name}"),
            Self::Group(name) => write!(f, "group:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_read_as_it_is_written() {
        for text in [
            "anonymous",
            "signed-in",
            "user:alice",
            "user:ann@example.org",
            "team:web",
            "robot:ci",
            "robot:team/web+ci",
            "group:oidc/devs",
            "group:ldap/cn=devs,ou=groups",
        ] {
            assert_eq!(text.parse::<Subject>().unwrap().to_string(), text);
        }
        assert_eq!("robot:robot$ci".parse::<Subject>().unwrap(), Subject::Robot("ci".into()));
    }

    #[test]
    fn what_is_no_subject_is_refused_with_the_way_out() {
        for text in [
            "",
            "alice",
            "user:",
            "user:a b",
            "user:a:b",
            "user:robot$x",
            "team:a/b",
            "robot:+x",
            "robot:A+x",
            "group:devs",
            "group:oidc/",
            "role:x",
            "user:-a",
        ] {
            assert!(text.parse::<Subject>().is_err(), "{text}");
        }
        let error = "alice".parse::<Subject>().unwrap_err().to_string();
        assert!(error.contains("user:NAME"), "{error}");
    }
}
