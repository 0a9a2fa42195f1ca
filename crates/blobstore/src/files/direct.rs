//! Writes around the page cache, where the file system takes them.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::buffer::{BLOCK, Buffer};
use super::layout::Layout;

/// Name of the file that is written to find out; no staging id has a dot.
const PROBE: &str = "direct.probe";

/// Whether files in the staging directory can be written directly.
pub(super) fn probe(layout: &Layout) -> bool {
    let path = layout.staging_directory().join(PROBE);
    let tried = write_block(&path);
    let removed = std::fs::remove_file(&path);
    if let Err(error) = tried.and(removed) {
        tracing::debug!(%error, "no direct writes here, using the page cache");
        return false;
    }
    true
}

fn write_block(path: &Path) -> io::Result<()> {
    drop(File::create(path)?);
    let buffer = Buffer::small()?;
    let block = buffer.bytes().get(..BLOCK).unwrap_or_default();
    open(path)?.write_all_at(block, 0)
}

/// Opens an existing file for direct writes.
pub(super) fn open(path: &Path) -> io::Result<File> {
    options().open(path)
}

/// Makes a new file for direct writes.
pub(super) fn create(path: &Path) -> io::Result<File> {
    options().create_new(true).open(path)
}

fn options() -> OpenOptions {
    let flags = i32::try_from(OFlags::DIRECT.bits()).unwrap_or_default();
    let mut options = OpenOptions::new();
    options.write(true).custom_flags(flags);
    options
}

/// Whether an error says that a direct write was not acceptable as it stood
/// and the page cache should take it.
pub(super) fn is_refusal(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::INVAL | Errno::OPNOTSUPP))
}
