//! Keys as paths below a storage root, and back.

use std::path::{Component, Path, PathBuf};

use store::BlobKey;

/// The directory that holds a tree.
#[derive(Debug)]
pub(super) struct Layout {
    root: PathBuf,
}

impl Layout {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The path of a key that this program has made.
    pub(super) fn path(&self, key: &str) -> PathBuf {
        self.root.join(key)
    }

    /// The file that a key of the blob store names; `None` for a key that is no path below the root.
    pub(super) fn key_file(&self, key: &BlobKey) -> Option<PathBuf> {
        let path = Path::new(key.as_str());
        let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
        (plain && !key.as_str().is_empty()).then(|| self.root.join(path))
    }

    /// The path below the root, for reports.
    pub(super) fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }
}
