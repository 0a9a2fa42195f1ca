//! Storing a small blob whole: one file, written once.
//!
//! Through the page cache: at this size writing around it gained nothing that
//! could be measured, and the first reader would have to go to the disk.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use store::{BlobKey, BlobSlot, StoreError};

use super::Shared;
use super::failure::While;

/// Writes, syncs and names the bytes.
pub(super) fn whole(shared: &Shared, slot: &BlobSlot, bytes: &[u8]) -> Result<BlobKey, StoreError> {
    let layout = &shared.layout;
    // A name that is listed with the staging areas: a crash leaves nothing unseen.
    let path = layout.staging_directory().join(format!("put-{}", slot.unique));
    let stored = write(&path, bytes)
        .doing("writing", &path, layout.root())
        .and_then(|()| shared.places.take(layout, &path, slot));
    if stored.is_err() {
        // The first error is the one to report.
        let _ = std::fs::remove_file(&path);
    }
    stored
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all_at(bytes, 0)?;
    file.sync_data()
}
