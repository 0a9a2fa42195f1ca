//! One place where errors of the operating system get their class and words.

use std::io;
use std::path::Path;

use rustix::io::Errno;
use store::StoreError;

/// Sorts `error`, met while `doing` (such as "syncing") something to `name`.
pub(super) fn sorted(doing: &str, name: impl std::fmt::Display, error: &io::Error) -> StoreError {
    let exhausted = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::AGAIN];
    match Errno::from_io_error(error) {
        Some(errno) if exhausted.contains(&errno) => {
            StoreError::Busy(format!("{doing} {name}: {error}"))
        }
        _ => StoreError::io(format_args!("{doing} {name}"), error),
    }
}

/// Turns the I/O error of an operation into a [`StoreError`] that names it.
pub(super) trait While<T> {
    /// `doing` is the operation, `path` its file, shown below `root`.
    fn doing(self, doing: &str, path: &Path, root: &Path) -> Result<T, StoreError>;
}

impl<T, E: Into<io::Error>> While<T> for Result<T, E> {
    fn doing(self, doing: &str, path: &Path, root: &Path) -> Result<T, StoreError> {
        self.map_err(|error| sorted(doing, below(path, root).display(), &error.into()))
    }
}

/// `path` as an operator sees it: relative to the root if it lies below.
fn below<'a>(path: &'a Path, root: &Path) -> &'a Path {
    path.strip_prefix(root).unwrap_or(path)
}
