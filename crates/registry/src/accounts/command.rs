//! Everything that can be asked about accounts and access, as data.
//!
//! One grammar for the command line, the control socket and the REST API:
//! each of them only carries a [`Command`] to [`super::Accounts::execute`] and
//! an [`Answer`] back. What a stranger to administration may send has no field
//! for rights, so none can be smuggled in.

mod answer;
mod error;
mod secret_text;

use identity::Secret;
use serde::{Deserialize, Serialize};

use super::access_file::AccessFile;
use super::moment::Moment;
use crate::access::{Action, Pattern, Subject, TokenScope, Visibility};
use crate::audit::CheckFrom;

pub use answer::{
    AccountView, Answer, AuditLine, ConsideredView, GrantView, RoleView, TeamView, TokenView,
    VisibilityView,
};
pub use error::CommandError;

/// Longest page of a list.
pub const MAX_PAGE: usize = 1_000;

/// Which part of a list. Lists are in byte order of their names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PageRequest {
    /// Only what comes after this: the `next` of the page before.
    pub after: Option<String>,
    /// At most so many; absent, or more than [`MAX_PAGE`]: [`MAX_PAGE`].
    pub limit: Option<usize>,
}

/// One thing to do or to know. Names are as in [`Subject`], without the kind.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Command {
    /// Makes a local user.
    UserAdd {
        /// Whom.
        name: String,
        /// The password; without one nobody can sign in until there is one.
        #[serde(default, with = "secret_text", skip_serializing_if = "Option::is_none")]
        password: Option<Secret>,
        /// Makes a password instead, and answers it once.
        #[serde(default)]
        generate: bool,
        /// Whether the user may do everything.
        #[serde(default)]
        admin: bool,
        /// Ends in so many seconds from now.
        #[serde(default)]
        expires_in_seconds: Option<u64>,
    },
    /// Lists users, also those of identity sources.
    UserList {
        /// Which part.
        #[serde(default)]
        page: PageRequest,
    },
    /// Shows one user.
    UserShow {
        /// Whom.
        name: String,
    },
    /// Sets a user's password: everything issued under the old one is void.
    UserPasswd {
        /// Whose; absent: the caller's own.
        #[serde(default)]
        name: Option<String>,
        /// The old one; needed by everybody but administrators for others.
        #[serde(default, with = "secret_text", skip_serializing_if = "Option::is_none")]
        old_password: Option<Secret>,
        /// The new one.
        #[serde(default, with = "secret_text", skip_serializing_if = "Option::is_none")]
        password: Option<Secret>,
        /// Makes a password instead, and answers it once.
        #[serde(default)]
        generate: bool,
    },
    /// A user may do nothing from now on.
    UserDisable {
        /// Whom.
        name: String,
    },
    /// A user may sign in again.
    UserEnable {
        /// Whom.
        name: String,
    },
    /// Makes a user an administrator, or takes it away.
    UserAdmin {
        /// Whom.
        name: String,
        /// Whether the user may do everything.
        admin: bool,
    },
    /// Removes a user with tokens, memberships and grants.
    UserRemove {
        /// Whom.
        name: String,
    },

    /// Makes a team.
    TeamAdd {
        /// Which.
        name: String,
    },
    /// Puts a user into a team.
    TeamMemberAdd {
        /// Which team.
        team: String,
        /// Whom.
        user: String,
    },
    /// Takes a user out of a team.
    TeamMemberRemove {
        /// Which team.
        team: String,
        /// Whom.
        user: String,
    },
    /// Lists teams with their members.
    TeamList {
        /// Which part.
        #[serde(default)]
        page: PageRequest,
    },
    /// Removes a team with its grants.
    TeamRemove {
        /// Which.
        name: String,
    },

    /// Makes a robot and answers its secret once. A name such as
    /// `team/web+ci` makes one of the namespace `team/web`.
    RobotAdd {
        /// Without `robot$`.
        name: String,
        /// Ends in so many seconds from now.
        #[serde(default)]
        expires_in_seconds: Option<u64>,
        /// Granted at once, in the same step.
        #[serde(default)]
        grants: Vec<RoleAt>,
    },
    /// Makes a new secret for a robot and answers it once; the old one is void.
    RobotRotate {
        /// Without `robot$`.
        name: String,
        /// Ends in so many seconds from now; absent: as before.
        #[serde(default)]
        expires_in_seconds: Option<u64>,
    },
    /// A robot may do nothing from now on.
    RobotDisable {
        /// Without `robot$`.
        name: String,
    },
    /// A robot may sign in again.
    RobotEnable {
        /// Without `robot$`.
        name: String,
    },
    /// Lists robots.
    RobotList {
        /// Which part.
        #[serde(default)]
        page: PageRequest,
    },
    /// Removes a robot with its grants.
    RobotRemove {
        /// Without `robot$`.
        name: String,
    },

    /// Makes a personal access token and answers it once.
    TokenCreate {
        /// Whose; absent: the caller's own. Others only for administrators.
        #[serde(default)]
        user: Option<String>,
        /// What its owner calls it.
        label: String,
        /// The most that it may be used for; none: whatever its owner may do.
        /// One with scopes administers nothing.
        #[serde(default)]
        scopes: Vec<TokenScope>,
        /// Ends in so many seconds from now.
        #[serde(default)]
        expires_in_seconds: Option<u64>,
    },
    /// Lists the personal tokens of a user.
    TokenList {
        /// Whose; absent: the caller's own.
        #[serde(default)]
        user: Option<String>,
    },
    /// Revokes a personal token.
    TokenRevoke {
        /// Its number.
        id: i64,
    },

    /// Makes or changes a named role.
    RolePut {
        /// Which.
        name: String,
        /// What it allows.
        actions: Vec<Action>,
    },
    /// Lists roles, the built-in ones first.
    RoleList,
    /// Removes a named role that no grant uses.
    RoleRemove {
        /// Which.
        name: String,
    },

    /// Gives a subject a role on repositories.
    Grant {
        /// Whom.
        subject: Subject,
        /// A built-in role or a named one.
        role: String,
        /// Where.
        pattern: Pattern,
    },
    /// Takes a grant away.
    Revoke {
        /// Whom.
        subject: Subject,
        /// A built-in role or a named one.
        role: String,
        /// Where.
        pattern: Pattern,
    },
    /// Lists grants; both filters must match.
    Grants {
        /// Only of this subject.
        #[serde(default)]
        subject: Option<Subject>,
        /// Only those that are about repositories of this pattern.
        #[serde(default)]
        pattern: Option<Pattern>,
        /// Which part; `after` is the `next` of the page before.
        #[serde(default)]
        page: PageRequest,
    },
    /// Sets how visible repositories are; without `visibility` the setting is
    /// taken away, and what is above decides again.
    Visibility {
        /// Which.
        pattern: Pattern,
        /// How visible.
        #[serde(default)]
        visibility: Option<Visibility>,
    },
    /// Lists visibilities.
    Visibilities {
        /// Which part.
        #[serde(default)]
        page: PageRequest,
    },

    /// Whether a subject may do something, and why.
    CanI {
        /// Who; absent: the caller.
        #[serde(default)]
        subject: Option<Subject>,
        /// What.
        action: Action,
        /// Where.
        repository: String,
    },
    /// Makes accounts and access as a file says.
    Apply {
        /// What it says.
        file: AccessFile,
        /// Only tells what would change.
        #[serde(default)]
        dry_run: bool,
        /// Removes what the file does not name.
        #[serde(default)]
        prune: bool,
    },
    /// Answers accounts and access as such a file.
    Export,
    /// Reads the audit log.
    Audit {
        /// Which lines.
        #[serde(default)]
        filter: AuditQuery,
    },
    /// Checks a part of the audit log: that no line of it was changed, taken
    /// out or put in since it was sealed.
    AuditVerify {
        /// Where to begin: the `next` of the part before.
        #[serde(default)]
        from: CheckFrom,
    },
    /// Who the caller is.
    Whoami,
}

