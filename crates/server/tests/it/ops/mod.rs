//! What operators look at.

pub(crate) mod access_log;
mod debug;
mod metrics;
