//! Who may do what: one decision function, asked for every request.
//!
//! A handler takes a [`Granted`] in its arguments, and only [`Access`] makes
//! one, so no handler can be reached without a decision. The policy behind it
//! decides before anything is looked up: existence, size and timing stay
//! unknown to callers without the right.

mod action;
mod book;
mod caller;
mod denied;
mod grant;
mod index;
mod limit;
mod pattern;
mod policy;
pub mod role;
mod scope;
mod subject;
mod visibility;

pub use action::{Action, Actions};
pub use book::{Basis, Book, Opinion, Size, Verdict};
pub use caller::{
    Asked, AuthenticationError, Authenticator, Caller, CertificateIdentity, Challenge,
    ChallengeReason, Credentials, Identity, Presented, Via,
};
pub use denied::Denied;
pub use grant::{Access, Delete, Granted, GrantedCatalog, Pull, Push};
pub use limit::{Limit, Limits, TokenScope, TokenScopeError};
pub use pattern::{Nearness, Pattern, PatternError};
pub use policy::{
    AccessDecision, AccessPolicy, AccessRequest, ByBook, ByToken, Open, Resource, SignedIn,
};
pub use scope::ResourceScope;
pub use subject::{Subject, SubjectError};
pub use visibility::Visibility;
