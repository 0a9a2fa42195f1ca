//! Accounts and what they may do: users, robots, teams, tokens, grants.
//!
//! Subjects, roles, patterns and scopes are texts here: their grammar belongs
//! to the domain, which parses each text once when it compiles the policy.

use std::fmt;

use async_trait::async_trait;

use crate::{AuditNote, Rule, StoreError, Timestamp, WriteError};

/// An account's number. Never given to a second account, so what was issued to
/// a removed account means nothing for a new one of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(pub i64);

/// A token's number. Never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CredentialId(pub i64);

/// People and programs have names of their own: a user and a robot may share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccountKind {
    /// A person.
    User,
    /// A program.
    Robot,
}

/// What proves an account: a password hash in PHC or crypt form, or the hash
/// of a random secret. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretHash(pub String);

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(***)")
    }
}

/// One account with everything that decides about its requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRecord {
    /// Its number.
    pub id: AccountId,
    /// A person or a program.
    pub kind: AccountKind,
    /// Unique among its kind. Of a robot without the `robot$`: `ci` or `team/web+ci`.
    pub name: String,
    /// Where it comes from: `local`, or the name of the identity source that vouches for it.
    pub source: String,
    /// What the source calls it for ever, where that is not the name: somebody
    /// else who gets the name there later does not get the account.
    pub source_id: Option<String>,
    /// May do everything.
    pub is_admin: bool,
    /// May do nothing.
    pub is_disabled: bool,
    /// `None` where nobody can sign in with a password. Where somebody else checks
    /// it, at most a mark that differs when it has changed.
    pub secret: Option<SecretHash>,
    /// Rises when the secret changes and when the account is disabled: what was
    /// issued under an earlier one is void, and stays so when it is enabled again.
    pub epoch: u64,
    /// From then on it may do nothing.
    pub expires: Option<Timestamp>,
    /// When it was made.
    pub created: Timestamp,
    /// The teams that it is a member of, in byte order.
    pub teams: Vec<String>,
    /// Its groups elsewhere, as the source named them at the last login, such
    /// as `oidc/devs`; each once, in byte order.
    pub groups: Vec<String>,
}

/// An account to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccount {
    /// A person or a program.
    pub kind: AccountKind,
    /// Unique among its kind.
    pub name: String,
    /// `local`, or an identity source.
    pub source: String,
    /// What the source calls it for ever, where that is not the name.
    pub source_id: Option<String>,
    /// May do everything.
    pub is_admin: bool,
    /// What proves it.
    pub secret: Option<SecretHash>,
    /// From then on it may do nothing.
    pub expires: Option<Timestamp>,
}

/// One thing to change about an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountChange {
    /// A new secret; the epoch rises.
    Secret(Option<SecretHash>),
    /// On or off; with `true` the epoch rises.
    Disabled(bool),
    /// May do everything, or not any more.
    Admin(bool),
    /// When it ends.
    Expires(Option<Timestamp>),
    /// The groups that its source tells now, in place of all it told before.
    Groups(Vec<String>),
    /// What its source calls it for ever. Said once: of an account that has
    /// another one, it is refused with [`AccessRefusal::Exists`].
    SourceId(String),
}

/// What a stored token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CredentialKind {
    /// A personal access token: stands for the password, narrowed to its scopes.
    Personal,
    /// What a client keeps after a login instead of the password. Void when
    /// the account's epoch has risen since.
    Refresh,
}

/// A token of an account. The token itself is nowhere, only its SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialRecord {
    /// Its number.
    pub id: CredentialId,
    /// Whose it is.
    pub account: AccountId,
    /// What it is for.
    pub kind: CredentialKind,
    /// What its owner calls it.
    pub label: String,
    /// The most that it may be used for, such as `pull:team/**`; empty: whatever the account may.
    pub scopes: Vec<String>,
    /// The account's epoch when it was made.
    pub epoch: u64,
    /// When it was made.
    pub created: Timestamp,
    /// From then on it is void.
    pub expires: Option<Timestamp>,
    /// When it was used last, to the minute or so.
    pub last_used: Option<Timestamp>,
}

