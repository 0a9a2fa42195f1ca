//! Who is asking.

use std::fmt;

use async_trait::async_trait;

/// Who is asking, once it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Sent no credentials.
    Anonymous,
    /// Proved to be this user.
    User(String),
}

impl Caller {
    /// The user's name; `None` for anonymous.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Anonymous => None,
            Self::User(name) => Some(name),
        }
    }
}

/// What a client sent to prove who it is.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// No `Authorization` header.
    None,
    /// A user name and a password.
    Basic {
        /// As sent.
        user: String,
        /// As sent; never printed.
        password: String,
    },
    /// A scheme that this registry does not speak, or broken syntax.
    Unusable,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Basic { .. } => f.write_str("Basic(***)"),
            Self::Unusable => f.write_str("Unusable"),
        }
    }
}

/// Why it could not be found out who is asking.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticationError {
    /// Wrong user, wrong password or a scheme that is not spoken. Never says which.
    #[error("invalid credentials")]
    Invalid,
    /// Too many verifications are waiting.
    #[error("too many logins at once, try again")]
    Busy,
    /// The source of accounts cannot be read. Says what for the log only.
    #[error("accounts cannot be read: {0}")]
    Unavailable(String),
}

/// Turns credentials into a caller.
#[async_trait]
pub trait Authenticator: Send + Sync + 'static {
    /// Who the credentials belong to. No credentials are [`Caller::Anonymous`].
    async fn authenticate(&self, credentials: &Credentials) -> Result<Caller, AuthenticationError>;

    /// The `WWW-Authenticate` value for callers without a right; `None` where
    /// nobody needs to sign in.
    fn challenge(&self) -> Option<String>;
}
