//! A harness that starts registries, engines, disks, object stores and databases for tests with real
//! clients. A step that fails
//! here ends the test with all that was said, so that nobody has to run it again to learn why.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "all of this crate is test code: it ends at the first surprise, on the real clock"
)]

pub mod accounts;
pub mod azurite;
pub mod balancer;
pub mod cluster;
pub mod command;
pub mod crash;
pub mod daemon;
pub mod disk;
pub mod engine;
pub mod fault_proxy;
pub mod fixture;
pub mod gcs;
pub mod http;
pub mod inventory;
pub mod journal;
pub mod load;
pub mod minio;
mod moving_tag;
pub mod openid;
pub mod postgres;
pub mod registry;
pub mod s3;
mod stores;
pub mod tree;
pub mod versitygw;
