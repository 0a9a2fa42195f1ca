//! Name and password in, caller out.
//!
//! Unknown, wrong, disabled and ended look alike, and take about as long: each
//! of them costs two questions to the store, one that finds somebody and one
//! that finds nobody; a password one hash and one question to each identity source
//! as well, or nothing of all that if it has to wait. What was right is remembered
//! for a minute under a key that holds all the answer depends on.

use std::net::IpAddr;
use std::sync::Arc;

use identity::Secret;
use store::{AccountKind, AccountRecord, CredentialKind, CredentialRecord, StoreError};

use super::access_file::LOCAL;
use super::login_name::{LoginName, looks_signed};
use super::made_secret::{self, Made};
use super::still_there::Shown;
use super::throttle::Attempt;
use super::{Accounts, Proven, live};
use crate::access::{AuthenticationError, Limits, Via};

pub(super) type Signed = Result<Proven, AuthenticationError>;

impl Accounts {
    /// Who signs in with this name and this password.
    ///
    /// # Errors
    /// [`AuthenticationError::Invalid`] for whatever is wrong with them;
    /// `Throttled` and `Busy` are worth another try, `Unavailable` is not the
    /// client's fault.
    pub async fn sign_in(&self, user: &str, password: &str, from: Option<IpAddr>) -> Signed {
        let name = LoginName::parse(user);
        if Made::Personal.fits(password) {
            return self.by_personal_token(name, password, from).await;
        }
        if looks_signed(password) && !matches!(name, LoginName::User(_)) {
            return self.by_id_token(name, password, from).await;
        }
        match name {
            LoginName::Robot(robot) => self.by_robot_secret(robot, password, from).await,
            LoginName::User(user) => self.by_password(user, password, from).await,
            LoginName::Token => Err(self.wrong(&Attempt::secret(from))),
        }
    }

    /// Counts a failure. Whoever has to wait is told so, known or not.
    pub(super) fn wrong(&self, attempt: &Attempt) -> AuthenticationError {
        if let Some(retry_after_seconds) = self.throttle.wait(attempt) {
            return AuthenticationError::Throttled { retry_after_seconds };
        }
        self.throttle.failed(attempt);
        AuthenticationError::Invalid
    }

    async fn by_id_token(
        &self,
        name: LoginName<'_>,
        id_token: &str,
        from: Option<IpAddr>,
    ) -> Signed {
        let proven = self.exchange(id_token, from).await?;
        match name {
            LoginName::Robot(robot) if proven.name() != Some(&format!("robot${robot}")) => {
                Err(self.wrong(&Attempt::secret(from)))
            }
            _ => Ok(proven),
        }
    }

    /// A secret of 256 bits cannot be guessed, so it is compared before the
    /// wait: nobody keeps a robot out by guessing.
    async fn by_robot_secret(&self, robot: &str, secret: &str, from: Option<IpAddr>) -> Signed {
        let kind = AccountKind::Robot;
        let recent = self.known.recent_account(kind, robot);
        if let Some(account) = self.of_secret(recent, secret) {
            return Ok(by_password(&account));
        }
        let account = match self.known.account_now(kind, robot).await {
            Ok(account) => account,
            Err(error) => return self.robot_from_memory(robot, secret, error),
        };
        let is_there = account.is_some();
        if let Some(account) = self.of_secret(account, secret) {
            return Ok(by_password(&account));
        }
        self.known.ask_the_other_way(kind, is_there).await;
        Err(self.wrong(&Attempt::secret(from)))
    }

    /// The account, if this is its secret and it may do anything.
    pub(super) fn of_secret(
        &self,
        account: Option<Arc<AccountRecord>>,
        secret: &str,
    ) -> Option<Arc<AccountRecord>> {
        let stored = account.as_ref().and_then(|account| account.secret.as_ref());
        let is_right = made_secret::is_right(secret, stored);
        account.filter(|account| is_right && live::is_live(account, self.clock.now()))
    }

    async fn by_personal_token(
        &self,
        name: LoginName<'_>,
        token: &str,
        from: Option<IpAddr>,
    ) -> Signed {
        let attempt = Attempt::secret(from);
        let found = self.known.credential(made_secret::digest(token)).await.map_err(unavailable)?;
        match found.filter(|found| self.stands_for(name, &found.0, &found.1)) {
            Some(found) => {
                let (credential, account) = &*found;
                let standing = self.still_there(account, Shown::Token).await?;
                let Some(account) = standing.of(account) else { return Err(self.wrong(&attempt)) };
                self.uses.note(credential.id, self.clock.now());
                let limits = live::limits(&credential.scopes);
                let mut proven = Proven::by(live::caller(account, Via::PersonalToken, limits));
                proven.credential = Some(credential.id);
                proven.ends = earlier(credential.expires, account.expires);
                Ok(proven)
            }
            None => Err(self.wrong(&attempt)),
        }
    }

    fn stands_for(
        &self,
        name: LoginName<'_>,
        credential: &CredentialRecord,
        account: &AccountRecord,
    ) -> bool {
        let now = self.clock.now();
        let is_for_name = match name {
            LoginName::Token => true,
            LoginName::User(name) => account.kind == AccountKind::User && account.name == name,
            LoginName::Robot(_) => false,
        };
        is_for_name
            && credential.kind == CredentialKind::Personal
            && live::has_not_ended(credential.expires, now)
            && live::is_live(account, now)
    }

