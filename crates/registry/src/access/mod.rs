//! Who may do what: one decision function, asked for every request.
//!
//! A handler takes a [`Granted`] in its arguments, and only [`Access`] makes
//! one, so no handler can be reached without a decision. The policy behind it
//! decides before anything is looked up: existence, size and timing stay
//! unknown to callers without the right.

mod caller;
mod grant;
mod policy;

pub use caller::{AuthenticationError, Authenticator, Caller, Credentials};
pub use grant::{Access, Catalog, Delete, Granted, GrantedCatalog, Pull, Push};
pub use policy::{AccessDecision, AccessPolicy, AccessRequest, Action, Open, Resource, SignedIn};
