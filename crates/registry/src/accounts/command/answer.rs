//! What comes of commands, as data.

use identity::Secret;
use serde::{Deserialize, Serialize};

use super::super::access_file::AccessFile;
use super::super::moment::Moment;
use super::secret_text;
use crate::access::{Action, Subject};
use crate::audit::CheckedPart;

/// What came of a [`Command`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// It is so now.
    Done,
    /// Something with a secret was made, or got a new one.
    Made {
        /// What, as an operator writes it: `user alice`, `robot ci`, `token 17`.
        what: String,
        /// The name to sign in with: `alice`, `robot$ci`.
        user: String,
        /// The number, of a token.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<i64>,
        /// What was made, shown this once. Absent if the caller chose it.
        #[serde(default, with = "secret_text", skip_serializing_if = "Option::is_none")]
        secret: Option<Secret>,
        /// When it ends.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires: Option<Moment>,
    },
    /// A page of users or robots.
    Accounts {
        /// In byte order.
        accounts: Vec<AccountView>,
        /// To be given as `after` for the next page, if there is one.
        next: Option<String>,
    },
    /// One user.
    Account {
        /// Everything about it that is no secret.
        account: AccountView,
        /// The grants of the user itself and of its teams and groups.
        grants: Vec<GrantView>,
    },
    /// A page of teams.
    Teams {
        /// In byte order.
        teams: Vec<TeamView>,
        /// As in [`Answer::Accounts`].
        next: Option<String>,
    },
    /// The tokens of a user.
    Tokens {
        /// By number.
        tokens: Vec<TokenView>,
    },
    /// The roles.
    Roles {
        /// The built-in ones first.
        roles: Vec<RoleView>,
    },
    /// A page of grants.
    Grants {
        /// In the order of subject, pattern, role.
        grants: Vec<GrantView>,
        /// As in [`Answer::Accounts`].
        next: Option<String>,
    },
    /// A page of visibilities.
    Visibilities {
        /// By pattern.
        visibilities: Vec<VisibilityView>,
        /// As in [`Answer::Accounts`].
        next: Option<String>,
    },
    /// A decision and why.
    Decision {
        /// Whether it may be done.
        allowed: bool,
        /// What decided, as a sentence without a subject: `team:web has role
        /// developer on team/web/**`.
        because: String,
        /// All that was considered, in the order in which it was.
        considered: Vec<ConsideredView>,
    },
    /// What a file changes, or would change.
    Applied {
        /// One line per change: `+ user alice`, `~ user bob: disabled`, `- grant …`.
        changes: Vec<String>,
        /// Whether they were made; `false` after a dry run.
        applied: bool,
    },
    /// Accounts and access as a file.
    Exported {
        /// What [`Command::Apply`] takes.
        file: AccessFile,
    },
    /// Lines of the audit log.
    Audit {
        /// In the order that was asked for.
        lines: Vec<AuditLine>,
    },
    /// What was found in a part of the audit log.
    Checked {
        /// With where to go on.
        part: CheckedPart,
    },
    /// Who the caller is.
    Whoami {
        /// `user:alice`, `robot:ci`, `anonymous`, `operator`.
        subject: String,
        /// `password`, `personal-token`, `token` … or how the operator came.
        via: String,
        /// May do everything.
        admin: bool,
        /// Teams and groups.
        member_of: Vec<Subject>,
        /// Whether the credential allows less than the account.
        limited: bool,
    },
}

/// A user or a robot, without secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    /// `user:alice`, `robot:ci`.
    pub subject: Subject,
    /// `local`, or the identity source.
    pub source: String,
    /// May do everything.
    pub admin: bool,
    /// May do nothing.
    pub disabled: bool,
    /// Whether there is a password or secret here.
    pub has_secret: bool,
    /// From then on it may do nothing.
    pub expires: Option<Moment>,
    /// When it was made.
    pub created: Moment,
    /// In byte order.
    pub teams: Vec<String>,
    /// As the source told at the last login.
    pub groups: Vec<String>,
}

/// A team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeamView {
    /// Its name.
    pub name: String,
    /// Users, in byte order.
    pub members: Vec<String>,
    /// When it was made.
    pub created: Moment,
}

/// A personal token, without the token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenView {
    /// Its number.
    pub id: i64,
    /// What its owner calls it.
    pub label: String,
    /// The most that it may be used for.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created: Moment,
    /// From then on it is void.
    pub expires: Option<Moment>,
    /// When it was used last, to the minute or so.
    pub last_used: Option<Moment>,
    /// `false` where it is what a client keeps after a login.
    pub personal: bool,
}

/// A role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleView {
    /// Its name.
    pub name: String,
    /// What it allows, with what that needs.
    pub actions: Vec<Action>,
    /// Whether it is always there.
    pub built_in: bool,
}

/// A grant. Texts, as stored: a list shows what no version understands, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantView {
    /// Whom.
    pub subject: String,
    /// A role.
    pub role: String,
    /// Where.
    pub pattern: String,
}

/// How visible repositories are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisibilityView {
    /// Which.
    pub pattern: String,
    /// How visible.
    pub visibility: String,
}

/// One thing that a decision looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsideredView {
    /// As a sentence: `user:alice has role guest on team/**`.
    pub what: String,
    /// What it allows.
    pub allows: Vec<Action>,
    /// Whether it gives what was asked for.
    pub gives: bool,
}

/// A line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditLine {
    /// Its number, for `above` and `below`.
    pub id: i64,
    /// When.
    pub at: Moment,
    /// Who.
    pub actor: String,
    /// Through what.
    pub via: String,
    /// From where.
    pub address: Option<String>,
    /// What: `user.add`, `manifest.push`, `login`.
    pub action: String,
    /// On what.
    pub target: String,
    /// `ok`, `refused` or `failed`.
    pub outcome: String,
    /// Id of the request in the access log.
    pub request: Option<String>,
    /// What else there is to know.
    pub detail: Option<serde_json::Value>,
    /// How many times, where refusals were gathered.
    pub count: u64,
    /// Its place in the chain, once it is sealed.
    pub sequence: Option<u64>,
    /// Its hash in the chain, hexadecimal.
    pub hash: Option<String>,
}
