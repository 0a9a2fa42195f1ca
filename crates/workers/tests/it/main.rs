//! The duties over real trees, a real SQLite store and a real blob store of files; and over a
//! bucket in memory.

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
mod ground;
mod house;
mod import;
mod needs;
mod objects;
mod plant;
mod shelf;
mod sweep;
mod transfer;
mod verify;