/// A token to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCredential {
    /// Whose it is.
    pub account: AccountId,
    /// What it is for.
    pub kind: CredentialKind,
    /// SHA-256 of the token.
    pub hash: [u8; 32],
    /// What its owner calls it.
    pub label: String,
    /// The most that it may be used for.
    pub scopes: Vec<String>,
    /// From then on it is void.
    pub expires: Option<Timestamp>,
}

/// A team and who is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamRecord {
    /// Its name.
    pub name: String,
    /// Users, in byte order.
    pub members: Vec<String>,
    /// When it was made.
    pub created: Timestamp,
}

/// A role that somebody named: a set of actions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRecord {
    /// Its name.
    pub name: String,
    /// `pull`, `push`, `overwrite`, `delete`, `admin`.
    pub actions: Vec<String>,
}

/// Who has which role where.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GrantRecord {
    /// `user:alice`, `team:web`, `robot:ci`, `group:oidc/devs`, `signed-in`, `anonymous`.
    pub subject: String,
    /// A role, built in or named.
    pub role: String,
    /// A path, path prefix or glob of repositories.
    pub pattern: String,
}

/// How visible repositories are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisibilityRecord {
    /// A path, path prefix or glob of repositories.
    pub pattern: String,
    /// `public`, `internal` or `private`.
    pub visibility: String,
}

/// Everything that decides, except the accounts. Of one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PolicyRecord {
    /// The version of [`AccountStore::access_version`] at that moment.
    pub version: u64,
    /// Named roles, in byte order.
    pub roles: Vec<RoleRecord>,
    /// All grants, in the order of subject, pattern, role.
    pub grants: Vec<GrantRecord>,
    /// All visibilities, by pattern.
    pub visibilities: Vec<VisibilityRecord>,
}

/// One step of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessChange {
    /// Makes an account; its number is in [`ChangedAccess::made`].
    AddAccount(NewAccount),
    /// Changes an account.
    ChangeAccount(AccountKind, String, AccountChange),
    /// Removes an account with its tokens, memberships and grants.
    RemoveAccount(AccountKind, String),
    /// Makes a team.
    AddTeam(String),
    /// Removes a team with its grants.
    RemoveTeam(String),
    /// Puts a user into a team; nothing if they are in it.
    AddMember {
        /// Which team.
        team: String,
        /// Which user.
        user: String,
    },
    /// Takes a user out of a team; nothing if they are not in it.
    RemoveMember {
        /// Which team.
        team: String,
        /// Which user.
        user: String,
    },
    /// Makes a token; its number is in [`ChangedAccess::made`].
    AddCredential(NewCredential),
    /// Removes a token, if it is of `account`.
    RemoveCredential {
        /// Whose it must be; `None`: anybody's.
        account: Option<AccountId>,
        /// Which.
        id: CredentialId,
    },
    /// Makes or changes a named role.
    PutRole(RoleRecord),
    /// Removes a named role that no grant uses.
    RemoveRole(String),
    /// Grants; nothing if it is granted. Subjects with a name must exist,
    /// except groups; the domain has checked the role's name among the built
    /// in ones, and marks the others so that the store looks them up.
    AddGrant {
        /// What.
        grant: GrantRecord,
        /// Whether the role is a named one, which must exist.
        is_named_role: bool,
    },
    /// Revokes.
    RemoveGrant(GrantRecord),
    /// Sets how visible repositories are; `None` takes the setting away.
    SetVisibility {
        /// Which.
        pattern: String,
        /// How visible.
        visibility: Option<String>,
    },
    /// Changes nothing. Refused with [`AccessRefusal::Stale`] unless the version is
    /// this one before the change: what was decided by it still holds.
    AsOf {
        /// Of [`AccountStore::access_version`].
        version: u64,
    },
}

