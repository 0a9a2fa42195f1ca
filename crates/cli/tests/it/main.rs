//! The binary as operators meet it: processes, signals, commands beside a server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod access;
mod commands;
mod doctor;
mod hostile;
mod importing;
mod moved;
mod original_name;
mod process;
mod serving;
