//! Accounts: who signs in, with what, and who administers whom.
//!
//! [`Accounts`] stands between the proofs that clients send and the policy
//! that decides: it turns each proof into a [`Caller`](crate::access::Caller)
//! (`sign_in`, `bearer`, `refreshed`, `exchange`, `external`,
//! `with_certificate`), gives out tokens (`issue`), and carries out what
//! administrators want (`execute`).
//!
//! What is known about accounts is at most a few seconds old, so that taking
//! something away works everywhere within that time, for tokens that were
//! given out before as well.

mod access_file;
mod asked;
mod bearer;
mod behind;
mod cache;
mod certificate;
pub mod command;
mod emptied;
mod exchange;
mod execute;
mod from_memory;
mod issue;
mod keys;
mod live;
mod login_name;
mod made_secret;
mod moment;
mod proven;
mod refreshed;
mod settings;
mod setup;
mod sign_in;
mod sources;
mod still_there;
mod throttle;
mod uses;

use std::sync::Arc;

use identity::{Hashers, IdentitySource, Remembered, Secret};
use parking_lot::Mutex;
use store::{
    AccessChange, AccountStore, AuditNote, ChangedAccess, Clock, ContentStore, LeaseStore, Random,
    SettingsStore, StoreError, WriteError,
};

use crate::access::{Book, ByBook};
use crate::audit::AuditLog;

pub use access_file::{
    AccessFile, GrantEntry, RobotEntry, RoleEntry, TeamEntry, UserEntry, VisibilityEntry,
};
pub use command::{Answer, Command, CommandError};
pub use exchange::Keyless;
pub use execute::Actor;
pub use issue::{IssuedToken, TokenRequest};
pub use moment::Moment;
pub use proven::Proven;
pub use settings::{
    AccountSettings, MAX_PULL_TOKEN_LIFE, MAX_PUSH_TOKEN_LIFE, MAX_SESSION_CHECK, MIN_TOKEN_LIFE,
};
pub use throttle::ThrottleSettings;

/// What accounts work on.
pub struct AccountsParts {
    /// Accounts, tokens and grants.
    pub store: Arc<dyn AccountStore>,
    /// When repositories were emptied.
    pub content: Arc<dyn ContentStore>,
    /// Signing keys, and the one-time secret.
    pub settings_store: Arc<dyn SettingsStore>,
    /// Who rotates keys.
    pub leases: Arc<dyn LeaseStore>,
    /// What happened.
    pub audit: Arc<AuditLog>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
    /// The threads of this process that compute password hashes.
    pub hashers: Hashers,
    /// Who else knows users by password, in the order in which they are asked.
    pub sources: Vec<Arc<dyn IdentitySource>>,
    /// Systems whose CI jobs may sign in.
    pub keyless: Keyless,
    /// The operator's decisions.
    pub settings: AccountSettings,
}

/// All accounts of one registry. One for the whole process.
pub struct Accounts {
    store: Arc<dyn AccountStore>,
    settings_store: Arc<dyn SettingsStore>,
    audit: Arc<AuditLog>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    hashers: Hashers,
    sources: Vec<Arc<dyn IdentitySource>>,
    asked: asked::AskedSources,
    keyless: Keyless,
    settings: AccountSettings,
    policy: Arc<ByBook>,
    keys: keys::Keys,
    known: cache::Known,
    emptied: emptied::Emptied,
    verified: bearer::VerifiedTokens,
    remembered: Remembered<()>,
    throttle: throttle::Throttle,
    uses: uses::Uses,
    setup: Mutex<Option<Secret>>,
    /// What is computed for users who are not there.
    dummy: String,
    behind: behind::Behind,
    /// Of which version the policy is; one refresh at a time.
    version: tokio::sync::Mutex<Option<u64>>,
}

