//! Whether a user of another source is still a user there.
//!
//! Tokens outlive the sign-in that they came from. So a source is asked again,
//! without a password, while they are in use: a file at each request, a
//! directory each minute. What it cannot say now, it said a while ago, and that
//! counts for five minutes. A provider of OpenID Connect cannot be asked.

use std::sync::Arc;

use identity::Known;
use store::{AccessChange, AccountKind, AccountRecord, SecretHash, WriteError};

use super::Accounts;
use super::access_file::LOCAL;
use super::asked::{AboutAccount, Answer, AskedSource, Next};
use super::execute::rules;
use super::sign_in::unavailable;
use super::sources::{Told, groups_of, new_groups, new_mark};
use crate::access::AuthenticationError;

/// What somebody shows for an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// The password, or what was got with it and ends with it.
    Password,
    /// What lives by itself: a personal token.
    Token,
    /// A certificate.
    Certificate,
}

/// What has become of an account at its source.
#[derive(Debug)]
pub(super) enum Standing {
    /// Nothing.
    Same,
    /// It is this by now.
    Changed(Arc<AccountRecord>),
    /// It is none any more, or what is shown for it has ended.
    Gone,
}

impl Standing {
    /// The account as it is now, which was `before`; `None` if it is gone.
    pub(super) fn of<'a>(&'a self, before: &'a AccountRecord) -> Option<&'a AccountRecord> {
        match self {
            Self::Same => Some(before),
            Self::Changed(now) => Some(now),
            Self::Gone => None,
        }
    }

    /// The same of an account that is shared.
    pub(super) fn shared(self, before: Arc<AccountRecord>) -> Option<Arc<AccountRecord>> {
        match self {
            Self::Same => Some(before),
            Self::Changed(now) => Some(now),
            Self::Gone => None,
        }
    }
}

impl Accounts {
    /// What has become of the account at its source, if that can be asked. Its
    /// groups are those that the source tells now.
    ///
    /// # Errors
    /// `Unavailable` if the source has not answered for too long.
    pub(super) async fn still_there(
        &self,
        account: &AccountRecord,
        shown: Shown,
    ) -> Result<Standing, AuthenticationError> {
        if account.source == LOCAL || account.kind != AccountKind::User {
            return Ok(Standing::Same);
        }
        let Some(source) = self.asked.source(&account.source) else { return Ok(Standing::Same) };
        let about = self.asked.about(account.id);
        let (answer, standing) = match self.asked.next(source, &about).await {
            Next::Take(answer) => (answer, Standing::Same),
            Next::Ask(_asking) => self.ask(source, &about, account).await?,
        };
        let Answer::There(mark) = answer else { return Ok(Standing::Gone) };
        let known = account.secret.as_ref().map(|SecretHash(mark)| mark);
        if known.is_none() || mark.is_none() || known == mark.as_ref() {
            return Ok(standing);
        }
        match shown {
            Shown::Password => Ok(Standing::Gone),
            Shown::Token => Ok(standing),
            Shown::Certificate => {
                let told = Told { action: "user.passwd", id: None, groups: None };
                self.taken_over(account, new_mark(&account.name, mark), told).await
            }
        }
    }

    /// Takes down that the source just vouched for the account.
    pub(super) fn is_vouched_for(&self, account: &AccountRecord, mark: Option<&String>) {
        if self.asked.source(&account.source).is_some() {
            let answer = Answer::There(mark.cloned());
            let about = self.asked.about(account.id);
            self.asked.told(&about, answer, self.clock.elapsed());
        }
    }

    async fn ask(
        &self,
        source: &AskedSource,
        about: &AboutAccount,
        account: &AccountRecord,
    ) -> Result<(Answer, Standing), AuthenticationError> {
        // What is told was true at some time after this.
        let at = self.clock.elapsed();
        let known = match self.asked.look_up(source, about, &account.name).await {
            Ok(known) => known.filter(|known| known.identity.name == account.name),
            Err(why) => {
                let last = self.asked.last(about).ok_or(why)?;
                return Ok((last, Standing::Same));
            }
        };
        let Some(known) = known else {
            let (source, name) = (&account.source, &account.name);
            tracing::info!(source, name, "no user of its source any more: what they hold is void");
            self.asked.told(about, Answer::Gone, at);
            return Ok((Answer::Gone, Standing::Gone));
        };
        // Before it is taken down: what failed to be written is asked for again.
        let standing = self.regrouped(account, &known).await?;
        let answer = Answer::There(known.identity.password_mark);
        self.asked.told(about, answer.clone(), at);
        Ok((answer, standing))
    }

    /// The account with the groups that its source tells now.
    async fn regrouped(
        &self,
        account: &AccountRecord,
        known: &Known,
    ) -> Result<Standing, AuthenticationError> {
        if !known.tells_groups {
            return Ok(Standing::Same);
        }
        let groups = groups_of(&account.source, &known.identity);
        if account.groups == groups {
            return Ok(Standing::Same);
        }
        let told = Told { action: "user.groups", id: None, groups: Some(&groups) };
        self.taken_over(account, new_groups(&account.name, &groups), told).await
    }

    /// The account after `step`, which its source is the reason for.
    async fn taken_over(
        &self,
        account: &AccountRecord,
        step: AccessChange,
        told: Told<'_>,
    ) -> Result<Standing, AuthenticationError> {
        let note = self.note_of_source(&account.source, &account.name, "look-up", told);
        match self.change(vec![step], rules::any(), vec![note]).await {
            Ok(_) => {}
            // It was removed meanwhile.
            Err(WriteError::Refused(_)) => return Ok(Standing::Gone),
            Err(WriteError::Store(error)) => return Err(unavailable(error)),
        }
        let now = self.known.account_by_id(account.id).await.map_err(unavailable)?;
        Ok(now.map_or(Standing::Gone, Standing::Changed))
    }
}
