//! The first administrator: there is no default account.
//!
//! While nobody administers, each start tells a one-time secret to its log, all
//! replicas the same one. Whoever reads that log may make the first
//! administrator with it, once.

use identity::Secret;
use store::{AccessChange, AccountKind, AuditNote, NewAccount, SecretHash, StoreError};
use subtle::ConstantTimeEq as _;

use super::access_file::LOCAL;
use super::execute::{self, rules};
use super::made_secret::Made;
use super::{Accounts, Actor, CommandError};
use crate::access::Subject;
use crate::audit::Origin;

/// What the making of the first administrator is called in the audit log.
const SETUP: &str = "setup";
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
    /// Who tried from where with a wrong one is written down.
    ///
    /// # Errors
    /// `Forbidden` if the secret is wrong or there is an administrator already.
    pub async fn setup(
        &self,
        secret: &Secret,
        name: &str,
        password: &Secret,
        origin: Origin,
    ) -> Result<(), CommandError> {
        let done = self.set_up(secret, name, password, &origin).await;
        if let Err(CommandError::Forbidden { .. }) = &done {
            self.note_failed_setup(origin);
        }
        done
    }

    fn note_failed_setup(&self, origin: Origin) {
        let by = Actor::Operator { via: SETUP };
        self.audit.failed_login(AuditNote {
            actor: Subject::Anonymous.to_string(),
            address: origin.address,
            request: origin.request,
            outcome: "refused".to_owned(),
            ..self.note(&by, SETUP, "", None)
        });
    }

    async fn set_up(
        &self,
        secret: &Secret,
        name: &str,
        password: &Secret,
        origin: &Origin,
    ) -> Result<(), CommandError> {
        let stored = self.settings_store.setting(SETUP_SECRET).await?.unwrap_or_default();
        let given = secret.reveal().as_bytes();
        // 256 bits: there is nothing to slow down.
        if stored.is_empty() || !bool::from(stored.as_slice().ct_eq(given)) {
            return Err(refused());
        }
        self.add_admin(name, password, origin).await?;
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
                self.make_configured_admin(&name, &password).await?;
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

    /// Makes the administrator of the configuration while nobody administers:
    /// one who was removed, because the password became known, stays removed.
    async fn make_configured_admin(&self, name: &str, password: &Secret) -> Result<(), StoreError> {
        let made = self.make_admin(name, password, rules::first_admin(), &Origin::default()).await;
        match made {
            Err(CommandError::LastAdmin) => {
                // Another replica may have been faster.
                if self.store.account(AccountKind::User, name).await?.is_some() {
                    return Ok(());
                }
                tracing::warn!(
                    name,
                    "the administrator of auth.berth.admin is not there and is not made, because \
                     there are others: take it out of the configuration, or make the user with \
                     `berth user add NAME --admin`"
                );
                Ok(())
            }
            Ok(()) | Err(CommandError::Exists { .. }) => Ok(()),
            Err(error) => Err(StoreError::Failed(format!("admin {name}: {error}"))),
        }
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

    async fn add_admin(
        &self,
        name: &str,
        password: &Secret,
        origin: &Origin,
    ) -> Result<(), CommandError> {
        let made = self.make_admin(name, password, rules::first_admin(), origin).await;
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
        origin: &Origin,
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
        let by = Actor::Operator { via: SETUP };
        let note = AuditNote {
            address: origin.address.clone(),
            request: origin.request.clone(),
            ..self.note(&by, "user.add", &format!("user:{name}"), None)
        };
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
