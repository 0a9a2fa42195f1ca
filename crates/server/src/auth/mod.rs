//! Finding out who is asking, from the `Authorization` header.

mod basic;
mod htpasswd;
mod nobody;

pub(crate) use basic::credentials;
pub use htpasswd::Htpasswd;
pub use nobody::Nobody;
