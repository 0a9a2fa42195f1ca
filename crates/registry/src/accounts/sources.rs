//! Users that somebody else vouches for.
//!
//! A source's user becomes an account at the first sign-in. From then on the
//! name belongs to that source: no other one signs it in, and a local user of
//! the name comes before all of them. Groups are what the source says now, in
//! place of all that it said before.

use std::sync::Arc;
use std::time::Duration;

use identity::SourceError;
use store::{
    AccessChange, AccessRefusal, AccountChange, AccountKind, AccountRecord, AuditNote, NewAccount,
    Refusal, SecretHash, WriteError,
};

use super::access_file::LOCAL;
use super::execute::rules;
use super::sign_in::{Signed, by_password, unavailable};
use super::throttle::Attempt;
use super::{Accounts, live, login_name};
use crate::access::{AuthenticationError, Subject};

/// How long those are asked, all together, whose answer does not count.
const FOR_NOTHING: Duration = Duration::from_secs(2);

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
        // What nobody can be called counts for no account: a source that takes
        // it for somebody's name would be guessed at without end.
        let can_be = Subject::user(user.trim()).is_ok();
        let is_its = |name: &str| can_be && account.is_none_or(|account| account.source == name);
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

    /// What a failed attempt for another name would have cost beside: our own
    /// hash, if a source was asked instead, and a question to each source that was not asked, about nobody.
    /// Otherwise a stopwatch would tell local users, those of a source and
    /// unknown ones apart. Nobody waits long for a source that does not answer:
    /// its own users are told so, and there is nothing left to hide.
    pub(super) async fn spend_the_rest(
        &self,
        account: Option<&AccountRecord>,
        password: &str,
    ) -> Result<(), AuthenticationError> {
        let was_asked = |name: &str| account.is_none_or(|account| account.source == name);
        // No source is shown what may be the password of another one's user.
        let masked: String = password.bytes().map(|b| if b == 0 { '\0' } else { 'x' }).collect();
        let is_spent = |name: &str| was_asked(name) || self.asked.is_silent(name);
        let ask_the_rest = async {
            for source in self.sources.iter().filter(|source| !is_spent(source.name())) {
                // What comes of it is no answer to what was asked here.
                let _ = source.verify(&self.nobody(), &masked).await;
            }
        };
        let _ = tokio::time::timeout(FOR_NOTHING, ask_the_rest).await;
        if self.sources.iter().any(|source| was_asked(source.name())) {
            self.is_password(None, password).await?;
        }
        Ok(())
    }

    /// A name that nobody has, a new one each time: no source may lock anybody out for it.
    fn nobody(&self) -> String {
        let mut chance = [0; 8];
        self.random.fill(&mut chance);
        format!("nobody-{:016x}", u64::from_le_bytes(chance))
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
        let mark = identity.password_mark.as_ref();
        // Somebody else may make the account between look and change: look again, once.
        for _ in 0..2 {
            let read = self.store.account(AccountKind::User, name).await.map_err(unavailable)?;
            let steps = match &read {
                Some(account) if account.source != source => return Ok(None),
                Some(account) if is_somebody_else(account, id) => {
                    tracing::warn!(source, name, "somebody else has this name at the source now");
                    return Ok(None);
                }
                Some(account) => brought_up_to_date(account, id, &groups, mark),
                None => vec![new_user(source, name, id, mark), new_groups(name, &groups)],
            };
            if steps.is_empty() {
                break;
            }
            let action = match &read {
                None => "user.add",
                Some(account) if account.source_id.as_deref() != id => "user.bind",
                Some(account) if account.groups != groups => "user.groups",
                // Of nobody before: whoever made the account ahead knew no mark.
                Some(account) if account.secret.is_none() => "user.bind",
                Some(_) => "user.passwd",
            };
            let told = Told { action, id, groups: Some(&groups) };
            let note = self.note_of_source(source, name, "sign-in", told);
            match self.change(steps, rules::any(), vec![note]).await {
                Err(WriteError::Refused(Refusal::Access(AccessRefusal::Exists(_)))) => {}
                Err(WriteError::Refused(_)) => return Ok(None),
                Err(WriteError::Store(error)) => return Err(unavailable(error)),
                Ok(_) => break,
            }
        }
        let account = self.known.account(AccountKind::User, name).await.map_err(unavailable)?;
        let account = account.filter(|it| it.source == source && !is_somebody_else(it, id));
        if let Some(account) = &account {
            self.is_vouched_for(account, mark);
        }
        Ok(account)
    }

    pub(super) fn note_of_source(
        &self,
        source: &str,
        name: &str,
        via: &str,
        told: Told<'_>,
    ) -> AuditNote {
        let Told { action, id, groups } = told;
        let detail = serde_json::json!({ "source": source, "id": id, "groups": groups });
        AuditNote {
            at: self.clock.now(),
            actor: format!("source:{source}"),
            via: via.to_owned(),
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

/// What a source told that changed an account.
pub(super) struct Told<'a> {
    /// What has changed, in the words of the audit log.
    pub(super) action: &'a str,
    /// What it calls the user for ever.
    pub(super) id: Option<&'a str>,
    /// The groups, if it told them.
    pub(super) groups: Option<&'a [String]>,
}

/// The groups with the source in front, those that a grant can name.
pub(super) fn groups_of(source: &str, identity: &identity::Identity) -> Vec<String> {
    let named = identity.groups.iter().map(|group| format!("{source}/{group}"));
    let mut groups: Vec<_> = named.filter(|group| Subject::group(group).is_ok()).collect();
    groups.sort_unstable();
    groups.dedup();
    groups
}

pub(super) fn new_groups(name: &str, groups: &[String]) -> AccessChange {
    let change = AccountChange::Groups(groups.to_vec());
    AccessChange::ChangeAccount(AccountKind::User, name.to_owned(), change)
}

/// What was got with another password ends with this.
pub(super) fn new_mark(name: &str, mark: Option<String>) -> AccessChange {
    let change = AccountChange::Secret(mark.map(SecretHash));
    AccessChange::ChangeAccount(AccountKind::User, name.to_owned(), change)
}

/// An account that was made before anybody had signed in is from now on of
/// whoever the source means by the name now.
fn brought_up_to_date(
    account: &AccountRecord,
    id: Option<&str>,
    groups: &[String],
    mark: Option<&String>,
) -> Vec<AccessChange> {
    let mut steps = Vec::new();
    if let Some(id) = id.filter(|_| account.source_id.is_none()) {
        let change = AccountChange::SourceId(id.to_owned());
        steps.push(AccessChange::ChangeAccount(AccountKind::User, account.name.clone(), change));
    }
    if account.groups != groups {
        steps.push(new_groups(&account.name, groups));
    }
    if mark.is_some() && mark != account.secret.as_ref().map(|SecretHash(mark)| mark) {
        steps.push(new_mark(&account.name, mark.cloned()));
    }
    steps
}

/// Names are given anew, what a provider calls somebody for ever is not.
fn is_somebody_else(account: &AccountRecord, id: Option<&str>) -> bool {
    account.source_id.is_some() && account.source_id.as_deref() != id
}

fn new_user(source: &str, name: &str, id: Option<&str>, mark: Option<&String>) -> AccessChange {
    AccessChange::AddAccount(NewAccount {
        kind: AccountKind::User,
        name: name.to_owned(),
        source: source.to_owned(),
        source_id: id.map(str::to_owned),
        is_admin: false,
        secret: mark.cloned().map(SecretHash),
        expires: None,
    })
}
