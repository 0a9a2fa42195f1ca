//! The keys that sign our tokens, shared by all replicas.
//!
//! They live in the settings store. A new key is published for an hour before
//! it signs, so that every replica and everybody who keeps our key set knows
//! it by then; an old one verifies until its last token is over.

use std::sync::Arc;
use std::time::Duration;

use identity::token::{self, Claims, Expected, KeyRing, SignError, TokenRefusal};
use parking_lot::{Mutex, RwLock};
use store::{Clock, Lease, LeaseStore, Random, SettingsStore, StoreError, Timestamp};

/// Where the keys are: the newest one and all that verify.
const KEYS: &str = "token-keys";
/// The keys before the last rotation, until the newest one signs; else empty.
const KEYS_BEFORE: &str = "token-keys-before";
/// How long a key is published before it signs.
const PUBLISHED_BEFORE: Duration = Duration::from_secs(3600);
/// A key signs so long.
const ROTATE_AFTER: Duration = Duration::from_secs(90 * 24 * 3600);
/// An unknown key makes us look at the store, not more often than this.
const REREAD_EVERY: Duration = Duration::from_secs(1);
/// Without a reason to look, this often.
const LOOK_EVERY: Duration = Duration::from_secs(600);
/// Clocks of replicas may differ by this.
const LEEWAY: Duration = Duration::from_secs(30);
/// Who rotates keeps others out for this long.
const LEASE: Duration = Duration::from_secs(60);

/// What is published, and what signs if that is not the newest.
struct Rings {
    published: KeyRing,
    before: Option<KeyRing>,
}

/// The keys.
pub(super) struct Keys {
    settings: Arc<dyn SettingsStore>,
    leases: Arc<dyn LeaseStore>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    rings: RwLock<Arc<Rings>>,
    read_at: Mutex<Duration>,
}

impl Keys {
    /// Reads the keys, or makes the first one.
    pub(super) async fn open(
        settings: Arc<dyn SettingsStore>,
        leases: Arc<dyn LeaseStore>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, StoreError> {
        let first = KeyRing::generate(clock.now(), &*random).map_err(damaged)?;
        settings.setting_or_insert(KEYS, first.to_bytes().to_vec()).await?;
        let rings = RwLock::new(Arc::new(read(&*settings).await?));
        let read_at = Mutex::new(clock.elapsed());
        Ok(Self { settings, leases, clock, random, rings, read_at })
    }

    pub(super) fn sign(&self, claims: &Claims) -> Result<String, SignError> {
        let rings = self.rings.read().clone();
        let is_young = rings.published.made().after(PUBLISHED_BEFORE) > self.clock.now();
        match &rings.before {
            Some(before) if is_young => before.sign(claims),
            _ => rings.published.sign(claims),
        }
    }

    /// The claims of a token of ours that was good at `at`; looks for new keys if
    /// it names one that is not known here yet.
    pub(super) async fn verify(
        &self,
        token: &str,
        expected: &Expected<'_>,
        at: Timestamp,
    ) -> Result<Claims, TokenRefusal> {
        match self.verify_at(token, expected, at) {
            Err(TokenRefusal::UnknownKey) => {
                self.look(REREAD_EVERY).await;
                self.verify_at(token, expected, at)
            }
            done => done,
        }
    }

    fn verify_at(
        &self,
        token: &str,
        expected: &Expected<'_>,
        at: Timestamp,
    ) -> Result<Claims, TokenRefusal> {
        let rings = self.rings.read().clone();
        token::verify(&rings.published, token, expected, at, LEEWAY)
    }

    /// For how much longer than it says a token is accepted.
    pub(super) fn leeway() -> Duration {
        LEEWAY
    }

    /// The public keys, as a JWK set.
    pub(super) fn key_set(&self) -> serde_json::Value {
        self.rings.read().published.jwks()
    }

    /// Reads the keys again now and then: another replica may have rotated them.
    pub(super) async fn keep_current(&self) {
        self.look(LOOK_EVERY).await;
    }

    async fn look(&self, every: Duration) {
        let now = self.clock.elapsed();
        {
            let mut read_at = self.read_at.lock();
            if now.saturating_sub(*read_at) < every {
                return;
            }
            *read_at = now;
        }
        match read(&*self.settings).await {
            Ok(rings) => *self.rings.write() = Arc::new(rings),
            Err(error) => tracing::warn!(%error, "token keys were not read again"),
        }
    }

    /// Makes a new key if the newest is 90 days old, and puts the private part
    /// of the one before away once the newest signs. Whether it made one. Does
    /// nothing while another replica does it.
    pub(super) async fn rotate(&self) -> Result<bool, StoreError> {
        let mut id = [0; 16];
        self.random.fill(&mut id);
        let holder = format!("{:032x}", u128::from_le_bytes(id));
        let lease = Lease { name: KEYS.to_owned(), holder };
        if !self.leases.take_lease(lease.clone(), LEASE).await? {
            return Ok(false);
        }
        let done = self.rotate_alone().await;
        self.leases.release_lease(lease).await?;
        done
    }

    async fn rotate_alone(&self) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let stored = read(&*self.settings).await?;
        let made = stored.published.made();
        let rotates = made.after(ROTATE_AFTER) <= now;
        if rotates {
            let next = stored.published.rotated(now, &*self.random).map_err(damaged)?;
            // The old one first: between the two it signs, as it did.
            let before = stored.published.to_bytes().to_vec();
            self.settings.set_setting(KEYS_BEFORE, before).await?;
            self.settings.set_setting(KEYS, next.to_bytes().to_vec()).await?;
        } else if stored.before.is_some() && made.after(PUBLISHED_BEFORE) <= now {
            self.settings.set_setting(KEYS_BEFORE, Vec::new()).await?;
        }
        *self.rings.write() = Arc::new(read(&*self.settings).await?);
        Ok(rotates)
    }
}

async fn read(settings: &dyn SettingsStore) -> Result<Rings, StoreError> {
    let newest = settings.setting(KEYS).await?.unwrap_or_default();
    let published = KeyRing::from_bytes(&newest).map_err(damaged)?;
    let before = settings.setting(KEYS_BEFORE).await?.filter(|bytes| !bytes.is_empty());
    let before = before.map(|bytes| KeyRing::from_bytes(&bytes)).transpose().map_err(damaged)?;
    Ok(Rings { published, before })
}

fn damaged(error: token::KeyRingError) -> StoreError {
    StoreError::Damaged(format!("token keys: {error}"))
}
