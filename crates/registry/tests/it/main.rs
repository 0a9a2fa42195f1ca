//! The domain over real stores, compared with a registry that fits on a page.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod access;
mod answer;
mod model;
mod operation;
mod random_runs;
mod real;
mod replicas;
mod universe;
