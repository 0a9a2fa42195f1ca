//! Signing in while the store is away, if the operator wants that.
//!
//! Whom this process knew when the store went away can prove themselves by what
//! was known of them then. Everybody else is told to come back, whether they are
//! nobody or showed something wrong: without the store neither is known.

use store::{AccountKind, StoreError};

use super::access_file::LOCAL;
use super::sign_in::{Signed, by_password, unavailable};
use super::throttle::Attempt;
use super::{Accounts, live};
use crate::access::AuthenticationError;

impl Accounts {
    /// The robot as it was known before `error`, if this is its secret.
    pub(super) fn robot_from_memory(&self, robot: &str, secret: &str, error: StoreError) -> Signed {
        let last = self.known.last_account(AccountKind::Robot, robot, &error);
        match self.of_secret(last, secret) {
            Some(account) => Ok(by_password(&account)),
            None => Err(unavailable(error)),
        }
    }

    /// The user as they were known before `error`, if this is their password. A
    /// wrong one counts, and costs as much as one of nobody.
    pub(super) async fn user_from_memory(
        &self,
        user: &str,
        password: &str,
        attempt: &Attempt,
        error: StoreError,
    ) -> Signed {
        if !self.known.may_go_on(&error) {
            return Err(unavailable(error));
        }
        let last = self.known.last_account(AccountKind::User, user, &error);
        let is_live = |account: &store::AccountRecord| live::is_live(account, self.clock.now());
        let remembered = self.of_remembered(last.clone(), user, password).await?;
        if let Some(account) = remembered.filter(|account| is_live(account)) {
            return Ok(by_password(&account));
        }
        // What a source says of others takes the store as well.
        let local = last.filter(|account| account.source == LOCAL && is_live(account));
        let turn = self.throttle.turn(attempt).await;
        let tried = local.filter(|_| turn.is_ok());
        let stored = tried.as_ref().and_then(|account| account.secret.as_ref());
        let is_right = self.is_password(stored.map(|hash| hash.0.clone()), password).await?;
        match tried {
            Some(account) if is_right => {
                self.throttle.succeeded(attempt);
                return Ok(self.was_right(&account, user, password));
            }
            Some(_) => self.throttle.failed(attempt),
            None => {}
        }
        Err(unavailable(error))
    }

    /// Asks the store about accounts again if it was away a moment ago: before
    /// anything is changed for somebody who was known from memory.
    ///
    /// # Errors
    /// `Unavailable`: it is still away, or something has changed, which the next
    /// try sees.
    pub async fn reach_store(&self) -> Result<(), AuthenticationError> {
        if !self.known.is_away() {
            return Ok(());
        }
        match self.refresh().await {
            Ok(false) => Ok(()),
            Ok(true) => {
                let why = "what is known about accounts has just changed".to_owned();
                Err(AuthenticationError::Unavailable(why))
            }
            Err(error) => Err(unavailable(error)),
        }
    }
}
