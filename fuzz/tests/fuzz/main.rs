//! Every parser against hostile bytes: none panics, what is taken is sound.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod access;
mod basic;
mod content_range;
mod forwarded;
mod hash_state;
mod htpasswd;
mod http;
mod link;
mod manifest;
mod names;
mod query;
mod range;
mod rules;
mod upload_id;
