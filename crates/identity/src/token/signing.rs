//! The key that signs.

use aws_lc_rs::agreement::{self, ECDH_P256};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use serde_json::json;
use store::Random;
use thiserror::Error;
use zeroize::Zeroizing;

use super::{Claims, LONGEST_LIFE, MAX_ACCESS, MAX_TOKEN};
use crate::jose::{BASE64URL, PublicKey};

/// Why a token was not signed: it is one that we would refuse.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum SignError {
    /// Above [`MAX_TOKEN`] or [`MAX_ACCESS`].
    #[error("the token would be larger than {MAX_TOKEN} bytes or {MAX_ACCESS} entries")]
    TooLarge,
    /// Above [`LONGEST_LIFE`].
    #[error("the token would live longer than {} s", LONGEST_LIFE.as_secs())]
    TooLong,
    /// The cryptographic library failed.
    #[error("the token could not be signed")]
    Failed,
}

/// A P-256 key that signs with ES256.
pub struct SigningKey {
    pair: EcdsaKeyPair,
    private: Zeroizing<[u8; 32]>,
    public: PublicKey,
    id: String,
}

impl SigningKey {
    /// A key made of 32 bytes of `random`. `None` only if `random` yields
    /// nothing that is a key, again and again.
    pub fn generate(random: &dyn Random) -> Option<Self> {
        // All but one in four thousand million numbers are keys.
        (0..16).find_map(|_| {
            let mut private = Zeroizing::new([0; 32]);
            random.fill(private.as_mut_slice());
            Self::from_private(private)
        })
    }

    /// The key whose private number is `private`, big-endian.
    pub(super) fn from_private(private: Zeroizing<[u8; 32]>) -> Option<Self> {
        let number =
            agreement::PrivateKey::from_private_key(&ECDH_P256, private.as_slice()).ok()?;
        let point = number.compute_public_key().ok()?;
        let public = PublicKey::from_p256_point(point.as_ref())?;
        let pair = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            private.as_slice(),
            point.as_ref(),
        );
        let id = public.thumbprint();
        Some(Self { pair: pair.ok()?, private, public, id })
    }

    pub(super) fn private(&self) -> &[u8; 32] {
        &self.private
    }

    /// The key that verifies.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Its RFC 7638 thumbprint: the `kid` of what it signs.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Signs `claims` as a compact token.
    pub fn sign(&self, claims: &Claims) -> Result<String, SignError> {
        if claims.access.len() > MAX_ACCESS {
            return Err(SignError::TooLarge);
        }
        let life = claims.expires.saturating_sub(claims.issued);
        if !u64::try_from(life).is_ok_and(|life| life <= LONGEST_LIFE.as_secs()) {
            return Err(SignError::TooLong);
        }
        let header = json!({"alg": "ES256", "typ": "JWT", "kid": self.id}).to_string();
        let mut token = BASE64URL.encode(header);
        token.push('.');
        BASE64URL.encode_string(claims.to_json(), &mut token);
        // What it draws per signature cannot be passed in; nothing can be told from it.
        let signature = self.pair.sign(&SystemRandom::new(), token.as_bytes());
        let signature = signature.map_err(|_| SignError::Failed)?;
        token.push('.');
        BASE64URL.encode_string(signature.as_ref(), &mut token);
        if token.len() > MAX_TOKEN { Err(SignError::TooLarge) } else { Ok(token) }
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}
