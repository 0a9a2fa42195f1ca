//! Removing files, once and for all or not at all.

use std::io;
use std::path::Path;

use rustix::io::Errno;
use store::{BlobKey, StagingId, StoreError};

use super::directory;
use super::failure::While;
use super::layout::Layout;

/// Removes a blob and, if it was the last one, the directory of its digest.
pub(super) fn blob(layout: &Layout, key: &BlobKey) -> Result<(), StoreError> {
    let (path, root) = (layout.blob(key)?, layout.root());
    unlink(&path).doing("removing", &path, root)?;
    let directory = path.parent().unwrap_or(root);
    let above = directory.parent().unwrap_or(root);
    let emptied = remove_empty(directory).doing("removing directory", directory, root)?;
    // Also when nothing was left to remove: an earlier attempt may have
    // stopped before its sync.
    let changed = if emptied { above } else { directory };
    match directory::sync(changed) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.doing("syncing directory", changed, root),
    }
}

/// Removes a staging file.
pub(super) fn staging(layout: &Layout, id: &StagingId) -> Result<(), StoreError> {
    let path = layout.staging(id);
    unlink(&path).doing("removing", &path, layout.root())
}

fn unlink(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// `true` if the directory is gone.
fn remove_empty(path: &Path) -> io::Result<bool> {
    match std::fs::remove_dir(path) {
        Ok(()) => Ok(true),
        Err(error) => match Errno::from_io_error(&error) {
            Some(Errno::NOENT) => Ok(true),
            Some(Errno::NOTEMPTY | Errno::EXIST) => Ok(false),
            _ => Err(error),
        },
    }
}