impl AccessChange {
    /// Whether it raises the version: not if nobody can have remembered anything
    /// that it makes untrue. A new token was unknown before, and what is absent
    /// is remembered nowhere.
    pub fn raises_version(&self) -> bool {
        !matches!(self, Self::AddCredential(_) | Self::AsOf { .. })
    }
}

/// What a rule about a change may know: how it would be afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessFacts {
    /// Enabled users that may do everything, before.
    pub admins_before: u64,
    /// The same, afterwards. Expiry does not count.
    pub admins_after: u64,
    /// Grants afterwards.
    pub grants_after: u64,
    /// Visibilities afterwards.
    pub visibilities_after: u64,
}

/// Why accounts could not be changed so. Each names the thing as an operator
/// would write it: `user alice`, `team web`, `role tester`, `token 17`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessRefusal {
    /// It is there already.
    Exists(String),
    /// It is not there.
    Unknown(String),
    /// Something uses it.
    InUse(String),
    /// Something about access has changed since: look and decide again.
    Stale,
    /// A rule of the domain.
    Rule(&'static str),
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedAccess {
    /// The version from now on.
    pub version: u64,
    /// For each step the number of the account or token that it made.
    pub made: Vec<Option<i64>>,
}

/// Keeps accounts and grants.
#[async_trait]
pub trait AccountStore: Send + Sync + 'static {
    /// Rises with every change of accounts, teams, roles, grants and visibilities,
    /// and when tokens are taken away; not with new tokens
    /// ([`AccessChange::raises_version`]). One cheap look-up.
    async fn access_version(&self) -> Result<u64, StoreError>;

    /// Roles, grants and visibilities, of one moment.
    async fn policy(&self) -> Result<PolicyRecord, StoreError>;

    /// An account by name.
    async fn account(
        &self,
        kind: AccountKind,
        name: &str,
    ) -> Result<Option<AccountRecord>, StoreError>;

    /// An account by number.
    async fn account_by_id(&self, id: AccountId) -> Result<Option<AccountRecord>, StoreError>;

    /// A token by its SHA-256, with its account.
    async fn credential(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<(CredentialRecord, AccountRecord)>, StoreError>;

    /// A token by number.
    async fn credential_by_id(
        &self,
        id: CredentialId,
    ) -> Result<Option<CredentialRecord>, StoreError>;

    /// Accounts of a kind after `after`, in byte order of their names; at most
    /// `limit`, at most 1,000.
    async fn accounts(
        &self,
        kind: AccountKind,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<AccountRecord>, StoreError>;

    /// Teams after `after`, in byte order; at most `limit`, at most 1,000.
    async fn teams(&self, after: Option<&str>, limit: usize)
    -> Result<Vec<TeamRecord>, StoreError>;

    /// Tokens of an account by number; at most 1,000.
    async fn credentials(&self, account: AccountId) -> Result<Vec<CredentialRecord>, StoreError>;

    /// Does all the steps, or none, in one durable transaction: the steps in
    /// order, then the rule over the facts, the version, and the audit rows
    /// `notes`. The version rises by one if a step raises it.
    ///
    /// # Errors
    /// [`crate::Refusal::Access`] if a step cannot be done or the rule refuses.
    async fn change_access(
        &self,
        steps: Vec<AccessChange>,
        rule: Rule<AccessFacts, ()>,
        notes: Vec<AuditNote>,
        at: Timestamp,
    ) -> Result<ChangedAccess, WriteError>;

    /// Notes when tokens were used, softly and behind all other writes; does
    /// not raise the version. Tokens that are gone are passed over.
    async fn note_use(&self, uses: Vec<(CredentialId, Timestamp)>) -> Result<(), StoreError>;

    /// Removes up to `limit` tokens that ended before `before`; how many.
    /// Does not raise the version: they were void already.
    async fn remove_ended_credentials(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError>;
}
