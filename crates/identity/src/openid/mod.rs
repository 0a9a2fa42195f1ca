//! OpenID Connect: people who sign in at a provider, and CI jobs that show
//! the token of the system that runs them.
//!
//! [`Issuer`] is one provider and its keys; [`SignIn`] is the browser's way
//! through it (code flow with PKCE); [`Keyless`] turns the token of a CI job into
//! a robot, by [`Rule`]s about its claims.

mod claims;
mod issuer;
mod keyless;
mod pattern;
mod pending;
mod rule;
mod sign_in;
mod tenant;

use thiserror::Error;

pub use claims::IssuerClaims;
pub use issuer::{Expected, Issuer, IssuerKeys, IssuerSettings};
pub use keyless::{Keyless, KeylessMatch};
pub use pattern::Pattern;
pub use pending::Pending;
pub use rule::{Rule, RuleError, first_match};
pub use sign_in::{Callback, SignIn, SignInSettings};

use crate::jose::TokenRefusal;

/// Why nobody could be signed in. Texts are for the operator's log and hold no
/// secret; whoever signs in is told only that it did not work.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum OpenIdError {
    /// What is wrong with the configuration.
    #[error("{0}")]
    Settings(String),
    /// The provider does not answer, or not as the standard says.
    #[error("the provider: {0}")]
    Provider(String),
    /// The provider refused; its error code.
    #[error("the provider refused: {0}")]
    Denied(String),
    /// The provider's token is not acceptable.
    #[error(transparent)]
    Token(#[from] TokenRefusal),
    /// Whoever came back is not who was sent, or came too late, or twice.
    #[error("the sign-in was begun elsewhere or too long ago")]
    Stale,
    /// The provider does not tell what we need to know.
    #[error("{0}")]
    Claim(String),
}

#[cfg(test)]
mod tests;
