//! What operators look at.

mod access_log;
mod debug;
mod metrics;
