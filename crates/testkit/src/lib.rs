//! For tests: a whole registry in a temporary directory, fixtures by name,
//! stores that fail when told to, a clock that stands still, chance that
//! repeats itself, a client that controls every byte, a database server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod accounts;
mod auth;
mod blobs;
mod chance;
mod client;
mod clock;
mod content;
mod faults;
pub mod fixture;
mod postgres;
mod registry;
mod uploads;
mod wire;

pub use accounts::FailingAccounts;
pub use auth::{Auth, BerthAuth};
pub use blobs::FailingBlobs;
pub use chance::SeededRandom;
pub use client::{Client, Request};
pub use clock::FakeClock;
pub use content::FailingContent;
pub use faults::{Fault, Faults, When};
pub use postgres::PostgresServer;
pub use registry::{Builder, Options, TestRegistry, directory};
pub use uploads::FailingUploads;
pub use wire::{Answer, Wire};
