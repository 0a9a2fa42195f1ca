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

    /// How often what was answered from memory turned out to be untrue. To be
    /// noted before a caller is authenticated, for [`Accounts::reach_store`].
    pub fn overtaken(&self) -> u64 {
        self.known.overtaken()
    }

    /// Whether nobody is known from memory alone who was authenticated since `noted`.
    pub fn is_certain(&self, noted: u64) -> bool {
        !self.known.is_away() && self.overtaken() == noted
    }

    /// Asks the store about accounts again if it was away a moment ago: before
    /// anything is changed for somebody who was known from memory. `noted` is
    /// [`Accounts::overtaken`] from before they were authenticated. To be asked
    /// of those only who may do what they want.
    ///
    /// # Errors
    /// `Unavailable`: it is still away, it is being asked already, or something
    /// has changed, which the next try sees.
    pub async fn reach_store(&self, noted: u64) -> Result<(), AuthenticationError> {
        let come_back = |why: &str| Err(AuthenticationError::Unavailable(why.to_owned()));
        if self.known.is_away() {
            // Nobody waits for the question of somebody else: each may take long.
            let Ok(mut version) = self.version.try_lock() else {
                return come_back("whether accounts can be read again is being asked");
            };
            self.take_over(&mut version).await.map_err(unavailable)?;
        }
        match self.overtaken() == noted {
            true => Ok(()),
            false => come_back("what is known about accounts has just changed"),
        }
    }
}