    async fn by_password(&self, user: &str, password: &str, from: Option<IpAddr>) -> Signed {
        let attempt = Attempt::password(user, from);
        let recent = self.known.recent_account(AccountKind::User, user);
        if let Some(account) = self.of_remembered(recent, user, password).await? {
            return self.if_live(&account, &attempt);
        }
        self.without_store(user, password, &attempt)?;
        let account = match self.known.account_now(AccountKind::User, user).await {
            Ok(account) => account,
            Err(error) => return self.user_from_memory(user, password, &attempt, error).await,
        };
        if let Some(account) = self.of_remembered(account.clone(), user, password).await? {
            return self.if_live(&account, &attempt);
        }
        self.known.ask_the_other_way(AccountKind::User, account.is_some()).await;
        let turn = self.throttle.turn(&attempt).await?;
        let right = match account.clone() {
            Some(account) if account.source == LOCAL => self.local(account, password).await?,
            other => self.at_a_source(other.as_deref(), user, password, &attempt).await?,
        };
        // Counted whatever those beside it did: it had its turn.
        let live = right.filter(|account| live::is_live(account, self.clock.now()));
        let Some(account) = live else {
            self.throttle.failed(&attempt);
            // It is counted: whoever signs in meanwhile must not wait for the rest.
            drop(turn);
            self.spend_the_rest(account.as_deref(), password).await?;
            return Err(AuthenticationError::Invalid);
        };
        self.throttle.succeeded(&attempt);
        Ok(self.was_right(&account, user, password))
    }

    /// Refuses who has to wait before the store is asked, unless this password was
    /// right a moment ago: then it decides what has become of the account. While
    /// it is away failures count for known users only, so that nobody waits here.
    fn without_store(
        &self,
        user: &str,
        password: &str,
        attempt: &Attempt,
    ) -> Result<(), AuthenticationError> {
        let shown = self.remembered.key(&[user.as_bytes(), password.as_bytes()]);
        match self.throttle.wait(attempt) {
            Some(retry_after_seconds)
                if !self.known.is_away() && self.remembered.recall(&shown).is_none() =>
            {
                Err(AuthenticationError::Throttled { retry_after_seconds })
            }
            _ => Ok(()),
        }
    }

    /// Remembers for a minute that this password was right.
    pub(super) fn was_right(&self, account: &AccountRecord, user: &str, password: &str) -> Proven {
        let shown = self.remembered.key(&[user.as_bytes(), password.as_bytes()]);
        self.remembered.remember(shown, ());
        self.remembered.remember(self.remember_key(Some(account), user, password), ());
        by_password(account)
    }

    /// The account, if this password was right for it within the last minute,
    /// and its source has not changed its mind.
    pub(super) async fn of_remembered(
        &self,
        account: Option<Arc<AccountRecord>>,
        user: &str,
        password: &str,
    ) -> Result<Option<Arc<AccountRecord>>, AuthenticationError> {
        let key = self.remember_key(account.as_deref(), user, password);
        let is_remembered = self.remembered.recall(&key).is_some();
        let Some(account) = account.filter(|_| is_remembered) else { return Ok(None) };
        Ok(self.still_there(&account, Shown::Password).await?.shared(account))
    }

    /// All that the answer depends on: a changed password is forgotten by
    /// construction, and so is one of an account that was made again. Of nobody
    /// a key is made as well, as slowly, under which nothing is ever kept.
    fn remember_key(
        &self,
        account: Option<&AccountRecord>,
        user: &str,
        password: &str,
    ) -> identity::RememberedKey {
        let stored = account.and_then(|account| account.secret.as_ref());
        let stored = stored.map_or(&self.dummy, |hash| &hash.0);
        self.remembered.key(&[
            &account.map_or(0, |account| account.id.0).to_le_bytes(),
            &account.map_or(0, |account| account.epoch).to_le_bytes(),
            account.map_or(LOCAL, |account| &account.source).as_bytes(),
            stored.as_bytes(),
            user.as_bytes(),
            password.as_bytes(),
        ])
    }

    fn if_live(&self, account: &AccountRecord, attempt: &Attempt) -> Signed {
        if live::is_live(account, self.clock.now()) {
            Ok(by_password(account))
        } else {
            Err(self.wrong(attempt))
        }
    }

    async fn local(
        &self,
        account: Arc<AccountRecord>,
        password: &str,
    ) -> Result<Option<Arc<AccountRecord>>, AuthenticationError> {
        let stored = account.secret.as_ref().map(|hash| hash.0.clone());
        let is_right = self.is_password(stored, password).await?;
        Ok(is_right.then_some(account))
    }

    /// Whether `password` is the one that `stored` was made of; as slow for nothing stored.
    pub(super) async fn is_password(
        &self,
        stored: Option<String>,
        password: &str,
    ) -> Result<bool, AuthenticationError> {
        let is_known = stored.is_some();
        let hash = stored.unwrap_or_else(|| self.dummy.clone());
        let verdict = self.hashers.verify(hash, Secret::new(password)).await;
        Ok(verdict.map_err(|_| AuthenticationError::Busy)?.is_right() && is_known)
    }
}

/// What a client may keep in the place of a password must go with it: only of
/// local users and robots it is known here when that changes.
pub(super) fn by_password(account: &AccountRecord) -> Proven {
    let mut proven = Proven::by(live::caller(account, Via::Password, Limits::None));
    proven.epoch = Some(account.epoch);
    proven.ends = account.expires;
    proven.may_be_kept = account.source == LOCAL;
    proven
}

pub(super) fn earlier<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// The text is for our log only.
pub(super) fn unavailable(error: StoreError) -> AuthenticationError {
    AuthenticationError::Unavailable(error.to_string())
}