/// A role somewhere, for somebody who is named elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleAt {
    /// A built-in role or a named one.
    pub role: String,
    /// Where.
    pub pattern: Pattern,
}

/// Which lines of the audit log. All that is given must match.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditQuery {
    /// Exactly this actor, such as `user:alice`.
    pub actor: Option<String>,
    /// Exactly this action, or all of a noun: `user` finds `user.add`.
    pub action: Option<String>,
    /// Exactly this target, or all below it.
    pub target: Option<String>,
    /// `ok`, `refused` or `failed`.
    pub outcome: Option<String>,
    /// Not before.
    pub since: Option<Moment>,
    /// Before.
    pub until: Option<Moment>,
    /// Lines above this number, the oldest first: to follow, or to export.
    pub above: Option<i64>,
    /// Lines below this number, the newest first: to read back.
    pub below: Option<i64>,
    /// At most so many; absent, or more than [`MAX_PAGE`]: [`MAX_PAGE`].
    pub limit: Option<usize>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Command, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn a_command_is_read_as_it_is_written() {
        for json in [
            r#"{"command":"user-list"}"#,
            r#"{"command":"grant","subject":"team:web","role":"developer","pattern":"web/**"}"#,
            r#"{"command":"can-i","action":"push","repository":"web/app"}"#,
            r#"{"command":"token-create","label":"ci","scopes":["pull:team/**"]}"#,
            r#"{"command":"audit","filter":{"since":"2026-01-01T00:00:00Z"}}"#,
            r#"{"command":"export"}"#,
        ] {
            let command = read(json).unwrap();
            let again = serde_json::to_string(&command).unwrap();
            let second = serde_json::to_string(&read(&again).unwrap()).unwrap();
            assert_eq!(again, second, "{json}");
        }
    }

    #[test]
    fn an_unknown_field_is_refused_and_not_passed_over() {
        let error = read(r#"{"command":"user-disable","name":"x","force":true}"#).unwrap_err();
        assert!(error.contains("force"), "{error}");
    }

    #[test]
    fn cve_2019_16097_what_users_send_about_themselves_has_no_field_for_rights() {
        for json in [
            r#"{"command":"user-passwd","password":"x","admin":true}"#,
            r#"{"command":"token-create","label":"x","admin":true}"#,
        ] {
            assert!(read(json).unwrap_err().contains("admin"), "{json}");
        }
    }

    #[test]
    fn secrets_of_commands_are_not_printed() {
        let command = read(r#"{"command":"user-add","name":"a","password":"hunter22"}"#).unwrap();
        assert!(!format!("{command:?}").contains("hunter22"));
        assert!(serde_json::to_string(&command).unwrap().contains("hunter22"));
    }
}
