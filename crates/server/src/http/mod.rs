//! Pieces of HTTP that know nothing of the registry: bodies, queries,
//! conditions, addresses.

pub(crate) mod body;
pub(crate) mod condition;
pub(crate) mod forwarded;
pub(crate) mod multipart;
pub(crate) mod query;
pub(crate) mod request_body;
