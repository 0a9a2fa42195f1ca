//! The duties over real trees on disk, a real SQLite store and a real blob store of files.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod collect;
mod expire;
mod export;
mod faults;
mod house;
mod import;
mod needs;
mod plant;
mod snapshot;
mod verify;
