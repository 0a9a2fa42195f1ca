//! Users that somebody else vouches for.
//!
//! A source's user becomes an account at the first sign-in. From then on the
//! name belongs to that source: no other one signs it in, and a local user of
//! the name comes before all of them. Groups are what the source says now, in
//! place of all that it said before.

use std::sync::Arc;

use identity::SourceError;
use store::{
    AccessChange, AccessRefusal, AccountChange, AccountKind, AccountRecord, AuditNote, NewAccount,
    Refusal, WriteError,
};

use super::access_file::LOCAL;
use super::execute::rules;
use super::sign_in::{Signed, by_password, unavailable};
use super::{Accounts, live, login_name};
use crate::access::{AuthenticationError, Subject};

impl Accounts {
    /// Somebody whom `source` vouches for, after a sign-in there: the account
    /// is made if there is none, and its groups are replaced.
    ///
    /// # Errors
    /// [`AuthenticationError::Invalid`] if the name is that of another source's
    /// or a local user, or no name for a user, or the account is disabled.
    pub async fn external(&self, source: &str, identity: identity::Identity) -> Signed {
        let account = self.brought_in(source, &identity, Some(&identity.subject)).await?;
        let account = account.filter(|account| live::is_live(account, self.clock.now()));
        let account = account.ok_or(AuthenticationError::Invalid)?;
        Ok(by_password(&account))
    }

    /// Asks the sources in order, each of them whether it knows the name or
    /// not; takes the word of the one that `account` is of, or of the first.
    pub(super) async fn at_a_source(
        &self,
        account: Option<&AccountRecord>,
        user: &str,
        password: &str,
    ) -> Result<Option<Arc<AccountRecord>>, AuthenticationError> {
        let mut failed = None;
        for source in &self.sources {
            let is_its = account.is_none_or(|account| account.source == source.name());
            match source.verify(user, password).await {
                Ok(Some(identity)) if is_its => {
                    // A directory's own name for somebody changes when they move within it.
                    return self.brought_in(source.name(), &identity, None).await;
                }
                Ok(_) => {}
                Err(SourceError::Busy) => return Err(AuthenticationError::Busy),
                Err(SourceError::Unavailable(why)) => {
                    tracing::warn!(source = source.name(), "identity source: {why}");
                    failed = Some(format!("{}: {why}", source.name()));
                }
            }
        }
        if self.sources.is_empty() {
            // As slow as for a user who is there.
            self.is_password(None, password).await?;
        }
        failed.map_or(Ok(None), |why| Err(AuthenticationError::Unavailable(why)))
    }

    /// The account of an identity, made or brought up to date. `None` if the
    /// name is not free for this source, or for whom the source calls `id` for ever.
    async fn brought_in(
        &self,
        source: &str,
        identity: &identity::Identity,
        id: Option<&str>,
    ) -> Result<Option<Arc<AccountRecord>>, AuthenticationError> {
        let name = &identity.name;
        if source == LOCAL {
            tracing::error!("an identity source must not be called local: it signs nobody in");
            return Ok(None);
        }
        if Subject::user(name).is_err() || login_name::is_alias(name) {
            tracing::warn!(source, name, "an identity source names a user as none can be named");
            return Ok(None);
        }
        let groups = groups_of(source, identity);
        // Somebody else may make the account between look and change: look again, once.
        for _ in 0..2 {
            let read = self.store.account(AccountKind::User, name).await.map_err(unavailable)?;
            let steps = match &read {
                Some(account) if account.source != source => return Ok(None),
                Some(account) if is_somebody_else(account, id) => {
                    tracing::warn!(source, name, "somebody else has this name at the source now");
                    return Ok(None);
                }
                Some(account) if account.groups == groups => break,
                Some(_) => vec![new_groups(name, &groups)],
                None => vec![new_user(source, name, id), new_groups(name, &groups)],
            };
            let note = self.note_of_source(source, name, read.is_some(), &groups);
            match self.change(steps, rules::any(), vec![note]).await {
                Err(WriteError::Refused(Refusal::Access(AccessRefusal::Exists(_)))) => {}
                Err(WriteError::Refused(_)) => return Ok(None),
                Err(WriteError::Store(error)) => return Err(unavailable(error)),
                Ok(_) => break,
            }
        }
        let account = self.known.account(AccountKind::User, name).await.map_err(unavailable)?;
        Ok(account.filter(|account| account.source == source))
    }

    fn note_of_source(
        &self,
        source: &str,
        name: &str,
        is_known: bool,
        groups: &[String],
    ) -> AuditNote {
        let action = if is_known { "user.groups" } else { "user.add" };
        let detail = serde_json::json!({ "source": source, "groups": groups });
        AuditNote {
            at: self.clock.now(),
            actor: format!("source:{source}"),
            via: "sign-in".to_owned(),
            address: None,
            action: action.to_owned(),
            target: format!("user:{name}"),
            outcome: "ok".to_owned(),
            request: None,
            detail: Some(detail.to_string()),
            count: 1,
        }
    }
}

/// The groups with the source in front, those that a grant can name.
fn groups_of(source: &str, identity: &identity::Identity) -> Vec<String> {
    let named = identity.groups.iter().map(|group| format!("{source}/{group}"));
    let mut groups: Vec<_> = named.filter(|group| Subject::group(group).is_ok()).collect();
    groups.sort_unstable();
    groups.dedup();
    groups
}

fn new_groups(name: &str, groups: &[String]) -> AccessChange {
    let change = AccountChange::Groups(groups.to_vec());
    AccessChange::ChangeAccount(AccountKind::User, name.to_owned(), change)
}

/// Names are given anew, what a provider calls somebody for ever is not.
fn is_somebody_else(account: &AccountRecord, id: Option<&str>) -> bool {
    account.source_id.is_some() && account.source_id.as_deref() != id
}

fn new_user(source: &str, name: &str, id: Option<&str>) -> AccessChange {
    AccessChange::AddAccount(NewAccount {
        kind: AccountKind::User,
        name: name.to_owned(),
        source: source.to_owned(),
        source_id: id.map(str::to_owned),
        is_admin: false,
        secret: None,
        expires: None,
    })
}
