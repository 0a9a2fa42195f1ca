//! What an operator can choose about blobs in files.

use std::path::PathBuf;

/// Whether large writes go around the page cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DirectIo {
    /// Where the file system takes it.
    #[default]
    Auto,
    /// Never.
    Off,
}

/// Where the files lie and how they are written.
#[derive(Debug, Clone)]
pub struct FilesOptions {
    /// The `rootdirectory` of the original; `docker/registry/v2` lies below it.
    pub root: PathBuf,
    /// Where uploads are received. Must be on the file system of `root`.
    pub staging: PathBuf,
    /// Whether large writes go around the page cache.
    pub direct: DirectIo,
    /// Buffers of 1 MiB that all uploads together may fill. An upload that finds
    /// none left goes on with a single one of 128 KiB.
    pub buffers: usize,
}

impl FilesOptions {
    /// The defaults for a root: staging in `berth/staging` below it, direct
    /// writes where possible, 24 buffers.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        let staging = root.join("berth/staging");
        Self { root, staging, direct: DirectIo::Auto, buffers: 24 }
    }
}
