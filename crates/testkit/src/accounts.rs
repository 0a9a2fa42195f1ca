//! Accounts that fail when told to.

use std::sync::Arc;

use async_trait::async_trait;
use store::{
    AccessChange, AccessFacts, AccountId, AccountKind, AccountRecord, AccountStore, AuditNote,
    ChangedAccess, CredentialId, CredentialRecord, PolicyRecord, Rule, StoreError, TeamRecord,
    Timestamp, WriteError,
};

use crate::Faults;

/// Another store of accounts, with failures.
pub struct FailingAccounts {
    inner: Arc<dyn AccountStore>,
    faults: Faults,
}

impl FailingAccounts {
    /// `inner`, failing as `faults` says.
    pub fn new(inner: Arc<dyn AccountStore>, faults: Faults) -> Self {
        Self { inner, faults }
    }
}

#[async_trait]
impl AccountStore for FailingAccounts {
    async fn access_version(&self) -> Result<u64, StoreError> {
        self.faults.around("access_version", self.inner.access_version()).await
    }

    async fn policy(&self) -> Result<PolicyRecord, StoreError> {
        self.faults.around("policy", self.inner.policy()).await
    }

    async fn account(
        &self,
        kind: AccountKind,
        name: &str,
    ) -> Result<Option<AccountRecord>, StoreError> {
        self.faults.around("account", self.inner.account(kind, name)).await
    }

    async fn account_by_id(&self, id: AccountId) -> Result<Option<AccountRecord>, StoreError> {
        self.faults.around("account_by_id", self.inner.account_by_id(id)).await
    }

    async fn credential(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<(CredentialRecord, AccountRecord)>, StoreError> {
        self.faults.around("credential", self.inner.credential(hash)).await
    }

    async fn credential_by_id(
        &self,
        id: CredentialId,
    ) -> Result<Option<CredentialRecord>, StoreError> {
        self.faults.around("credential_by_id", self.inner.credential_by_id(id)).await
    }

    async fn accounts(
        &self,
        kind: AccountKind,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<AccountRecord>, StoreError> {
        self.faults.around("accounts", self.inner.accounts(kind, after, limit)).await
    }

    async fn teams(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<TeamRecord>, StoreError> {
        self.faults.around("teams", self.inner.teams(after, limit)).await
    }

    async fn credentials(&self, account: AccountId) -> Result<Vec<CredentialRecord>, StoreError> {
        self.faults.around("credentials", self.inner.credentials(account)).await
    }

    async fn change_access(
        &self,
        steps: Vec<AccessChange>,
        rule: Rule<AccessFacts, ()>,
        notes: Vec<AuditNote>,
        at: Timestamp,
    ) -> Result<ChangedAccess, WriteError> {
        let work = self.inner.change_access(steps, rule, notes, at);
        self.faults.around("change_access", work).await
    }

    async fn note_use(&self, uses: Vec<(CredentialId, Timestamp)>) -> Result<(), StoreError> {
        self.faults.around("note_use", self.inner.note_use(uses)).await
    }

    async fn remove_ended_credentials(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let work = self.inner.remove_ended_credentials(before, limit);
        self.faults.around("remove_ended_credentials", work).await
    }
}
