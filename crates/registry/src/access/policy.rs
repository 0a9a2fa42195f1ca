//! The decision: request in, decision out.

use oci::RepositoryName;

use super::Caller;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Read content and lists.
    Pull,
    /// Write content.
    Push,
    /// Remove content.
    Delete,
}

/// On what it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource<'a> {
    /// The service as such: `/v2/`.
    Service,
    /// The list of repositories.
    Catalog,
    /// One repository, existing or not.
    Repository(&'a RepositoryName),
}

/// One question to the policy.
#[derive(Debug, Clone, Copy)]
pub struct AccessRequest<'a> {
    /// Who asks.
    pub caller: &'a Caller,
    /// On what.
    pub resource: Resource<'a>,
    /// For what.
    pub action: Action,
}

/// The answer of the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessDecision {
    /// Go on.
    Granted,
    /// Sign in, or sign in as somebody else: 401 with a challenge.
    Denied,
    /// Answer as if it did not exist.
    Hidden,
}

/// Decides about every request. Pure: no look-ups, no side effects.
pub trait AccessPolicy: Send + Sync + 'static {
    /// The decision.
    fn decide(&self, request: &AccessRequest<'_>) -> AccessDecision;
}

/// Everybody may do everything: `auth: none`.
#[derive(Debug, Clone, Copy)]
pub struct Open;

impl AccessPolicy for Open {
    fn decide(&self, _: &AccessRequest<'_>) -> AccessDecision {
        AccessDecision::Granted
    }
}

/// Whoever signed in may do everything, as with the original's `htpasswd`.
#[derive(Debug, Clone, Copy)]
pub struct SignedIn;

impl AccessPolicy for SignedIn {
    fn decide(&self, request: &AccessRequest<'_>) -> AccessDecision {
        match request.caller {
            Caller::User(_) => AccessDecision::Granted,
            Caller::Anonymous => AccessDecision::Denied,
        }
    }
}
