//! Signed JSON texts (JWS in its compact form) and the keys that verify them.
//!
//! The envelope is a few hundred lines and the place where most token holes
//! were, so it is read here, strictly: one form, no repeated names, no
//! parameter that points to a key, an algorithm that the *key* permits. The
//! arithmetic is aws-lc's. There is no HMAC and no `none` in this module: a
//! public key can never be taken for a shared secret.

mod algorithm;
mod claims;
mod compact;
mod der;
mod json;
mod key;
mod keyset;
mod refusal;

pub use algorithm::Algorithm;
pub use claims::{Claim, numeric_date};
pub use compact::Compact;
pub use json::{Object, parse_object};
pub use key::PublicKey;
pub use keyset::{KeySet, KnownKey};
pub use refusal::TokenRefusal;

pub(crate) use claims::Times;

use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The base64 of tokens: URL-safe, without padding, one spelling per value.
pub(crate) const BASE64URL: base64::engine::GeneralPurpose = URL_SAFE_NO_PAD;
