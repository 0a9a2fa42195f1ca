//! One file of the cache, from its first block to its removal.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

use super::fill::Fill;
use super::layout::{Name, PART, file_size};

/// A blob that is in the cache or on its way there.
pub(super) struct Entry {
    pub name: Name,
    /// Bytes of the blob.
    pub size: u64,
    file: PathBuf,
    state: Mutex<State>,
}

enum State {
    Filling(Arc<Fill>),
    Whole,
    /// Removed, or about to be.
    Gone,
}

impl Entry {
    /// Begins an entry with an empty file.
    pub(super) fn begin(
        directory: &Path,
        name: Name,
        size: u64,
        unique: u64,
    ) -> io::Result<Arc<Self>> {
        let file = directory.join(name.file(size, unique));
        let open = fs::File::options().read(true).write(true).create_new(true).open(part(&file))?;
        let entry = Arc::new(Self { name, size, file, state: Mutex::new(State::Gone) });
        if let Err(error) = reserve(&open, file_size(size)) {
            // What the failure left is of no use; that it is removed is not worth a second error.
            let _ = fs::remove_file(part(&entry.file));
            return Err(error);
        }
        *entry.state.lock() = State::Filling(Arc::new(Fill::new(open, size)));
        Ok(entry)
    }

    /// One that an earlier process has left.
    pub(super) fn found(file: PathBuf, name: Name, size: u64) -> Arc<Self> {
        Arc::new(Self { name, size, file, state: Mutex::new(State::Whole) })
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// The fill, while it goes on.
    pub(super) fn fill(&self) -> Option<Arc<Fill>> {
        match &*self.state.lock() {
            State::Filling(fill) => Some(Arc::clone(fill)),
            State::Whole | State::Gone => None,
        }
    }

    /// Gives a filled file its name; `false` if the entry had to go meanwhile.
    pub(super) fn complete(&self) -> io::Result<bool> {
        let mut state = self.state.lock();
        if !matches!(*state, State::Filling(_)) {
            return Ok(false);
        }
        fs::rename(part(&self.file), &self.file)?;
        *state = State::Whole;
        Ok(true)
    }

    /// Takes the entry out of use; returns the file that is to be removed.
    pub(super) fn leave(&self) -> Option<PathBuf> {
        match std::mem::replace(&mut *self.state.lock(), State::Gone) {
            State::Filling(_) => Some(part(&self.file)),
            State::Whole => Some(self.file.clone()),
            State::Gone => None,
        }
    }
}

/// Takes the room on the disk at once, where the file system can: a disk that is
/// too full shows before anybody relies on the fill.
fn reserve(file: &fs::File, size: u64) -> io::Result<()> {
    match fallocate(file, FallocateFlags::empty(), 0, size) {
        Err(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => {
            Err(io::Error::from(io::ErrorKind::StorageFull))
        }
        _ => Ok(()),
    }
}

fn part(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(PART);
    name.into()
}
