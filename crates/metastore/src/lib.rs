//! Adapter: metadata in an embedded SQLite database.
