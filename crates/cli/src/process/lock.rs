//! One process owns an embedded store.
//!
//! The lock is the kernel's, on an open file: it ends with the process, however
//! that ends, so there is nothing to clean up.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Proof that this process owns the store; let go when dropped.
#[derive(Debug)]
pub(crate) struct StoreLock {
    _file: File,
}

/// Berth's own directory below the storage directory.
pub(crate) fn own_directory(root: &Path) -> PathBuf {
    root.join("berth")
}

impl StoreLock {
    /// Takes the lock of a storage directory; `None` if another process has it.
    pub(crate) fn try_take(root: &Path) -> io::Result<Option<Self>> {
        Self::at(&own_directory(root))
    }

    /// Takes the lock that lies in `home`; `None` if another process has it.
    pub(crate) fn at(home: &Path) -> io::Result<Option<Self>> {
        std::fs::create_dir_all(home)?;
        let path = home.join("lock");
        let file = File::options().create(true).truncate(false).write(true).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_owner_is_refused_until_the_first_lets_go() {
        let root = tempfile::tempdir().unwrap();
        let first = StoreLock::try_take(root.path()).unwrap();
        assert!(first.is_some());
        assert!(StoreLock::try_take(root.path()).unwrap().is_none());
        drop(first);
        assert!(StoreLock::try_take(root.path()).unwrap().is_some());
    }
}
