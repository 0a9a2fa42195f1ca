//! Whether one process owns the stores, and where its lock lies.

use std::path::PathBuf;

use crate::config::Config;
use crate::config::berth::metadata::MetadataAt;
use crate::process::lock::own_directory;

/// The directory with the lock and the control socket of the one process that
/// owns the stores; `None` if replicas share them through a database server.
pub(crate) fn home(config: &Config) -> Option<PathBuf> {
    match &config.berth.metadata.at {
        MetadataAt::Postgres(_) => None,
        // Whoever writes to the directory of the blobs is to be kept out of it.
        MetadataAt::Beside => config.storage.root_directory().map(own_directory),
        MetadataAt::Sqlite(directory) => {
            Some(config.storage.root_directory().map_or_else(|| directory.clone(), own_directory))
        }
    }
}
