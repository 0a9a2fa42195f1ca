//! Whether one process owns the stores, and where its lock lies.

use std::path::PathBuf;

use crate::config::Config;
use crate::config::berth::metadata::MetadataAt;
use crate::process::lock::own_directory;

/// The directory with the lock and the control socket of the one process that
/// owns the stores; `None` if replicas share a bucket through a database server.
///
/// A directory of blobs has one process whatever the database: files that are
/// being written have no other guard.
pub(crate) fn home(config: &Config) -> Option<PathBuf> {
    let beside_blobs = config.storage.root_directory().map(own_directory);
    match &config.berth.metadata.at {
        MetadataAt::Beside | MetadataAt::Postgres(_) => beside_blobs,
        MetadataAt::Sqlite(directory) => Some(beside_blobs.unwrap_or_else(|| directory.clone())),
    }
}
