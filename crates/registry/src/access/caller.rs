//! Who is asking.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use store::{AccountId, Timestamp};

use super::{Limits, ResourceScope, Subject};

/// How somebody proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Via {
    /// Not at all.
    Nothing,
    /// A password with each request.
    Password,
    /// A personal token in the place of the password.
    PersonalToken,
    /// A token of the token endpoint, ours or another's. Also an anonymous one.
    Bearer,
    /// A client certificate.
    Certificate,
}

impl Via {
    /// The word for the audit log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Password => "password",
            Self::PersonalToken => "personal-token",
            Self::Bearer => "token",
            Self::Certificate => "certificate",
        }
    }
}

/// Everything about a caller that a decision may depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// [`Subject::Anonymous`], [`Subject::User`] or [`Subject::Robot`].
    pub subject: Subject,
    /// Teams and groups.
    pub member_of: Vec<Subject>,
    /// May do everything within the limits.
    pub is_admin: bool,
    /// The account, where Berth keeps it.
    pub account: Option<AccountId>,
    /// How they proved it.
    pub via: Via,
    /// The most that the credential allows.
    pub limits: Limits,
}

/// Who is asking, once it is known. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller(Arc<Inner>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Inner {
    identity: Identity,
    name: Option<String>,
    issued: Option<Timestamp>,
    ends: Option<Timestamp>,
}

impl Caller {
    /// Somebody of whom all of this is known.
    pub fn new(identity: Identity) -> Self {
        let name = match &identity.subject {
            Subject::User(name) => Some(name.clone()),
            Subject::Robot(name) => Some(format!("robot${name}")),
            _ => None,
        };
        Self(Arc::new(Inner { identity, name, issued: None, ends: None }))
    }

    /// Somebody who sent no credentials.
    pub fn anonymous() -> Self {
        Self::known_only_as(Subject::Anonymous, Via::Nothing)
    }

    /// A user of whom only the name is known, proved by a password.
    pub fn user(name: impl Into<String>) -> Self {
        Self::known_only_as(Subject::User(name.into()), Via::Password)
    }

    fn known_only_as(subject: Subject, via: Via) -> Self {
        Self::new(Identity {
            subject,
            member_of: Vec::new(),
            is_admin: false,
            account: None,
            via,
            limits: Limits::None,
        })
    }

    /// The same caller, who sent a token that was made at `at`.
    #[must_use]
    pub fn by_token_of(self, at: Timestamp) -> Self {
        let inner = Inner { issued: Some(at), ..Arc::unwrap_or_clone(self.0) };
        Self(Arc::new(inner))
    }

    /// The same caller, proved by something that ends then.
    #[must_use]
    pub(crate) fn until(self, ends: Option<Timestamp>) -> Self {
        Self(Arc::new(Inner { ends, ..Arc::unwrap_or_clone(self.0) }))
    }

    /// The same caller, with no more than these limits.
    #[must_use]
    pub fn limited_to(&self, limits: Limits) -> Self {
        let inner = Inner::clone(&self.0);
        Self(Arc::new(Inner { identity: Identity { limits, ..inner.identity }, ..inner }))
    }

    /// When the token was made that was sent, to the second: only of tokens that
    /// mean nothing for what was made later. `None` for everybody else.
    pub fn token_issued(&self) -> Option<Timestamp> {
        self.0.issued
    }

    /// When what proved them ends, as far as that is known: nothing that they make
    /// with a token outlives it.
    pub fn ends(&self) -> Option<Timestamp> {
        self.0.ends
    }

    /// What decisions depend on.
    pub fn identity(&self) -> &Identity {
        &self.0.identity
    }

    /// The name as it stands in logs and histories; a robot's begins with
    /// `robot$`. `None` for anonymous.
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// Whether nobody knows who it is.
    pub fn is_anonymous(&self) -> bool {
        self.0.identity.subject == Subject::Anonymous
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
    /// A token; never printed.
    Bearer(String),
    /// A scheme that this registry does not speak, or broken syntax.
    Unusable,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Basic { .. } => f.write_str("Basic(***)"),
            Self::Bearer(_) => f.write_str("Bearer(***)"),
            Self::Unusable => f.write_str("Unusable"),
        }
    }
}

/// Who a verified client certificate is made out to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CertificateIdentity {
    /// The common name of its subject.
    pub common_name: Option<String>,
    /// Mail addresses among its alternative names.
    pub emails: Vec<String>,
    /// DNS names among its alternative names.
    pub dns_names: Vec<String>,
    /// URIs among its alternative names.
    pub uris: Vec<String>,
}

/// All that a request shows about who sent it.
#[derive(Debug, Clone, Copy)]
pub struct Presented<'a> {
    /// The `Authorization` header.
    pub credentials: &'a Credentials,
    /// The client certificate of the connection, if it was verified.
    pub certificate: Option<&'a CertificateIdentity>,
    /// From where, as far as trusted proxies tell. `None` if that tells nobody
    /// from anybody else: on a local socket, behind a proxy that nobody declared.
    pub address: Option<IpAddr>,
}

/// Why it could not be found out who is asking.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticationError {
    /// Wrong user, wrong password or a scheme that is not spoken. Never says which.
    #[error("invalid credentials")]
    Invalid,
    /// A token that is not ours, has ended or was revoked. Never says which.
    #[error("invalid token")]
    InvalidToken,
    /// Too many verifications are waiting.
    #[error("too many logins at once, try again")]
    Busy,
    /// Too many wrong ones from there, or for that account.
    #[error("too many failed logins, try again in {retry_after_seconds} s")]
    Throttled {
        /// When to come back.
        retry_after_seconds: u32,
    },
    /// The source of accounts cannot be read. Says what for the log only.
    #[error("accounts cannot be read: {0}")]
    Unavailable(String),
}

/// How the client reached us, as far as a challenge may depend on it.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// `http` or `https`, as trusted proxies tell.
    pub scheme: &'a str,
    /// The host and port that was asked.
    pub authority: Option<&'a str>,
    /// Whether we end TLS ourselves.
    pub is_our_tls: bool,
    /// Whether the peer is a declared proxy.
    pub is_behind_proxy: bool,
    /// Whether the connection comes from this machine.
    pub is_loopback: bool,
}

/// Why a challenge is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChallengeReason {
    /// Nobody said who they are.
    NoCredentials,
    /// What they sent proves nothing.
    Invalid,
    /// They are known, and may not do it with this token.
    Insufficient,
}

/// What is to be asked of a client.
#[derive(Debug, Clone, Copy)]
pub struct Challenge<'a> {
    /// Why.
    pub reason: ChallengeReason,
    /// What a token must allow.
    pub scopes: &'a [ResourceScope],
    /// How the client reached us.
    pub asked: Asked<'a>,
}

/// Turns credentials into a caller.
#[async_trait]
pub trait Authenticator: Send + Sync + 'static {
    /// Who sent the request. Nothing presented is [`Caller::anonymous`].
    async fn authenticate(&self, presented: &Presented<'_>) -> Result<Caller, AuthenticationError>;

    /// The `WWW-Authenticate` value for callers without a right; `None` where
    /// nobody needs to sign in.
    fn challenge(&self, challenge: &Challenge<'_>) -> Option<String>;
}
