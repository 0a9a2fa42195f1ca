//! Our own tokens: what they say, who signs them, how they are checked.
//!
//! One form only: ES256, a key of our own ring, found by its id. Everything a
//! token could say about how it wants to be verified is refused, not ignored.

mod access;
mod claims;
mod ring;
mod signing;
mod verify;

pub use access::{Access, allows};
pub use claims::Claims;
pub use ring::{KeyRing, KeyRingError};
pub use signing::{SignError, SigningKey};
pub use verify::{Expected, verify};

pub use crate::jose::TokenRefusal;

use std::time::Duration;

/// Largest token, in bytes.
pub const MAX_TOKEN: usize = 16 << 10;
/// Most entries in `access`.
pub const MAX_ACCESS: usize = 1_000;
/// No token of ours lives longer, whatever its use; older keys are kept as long.
pub const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);
/// How much earlier than it was made a token is valid, for clients whose clock is behind.
pub const BACKDATE: Duration = Duration::from_secs(5);

/// The `use` of tokens for `/v2/`.
pub const USE_REGISTRY: &str = "registry";

#[cfg(test)]
mod tests;
