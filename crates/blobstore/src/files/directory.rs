//! Directories whose entries survive a power cut.

use std::fs::File;
use std::io;
use std::path::Path;

use store::StoreError;

use super::failure::While;

/// Makes `path` and all that is missing above it, and syncs every directory
/// from `path` up to the one that holds `root`: an earlier process may have
/// made them and stopped before its own sync.
pub(super) fn make_durable(path: &Path, root: &Path) -> Result<(), StoreError> {
    std::fs::create_dir_all(path).doing("making directory", path, root)?;
    let top = root.parent().unwrap_or(root);
    for directory in path.ancestors().take_while(|above| above.starts_with(root)) {
        sync(directory).doing("syncing directory", directory, root)?;
    }
    match sync(if top.as_os_str().is_empty() { Path::new(".") } else { top }) {
        // A root that an operator handed out may lie in a directory that is not ours to open.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        other => other.doing("syncing directory", top, root),
    }
}

/// Makes one directory. `true` if it was not there before.
pub(super) fn make(path: &Path) -> io::Result<bool> {
    match std::fs::create_dir(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes the entries of a directory durable.
pub(super) fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
