//! Why a token is not accepted.

use thiserror::Error;

/// Why a token is not accepted. Texts are for logs and traces: a stranger is
/// told only that the token is not valid. None holds anything of the token.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum TokenRefusal {
    /// Larger than any token that we or a provider of ours signs.
    #[error("the token is too large")]
    TooLarge,
    /// Not a compact JWS of JSON objects; what about it.
    #[error("the token is malformed: {0}")]
    Malformed(&'static str),
    /// The header has a parameter that has no place there.
    #[error("the token's header must not have {0:?}")]
    Header(&'static str),
    /// The key is not one for the algorithm that the header names, or the
    /// algorithm is not allowed.
    #[error("the token's algorithm is not accepted")]
    Algorithm,
    /// Signed with a key that nobody vouches for. The one refusal after which
    /// looking for new keys makes sense.
    #[error("the token's key is not known")]
    UnknownKey,
    /// The certificates in the token do not lead to a trusted one.
    #[error("the token's certificates lead to no trusted one")]
    Chain,
    /// The signature is not that of the key.
    #[error("the token's signature is wrong")]
    Signature,
    /// A claim that must be there is not.
    #[error("the token has no claim {0:?}")]
    Missing(&'static str),
    /// A claim has the wrong shape or more entries than fit.
    #[error("the token's claim {0:?} has the wrong form")]
    Claim(&'static str),
    /// Its time is over.
    #[error("the token is expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is not valid yet")]
    NotYet,
    /// It lives longer than tokens may.
    #[error("the token lives too long")]
    TooLong,
    /// Somebody else made it.
    #[error("the token has another issuer")]
    Issuer,
    /// It is for somebody else.
    #[error("the token is for another audience")]
    Audience,
    /// It is for something else.
    #[error("the token is for another use")]
    Use,
    /// It belongs to another sign-in.
    #[error("the token belongs to another sign-in")]
    Nonce,
}
