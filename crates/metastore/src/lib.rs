//! Adapter: metadata in an embedded SQLite database.
//!
//! Holds SQL and nothing else: rules come in with each call, are asked inside
//! its transaction, and only their plans are applied here.

mod sqlite;

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;

pub use sqlite::{OpenOptions, Sqlite, WriterStats};
