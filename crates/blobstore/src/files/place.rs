//! Taking a place in the tree: never one that is taken already, and durable.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::Path;

use oci::Algorithm;
use parking_lot::Mutex;
use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;
use store::{BlobKey, BlobSlot, StoreError};

use super::directory;
use super::failure::While;
use super::layout::{self, Layout};

/// How often a directory may vanish under our hands, removed by a deletion.
const ATTEMPTS: usize = 16;

/// Which of the 256 directories `<hh>` are known to survive a power cut.
#[derive(Debug, Default)]
pub(super) struct Places {
    durable: Mutex<HashSet<u8>>,
}

/// How far the file that asks for a place is on its way to the disk. A name may
/// reach the disk before it is asked to; there must be no bytes behind it missing.
#[derive(Debug)]
pub(super) enum Written {
    /// Synced.
    Synced,
    /// Written around the page cache. What the file system keeps about the file
    /// is not synced: one commit of its log will do for that and for the name.
    Direct(File),
}

impl Places {
    /// Renames a file to a place for `slot` and syncs the name, and before it
    /// the file where that is still to be done. The digest's own place is used
    /// if the slot allows it and nothing is there.
    pub(super) fn take(
        &self,
        layout: &Layout,
        from: &Path,
        slot: &BlobSlot,
        written: &Written,
    ) -> Result<BlobKey, StoreError> {
        if slot.sha256.algorithm() != Algorithm::Sha256 {
            let text = format!("a blob is kept under its sha256, not {}", slot.sha256);
            return Err(StoreError::Failed(text));
        }
        let own = slot.own_place.then(|| layout::key(&slot.sha256, None));
        let beside = layout::key(&slot.sha256, Some(&slot.unique));
        for key in own.into_iter().chain([beside]) {
            if self.take_key(layout, from, slot, &key)? {
                self.settle(layout, slot, &key, written)?;
                return Ok(key);
            }
        }
        let (digest, unique) = (&slot.sha256, &slot.unique);
        Err(StoreError::Failed(format!("{digest} is stored already under the name {unique}")))
    }

    /// `false` if something lies at the key's place.
    fn take_key(
        &self,
        layout: &Layout,
        from: &Path,
        slot: &BlobSlot,
        key: &BlobKey,
    ) -> Result<bool, StoreError> {
        let (path, root) = (layout.blob(key)?, layout.root());
        let fan = slot.sha256.as_bytes().first().copied().unwrap_or_default();
        for _ in 0..ATTEMPTS {
            let directory = path.parent().unwrap_or(root);
            self.make(directory, fan).doing("making directory", directory, root)?;
            match rename_new(from, &path) {
                Ok(()) => return Ok(true),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
                // A deletion found the directory empty and removed it.
                Err(error) if error.kind() == io::ErrorKind::NotFound && from.exists() => {}
                Err(error) => return Err(error).doing("renaming to", &path, root),
            }
        }
        let text = format!("directory of {} keeps vanishing", key.as_str());
        Err(StoreError::Busy(text))
    }

    /// Makes the file, its name and the directories above it durable.
    fn settle(
        &self,
        layout: &Layout,
        slot: &BlobSlot,
        key: &BlobKey,
        written: &Written,
    ) -> Result<(), StoreError> {
        let (path, root) = (layout.blob(key)?, layout.root());
        let directory = path.parent().unwrap_or(root);
        let file = match written {
            Written::Synced => Ok(()),
            Written::Direct(file) => file.sync_all(),
        };
        let fan = slot.sha256.as_bytes().first().copied().unwrap_or_default();
        let settled = file
            .doing("syncing", &path, root)
            .and_then(|()| self.sync(directory, fan).doing("syncing directory", directory, root));
        if settled.is_err() {
            // Nobody was told the key. The first error is the one to report.
            let _ = std::fs::remove_file(&path);
        }
        settled
    }

    /// Makes `<hh>/<hex>`.
    fn make(&self, directory: &Path, fan: u8) -> io::Result<()> {
        match directory::make(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.durable.lock().remove(&fan);
                std::fs::create_dir_all(directory)
            }
            other => other.map(drop),
        }
    }

    /// Syncs `<hex>`, which holds the name, `<hh>`, which holds `<hex>`, and
    /// once in the life of the process what holds `<hh>`. It does not matter
    /// who made a directory: it counts only when synced.
    fn sync(&self, directory: &Path, fan: u8) -> io::Result<()> {
        directory::sync(directory)?;
        let Some(above) = directory.parent() else { return Ok(()) };
        directory::sync(above)?;
        if self.durable.lock().contains(&fan) {
            return Ok(());
        }
        if let Some(top) = above.parent() {
            directory::sync(top)?;
        }
        self.durable.lock().insert(fan);
        Ok(())
    }
}

/// Renames without ever replacing anything.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // The file system does not know the flag; a hard link never replaces either.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            std::fs::hard_link(from, to)?;
            std::fs::remove_file(from)
        }
        other => Ok(other?),
    }
}
