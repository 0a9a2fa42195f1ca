//! HTTP over real sockets and real stores: what a client outside cannot arrange.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod access;
mod advisories;
mod auth;
mod faults;
mod matrix;
mod net;
mod ops;
mod settings;
mod timing;
mod v2;
