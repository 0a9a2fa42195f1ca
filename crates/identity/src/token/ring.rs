//! The key that signs now and those whose tokens still live.

use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};
use store::{Random, Timestamp};
use thiserror::Error;
use zeroize::Zeroizing;

use super::{Claims, LONGEST_LIFE, SignError, SigningKey};
use crate::jose::{BASE64URL, Object, PublicKey, parse_object};

/// The form of a stored ring that this code reads and writes.
const VERSION: u64 = 1;
/// How long a retired key still verifies: until its last token is over, with
/// clocks that differ.
const KEEP: Duration = Duration::from_secs(LONGEST_LIFE.as_secs() + 600);
/// Most retired keys; more would mean a rotation every few minutes.
const MAX_OLDER: usize = 50;

/// Why there is no ring.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum KeyRingError {
    /// The stored form is damaged, or of a later version; which.
    #[error("the stored signing keys cannot be read: {0}")]
    Stored(&'static str),
    /// The source of randomness gives nothing that is a key.
    #[error("no signing key could be made of the given randomness")]
    Random,
    /// Rotated again and again while the older keys' tokens still live.
    #[error("the signing keys were rotated {MAX_OLDER} times within a token's life")]
    TooOften,
}

/// Our signing keys. A rotation makes a new ring: the key that signed until
/// then keeps verifying until its last token is over, its private part goes.
///
/// Replicas share the ring through the settings store. One that is told of a
/// key that it does not know ([`super::TokenRefusal::UnknownKey`]) should read
/// the ring again before it refuses.
#[derive(Debug)]
pub struct KeyRing {
    current: SigningKey,
    made: Timestamp,
    older: Vec<Older>,
}

#[derive(Debug, Clone)]
struct Older {
    key: PublicKey,
    id: String,
    retired: Timestamp,
}

impl KeyRing {
    /// A ring of one new key.
    pub fn generate(now: Timestamp, random: &dyn Random) -> Result<Self, KeyRingError> {
        let current = SigningKey::generate(random).ok_or(KeyRingError::Random)?;
        Ok(Self { current, made: now, older: Vec::new() })
    }

    /// This ring with a new key in front, without keys whose tokens are all over.
    pub fn rotated(&self, now: Timestamp, random: &dyn Random) -> Result<Self, KeyRingError> {
        let mut ring = Self::generate(now, random)?;
        let (key, id) = (self.current.public().clone(), self.current.id().to_owned());
        ring.older.push(Older { key, id, retired: now });
        let living = |older: &&Older| older.retired.after(KEEP) > now;
        ring.older.extend(self.older.iter().filter(living).cloned());
        if ring.older.len() > MAX_OLDER { Err(KeyRingError::TooOften) } else { Ok(ring) }
    }

    /// When the key that signs now was made.
    pub fn made(&self) -> Timestamp {
        self.made
    }

    /// The `kid` of the tokens that are made now.
    pub fn current_id(&self) -> &str {
        self.current.id()
    }

    /// Signs `claims` with the current key.
    pub fn sign(&self, claims: &Claims) -> Result<String, SignError> {
        self.current.sign(claims)
    }

    /// The key that is called `id`.
    pub(super) fn find(&self, id: &str) -> Option<&PublicKey> {
        if self.current.id() == id {
            return Some(self.current.public());
        }
        self.older.iter().find(|older| older.id == id).map(|older| &older.key)
    }

    /// The JWK set that others verify our tokens with.
    pub fn jwks(&self) -> Value {
        let current = std::iter::once((self.current.public(), self.current.id()));
        let older = self.older.iter().map(|older| (&older.key, older.id.as_str()));
        let keys = current.chain(older).map(|(key, id)| {
            let mut jwk = key.to_jwk();
            for (name, value) in [("kid", id), ("use", "sig"), ("alg", "ES256")] {
                jwk.insert(name.to_owned(), Value::from(value));
            }
            Value::Object(jwk)
        });
        json!({"keys": keys.collect::<Vec<_>>()})
    }

    /// The stored form. Holds the private key: a secret.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let older = self
            .older
            .iter()
            .map(|older| json!({"key": older.key.to_jwk(), "retired": older.retired.millis()}));
        let older: Vec<_> = older.collect();
        let current =
            json!({"d": BASE64URL.encode(self.current.private()), "made": self.made.millis()});
        let ring = json!({"version": VERSION, "current": current, "older": older});
        Zeroizing::new(ring.to_string().into_bytes())
    }

    /// Reads the stored form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyRingError> {
        let stored = parse_object(bytes).ok_or(KeyRingError::Stored("no JSON"))?;
        if stored.get("version").and_then(Value::as_u64) != Some(VERSION) {
            return Err(KeyRingError::Stored("another version"));
        }
        let current = stored.get("current").and_then(Value::as_object);
        let (current, made) =
            current.and_then(read_current).ok_or(KeyRingError::Stored("the current key"))?;
        let older = stored.get("older").and_then(Value::as_array);
        let older = older.filter(|older| older.len() <= MAX_OLDER);
        let older = older.and_then(|older| older.iter().map(read_older).collect());
        let older = older.ok_or(KeyRingError::Stored("the older keys"))?;
        Ok(Self { current, made, older })
    }
}

fn read_current(stored: &Object) -> Option<(SigningKey, Timestamp)> {
    let private = Zeroizing::new(BASE64URL.decode(stored.get("d")?.as_str()?).ok()?);
    let private = Zeroizing::new(private.as_slice().try_into().ok()?);
    let made = Timestamp::from_millis(stored.get("made")?.as_i64()?);
    Some((SigningKey::from_private(private)?, made))
}

fn read_older(stored: &Value) -> Option<Older> {
    let key = PublicKey::from_jwk(stored.get("key")?.as_object()?)?;
    let retired = Timestamp::from_millis(stored.get("retired")?.as_i64()?);
    let id = key.thumbprint();
    Some(Older { key, id, retired })
}
