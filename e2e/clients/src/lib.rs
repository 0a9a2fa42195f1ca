//! A harness that starts registries, engines and disks for tests with real clients. A step that fails
//! here ends the test with all that was said, so that nobody has to run it again to learn why.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "all of this crate is test code: it ends at the first surprise, on the real clock"
)]

pub mod command;
pub mod crash;
pub mod daemon;
pub mod disk;
pub mod engine;
pub mod fixture;
pub mod http;
pub mod journal;
pub mod registry;
pub mod tree;
