//! Real clients against a running registry. They need programs that cargo does not bring, so they are
//! ignored by a plain `cargo test`; `cargo xtask test` installs what is missing and runs them all.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "all of this is test code: it ends at the first surprise, on the real clock"
)]

mod access;
mod adapters;
mod bucket;
mod buildah;
mod buildkit;
mod chart;
mod checked;
mod compose;
mod containerd;
mod cosign;
mod crane;
mod differences;
mod docker;
mod early_answer;
mod faults;
mod helm;
mod image;
mod kill;
mod matrix;
mod oras;
mod owner;
mod podman;
mod power_cut;
mod readme;
mod regctl;
mod replicas;
mod roles;
mod rolling;
mod skopeo;
mod storm;
mod tree;
mod upgrade;
