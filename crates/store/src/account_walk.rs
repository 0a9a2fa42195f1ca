//! Carrying accounts, what they may do and the log of it to another store, as
//! they are: with their numbers, which tokens name, and with their hashes.

use std::fmt;

use async_trait::async_trait;

use crate::{
    AccountId, AccountRecord, AccountStore, AuditRecord, AuditStore, CredentialId,
    CredentialRecord, GrantRecord, Page, RoleRecord, StoreError, Timestamp, VisibilityRecord,
};

/// A token with what finds it.
#[derive(Clone, PartialEq, Eq)]
pub struct CredentialWalk {
    /// What is known of it.
    pub record: CredentialRecord,
    /// SHA-256 of the token. Never printed.
    pub hash: [u8; 32],
}

impl fmt::Debug for CredentialWalk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { record, hash: _ } = self;
        f.debug_struct("CredentialWalk").field("record", record).finish_non_exhaustive()
    }
}

/// The highest numbers that were ever given; zero where none was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LastNumbers {
    /// To accounts.
    pub account: i64,
    /// To tokens.
    pub credential: i64,
    /// To lines of the log. What is written later gets a higher number, and
    /// nothing comes any more at or below this one.
    pub line: i64,
}

/// One row that is to be as it is elsewhere. What is there already is replaced,
/// what is to be removed may be gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestoreAccess {
    /// A team; who is in it comes with the accounts.
    Team {
        /// Its name.
        name: String,
        /// When it was made.
        created: Timestamp,
    },
    /// A team goes, and everybody leaves it.
    RemoveTeam(String),
    /// An account with its groups, and with its memberships in teams that are there.
    Account(AccountRecord),
    /// An account goes, with tokens, groups and memberships.
    RemoveAccount(AccountId),
    /// A token of an account that is there.
    Credential(CredentialWalk),
    /// A token goes.
    RemoveCredential(CredentialId),
    /// A named role.
    Role(RoleRecord),
    /// A named role goes.
    RemoveRole(String),
    /// A grant, whether or not there is such a subject or role.
    Grant(GrantRecord),
    /// A grant goes.
    RemoveGrant(GrantRecord),
    /// How visible repositories are.
    Visibility(VisibilityRecord),
    /// A setting of visibility goes.
    RemoveVisibility(String),
}

/// Everything about accounts, for a store of the same content elsewhere.
///
/// Teams, roles, grants and visibilities are read by [`AccountStore`], lines of
/// the log by [`AuditStore`].
#[async_trait]
pub trait AccountWalk: AccountStore + AuditStore {
    /// Users and robots, by number.
    async fn walk_accounts(&self, page: Page<AccountId>) -> Result<Vec<AccountRecord>, StoreError>;

    /// Tokens of all accounts, by number.
    async fn walk_credentials(
        &self,
        page: Page<CredentialId>,
    ) -> Result<Vec<CredentialWalk>, StoreError>;

    /// The highest numbers that were ever given, also to what is gone. Waits
    /// for lines of the log that are being written.
    async fn last_numbers(&self) -> Result<LastNumbers, StoreError>;

    /// From now on only higher numbers are given. Numbers never go back.
    async fn raise_numbers(&self, last: LastNumbers) -> Result<(), StoreError>;

    /// Writes rows, in order, durably and all of them or none; at most a
    /// hundred. The version rises. Who has such a name or token here under
    /// another number goes.
    ///
    /// # Errors
    /// Also for members of a team, and tokens of an account, that is not here.
    async fn restore_access(&self, rows: Vec<RestoreAccess>) -> Result<(), StoreError>;

    /// Writes lines of a log that was written elsewhere, with their numbers and
    /// seals, durably and all of them or none; at most a thousand.
    async fn restore_audit(&self, lines: Vec<AuditRecord>) -> Result<(), StoreError>;

    /// Removes the lines from number `first` to number `last`, sealed or not,
    /// in steps.
    async fn remove_audit(&self, first: i64, last: i64) -> Result<(), StoreError>;

    /// Until [`AccountWalk::release_access`] this process changes no accounts:
    /// [`AccountStore::change_access`] fails as `Busy`, and no tokens and lines
    /// are removed because of their age. Once this has returned, changes that
    /// were begun have ended. Uses of tokens, new lines and seals go on.
    async fn hold_access(&self);

    /// Accounts may change again.
    async fn release_access(&self);
}
