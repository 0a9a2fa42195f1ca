//! The first administrator: there is no default account.
//!
//! While nobody administers, each start tells a one-time secret to its log, all
//! replicas the same one. Whoever reads that log may make the first
//! administrator with it, once.

use identity::Secret;
use store::{AccessChange, AccountKind, NewAccount, SecretHash, StoreError};
use subtle::ConstantTimeEq as _;

use super::access_file::LOCAL;
use super::execute::{self, rules};
use super::made_secret::Made;
use super::{Accounts, Actor, CommandError};
use crate::access::Subject;

/// Where the one-time secret is; empty: it was used. It opens nothing that
/// somebody who reads the database could not open anyway.
const SETUP_SECRET: &str = "setup-secret";
/// Page of the search for an administrator.
const PAGE: usize = 1_000;

impl Accounts {
    /// The one-time secret that makes the first administrator, for the log.
    /// `None` once there is an enabled administrator.
    pub async fn setup_secret(&self) -> Result<Option<String>, StoreError> {
        if self.has_admin().await? {
            return Ok(None);
        }
        Ok(self.setup.lock().as_ref().map(|secret| secret.reveal().to_owned()))
    }

    /// Makes the first administrator with the one-time secret, and burns it.
    ///
    /// # Errors
    /// `Forbidden` if the secret is wrong or there is an administrator already.
    pub async fn setup(
        &self,
        secret: &Secret,
        name: &str,
        password: &Secret,
    ) -> Result<(), CommandError> {
        let stored = self.settings_store.setting(SETUP_SECRET).await?.unwrap_or_default();
        let given = secret.reveal().as_bytes();
        // 256 bits: there is nothing to slow down.
        if stored.is_empty() || !bool::from(stored.as_slice().ct_eq(given)) {
            return Err(refused());
        }
        self.add_admin(name, password).await?;
        // The rule that there must be no administrator has burnt it already.
        self.burn_setup_secret().await?;
        *self.setup.lock() = None;
        Ok(())
    }

    /// What [`Accounts::open`] does about administrators.
    pub(super) async fn prepare_admin(&self) -> Result<(), StoreError> {
        if let Some((name, password)) = self.settings.admin.clone() {
            let known = self.store.account(AccountKind::User, &name).await?;
            if known.is_none() {
                let made = self.make_admin(&name, &password, rules::keeps_an_admin()).await;
                // Another replica may have been faster.
                match made {
                    Ok(()) | Err(CommandError::Exists { .. }) => {}
                    Err(error) => return Err(StoreError::Failed(format!("admin {name}: {error}"))),
                }
            }
        }
        let secret = if self.has_admin().await? {
            self.burn_setup_secret().await?;
            None
        } else {
            Some(self.shared_setup_secret().await?)
        };
        *self.setup.lock() = secret;
        Ok(())
    }

    /// The secret that another start made, else a new one.
    async fn shared_setup_secret(&self) -> Result<Secret, StoreError> {
        let fresh = Made::Setup.make(&*self.random);
        let bytes = fresh.reveal().as_bytes().to_vec();
        let stored = self.settings_store.setting_or_insert(SETUP_SECRET, bytes.clone()).await?;
        match String::from_utf8(stored) {
            Ok(text) if Made::Setup.fits(&text) => Ok(Secret::new(text)),
            _ => {
                self.settings_store.set_setting(SETUP_SECRET, bytes).await?;
                Ok(fresh)
            }
        }
    }

    async fn burn_setup_secret(&self) -> Result<(), StoreError> {
        let stored = self.settings_store.setting(SETUP_SECRET).await?;
        if stored.is_some_and(|secret| !secret.is_empty()) {
            self.settings_store.set_setting(SETUP_SECRET, Vec::new()).await?;
        }
        Ok(())
    }

    async fn add_admin(&self, name: &str, password: &Secret) -> Result<(), CommandError> {
        let made = self.make_admin(name, password, rules::first_admin()).await;
        made.map_err(|error| match error {
            CommandError::LastAdmin => refused(),
            other => other,
        })
    }

    async fn make_admin(
        &self,
        name: &str,
        password: &Secret,
        rule: rules::AccessRule,
    ) -> Result<(), CommandError> {
        Subject::user(name).map_err(|error| execute::invalid("name", name, &error))?;
        execute::check_password("password", name, password)?;
        let hash = self.hashed(password).await?;
        let step = AccessChange::AddAccount(NewAccount {
            kind: AccountKind::User,
            name: name.to_owned(),
            source: LOCAL.to_owned(),
            source_id: None,
            is_admin: true,
            secret: Some(hash),
            expires: None,
        });
        let by = Actor::Operator { via: "setup" };
        let note = self.note(&by, "user.add", &format!("user:{name}"), None);
        self.change(vec![step], rule, vec![note]).await.map_err(execute::refused)?;
        Ok(())
    }

    /// A new password as it is stored.
    pub(super) async fn hashed(&self, password: &Secret) -> Result<SecretHash, CommandError> {
        let made = self.hashers.hash(password.clone(), self.random.clone()).await;
        made.map(SecretHash).map_err(|_| CommandError::Busy)
    }

    async fn has_admin(&self) -> Result<bool, StoreError> {
        let mut after: Option<String> = None;
        loop {
            let page = self.store.accounts(AccountKind::User, after.as_deref(), PAGE).await?;
            if page.iter().any(|account| account.is_admin && !account.is_disabled) {
                return Ok(true);
            }
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(last.name.clone()),
                _ => return Ok(false),
            }
        }
    }
}

fn refused() -> CommandError {
    let why = "the setup secret is wrong or used; the log of each start tells it while there is no \
               administrator";
    CommandError::Forbidden { why: why.to_owned() }
}
