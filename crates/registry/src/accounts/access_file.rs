//! Accounts and access as one file that can live beside code.
//!
//! Holds no password and no secret. Lists are sorted when they are exported,
//! so that two exports of one state are the same text.

use serde::{Deserialize, Serialize};

use super::moment::Moment;
use crate::access::{Action, Pattern, Subject, Visibility};

/// Everything that decides who may do what.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccessFile {
    /// People.
    pub users: Vec<UserEntry>,
    /// Teams with their members.
    pub teams: Vec<TeamEntry>,
    /// Programs.
    pub robots: Vec<RobotEntry>,
    /// Named roles.
    pub roles: Vec<RoleEntry>,
    /// Who has which role where.
    pub grants: Vec<GrantEntry>,
    /// How visible repositories are.
    pub visibility: Vec<VisibilityEntry>,
}

/// A user. A new one has no password until `berth user passwd`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserEntry {
    /// Its name.
    pub name: String,
    /// The identity source that vouches for the user; absent: a local one.
    #[serde(default = "local", skip_serializing_if = "is_local")]
    pub source: String,
    /// May do everything.
    #[serde(default, skip_serializing_if = "is_false")]
    pub admin: bool,
    /// May do nothing.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disabled: bool,
    /// When it ends, to the second. Absent: with `prune` never, else as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Moment>,
}

/// A team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TeamEntry {
    /// Its name.
    pub name: String,
    /// Users. Exactly these with `prune`, else at least these.
    #[serde(default)]
    pub members: Vec<String>,
}

/// A robot. A new one has no secret until `berth robot rotate`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RobotEntry {
    /// Without `robot$`.
    pub name: String,
    /// May do nothing.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disabled: bool,
    /// When it ends, to the second. Absent: with `prune` never, else as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Moment>,
}

/// A named role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleEntry {
    /// Its name.
    pub name: String,
    /// What it allows.
    pub actions: Vec<Action>,
}

/// A grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantEntry {
    /// Whom.
    pub subject: Subject,
    /// A built-in role or a named one.
    pub role: String,
    /// Where.
    pub pattern: Pattern,
}

/// How visible repositories are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VisibilityEntry {
    /// Which.
    pub pattern: Pattern,
    /// How visible.
    pub visibility: Visibility,
}

/// The source of accounts that Berth itself keeps.
pub(super) const LOCAL: &str = "local";

fn local() -> String {
    LOCAL.to_owned()
}

fn is_local(source: &str) -> bool {
    source == LOCAL
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_false(value: &bool) -> bool {
    !value
}