impl Accounts {
    /// Reads keys and policy, makes them where there are none, and makes the
    /// configured administrator.
    pub async fn open(parts: AccountsParts) -> Result<Arc<Self>, StoreError> {
        let AccountsParts { store, settings_store, leases, audit, clock, random, .. } = parts;
        let settings = parts.settings.bounded();
        let keys =
            keys::Keys::open(settings_store.clone(), leases, clock.clone(), random.clone()).await?;
        let (fresh, stale) = (settings.session_check, settings.stale_reads);
        let known = cache::Known::new(store.clone(), clock.clone(), fresh, stale);
        let emptied = emptied::Emptied::new(parts.content, clock.clone(), fresh, stale);
        let accounts = Arc::new(Self {
            known,
            emptied,
            keys,
            asked: asked::AskedSources::new(&parts.sources, clock.clone()),
            verified: bearer::verified_tokens(),
            remembered: Remembered::new(clock.clone(), &*random),
            throttle: throttle::Throttle::new(clock.clone(), settings.throttle),
            uses: uses::Uses::default(),
            setup: Mutex::default(),
            dummy: parts.hashers.dummy(),
            behind: behind::Behind::default(),
            version: tokio::sync::Mutex::default(),
            policy: Arc::default(),
            store,
            settings_store,
            audit,
            clock,
            random,
            hashers: parts.hashers,
            sources: parts.sources,
            keyless: parts.keyless,
            settings,
        });
        accounts.prepare_admin().await?;
        accounts.refresh().await?;
        Ok(accounts)
    }

    /// What decides about requests, kept current by [`Accounts::refresh`].
    pub fn policy(&self) -> Arc<ByBook> {
        self.policy.clone()
    }

    /// Looks whether anything about access has changed, and takes it over:
    /// `true` if it has. To be called every few seconds, more often than
    /// [`AccountSettings::session_check`].
    pub async fn refresh(&self) -> Result<bool, StoreError> {
        self.keys.keep_current().await;
        let mut version = self.version.lock().await;
        self.take_over(&mut version).await
    }

    async fn take_over(&self, version: &mut Option<u64>) -> Result<bool, StoreError> {
        let asked = self.clock.elapsed();
        let newest = self.store.access_version().await?;
        if *version == Some(newest) {
            self.known.confirm(asked);
            self.behind.ends();
            return Ok(false);
        }
        self.known.forget();
        self.behind.begins(asked);
        let record = self.store.policy().await?;
        let (book, problems) = Book::compile(&record);
        for problem in problems {
            tracing::warn!("access policy: {problem}; it gives nothing to anybody");
        }
        self.policy.replace(book);
        // Never later than what was read: a change in between is seen next time.
        *version = Some(record.version.min(newest));
        self.behind.ends();
        Ok(true)
    }

    /// Writes when tokens were used last. To be called every minute or so, and
    /// at the end.
    pub async fn flush_uses(&self) -> Result<(), StoreError> {
        self.uses.flush(&*self.store).await
    }

    /// Makes a new signing key if the newest is 90 days old; `true` if it did.
    /// To be called every hour or so; replicas keep each other out.
    pub async fn rotate_keys(&self) -> Result<bool, StoreError> {
        self.keys.rotate().await
    }

    /// Removes up to `limit` tokens that ended a while ago; how many.
    pub async fn remove_ended_tokens(&self, limit: usize) -> Result<usize, StoreError> {
        let kept = std::time::Duration::from_secs(24 * 3600);
        self.store.remove_ended_credentials(self.clock.now().before(kept), limit).await
    }

    /// The public keys of our tokens, as a JWK set.
    pub fn key_set(&self) -> serde_json::Value {
        self.keys.key_set()
    }

    /// The operator's decisions.
    pub fn settings(&self) -> &AccountSettings {
        &self.settings
    }

    /// The audit log that changes are noted in.
    pub fn audit(&self) -> &Arc<AuditLog> {
        &self.audit
    }

    /// Changes accounts, and sees the change here at once.
    async fn change(
        &self,
        steps: Vec<AccessChange>,
        rule: execute::rules::AccessRule,
        notes: Vec<AuditNote>,
    ) -> Result<ChangedAccess, WriteError> {
        let done = self.store.change_access(steps, rule, notes, self.clock.now()).await?;
        if let Err(error) = self.refresh().await {
            // It is done all the same, and the next look sees it.
            tracing::warn!(%error, "the access policy was not read again after a change");
        }
        Ok(done)
    }
}

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Accounts")
    }
}
