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
use super::throttle::Attempt;
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

    /// Takes the word of the source that `account` is of: no other one is
    /// shown its password. Of a name without an account, the first source that
    /// knows it decides, asked in order. Where one says no and another nothing,
    /// the attempt counts as wrong: nobody guesses freely while a source is down.
    pub(super) async fn at_a_source(
        &self,
        account: Option<&AccountRecord>,
        user: &str,
        password: &str,
        attempt: &Attempt,
    ) -> Result<Option<Arc<AccountRecord>>, AuthenticationError> {
        let (mut failed, mut is_wrong) = (None, false);
        let is_its = |name: &str| account.is_none_or(|account| account.source == name);
        for source in self.sources.iter().filter(|source| is_its(source.name())) {
            match source.verify(user, password).await {
                Ok(Some(identity)) => {
                    // A directory's own name for somebody changes when they move within it.
                    return self.brought_in(source.name(), &identity, None).await;
                }
                Ok(None) => is_wrong = true,
                Err(SourceError::Busy) => {
                    failed = Some(AuthenticationError::Busy);
                    break;
                }
                Err(SourceError::Unavailable(why)) => {
                    tracing::warn!(source = source.name(), "identity source: {why}");
                    let why = format!("{}: {why}", source.name());
                    failed = Some(AuthenticationError::Unavailable(why));
                }
            }
        }
        if let Some(error) = failed {
            if is_wrong {
                self.throttle.failed(attempt);
            }
            return Err(error);
        }
        if !is_wrong {
            // Nobody was asked: as slow as for a user who is there.
            self.is_password(None, password).await?;
        }
        Ok(None)
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
                Some(account) => brought_up_to_date(account, id, &groups),
                None => vec![new_user(source, name, id), new_groups(name, &groups)],
            };
            if steps.is_empty() {
                break;
            }
            let note = self.note_of_source(source, name, read.as_ref(), id, &groups);
            match self.change(steps, rules::any(), vec![note]).await {
                Err(WriteError::Refused(Refusal::Access(AccessRefusal::Exists(_)))) => {}
                Err(WriteError::Refused(_)) => return Ok(None),
                Err(WriteError::Store(error)) => return Err(unavailable(error)),
                Ok(_) => break,
            }
        }
        let account = self.known.account(AccountKind::User, name).await.map_err(unavailable)?;
        Ok(account.filter(|it| it.source == source && !is_somebody_else(it, id)))
    }

    fn note_of_source(
        &self,
        source: &str,
        name: &str,
        before: Option<&AccountRecord>,
        id: Option<&str>,
        groups: &[String],
    ) -> AuditNote {
        let action = match before {
            None => "user.add",
            Some(account) if account.source_id.as_deref() != id => "user.bind",
            Some(_) => "user.groups",
        };
        let detail = serde_json::json!({ "source": source, "id": id, "groups": groups });
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

/// An account that was made before anybody had signed in is from now on of
/// whoever the source means by the name now.
fn brought_up_to_date(
    account: &AccountRecord,
    id: Option<&str>,
    groups: &[String],
) -> Vec<AccessChange> {
    let mut steps = Vec::new();
    if let Some(id) = id.filter(|_| account.source_id.is_none()) {
        let change = AccountChange::SourceId(id.to_owned());
        steps.push(AccessChange::ChangeAccount(AccountKind::User, account.name.clone(), change));
    }
    if account.groups != groups {
        steps.push(new_groups(&account.name, groups));
    }
    steps
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
