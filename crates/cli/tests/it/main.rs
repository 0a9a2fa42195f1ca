//! The binary as operators meet it: processes, signals, commands beside a server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod access;
mod commands;
// By its path: the test kit's other parts need what the binary does not.
#[allow(unreachable_pub, dead_code, reason = "it is the public part of another crate")]
#[path = "../../../testkit/src/postgres.rs"]
mod database;
mod doctor;
mod hostile;
mod importing;
mod moved;
mod original_name;
mod process;
mod serving;
