//! Storing a small blob whole: one file, written once.
//!
//! Around the page cache where that is possible: the bytes are on the device
//! when the write returns, so the file can take its name at once and a single
//! commit of the file system's log makes both durable. Through the page cache
//! the bytes must be synced before the name, which costs a commit more.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use store::{BlobKey, BlobSlot, StoreError};

use super::Shared;
use super::buffer::{BLOCK, SIZE};
use super::direct;
use super::failure::While;
use super::place::Written;

/// Writes, names and syncs the bytes.
pub(super) fn whole(shared: &Shared, slot: &BlobSlot, bytes: &[u8]) -> Result<BlobKey, StoreError> {
    let layout = &shared.layout;
    // A name that is listed with the staging areas: a crash leaves nothing unseen.
    let path = layout.staging_directory().join(format!("put-{}", slot.unique));
    let stored = write(&path, bytes, shared.direct)
        .doing("writing", &path, layout.root())
        .and_then(|written| shared.places.take(layout, &path, slot, &written));
    if stored.is_err() {
        // The first error is the one to report.
        let _ = std::fs::remove_file(&path);
    }
    stored
}

fn write(path: &Path, bytes: &[u8], direct: bool) -> io::Result<Written> {
    if direct {
        match write_directly(path, bytes) {
            // Whether the refused call left a file behind differs.
            Err(error) if direct::is_refusal(&error) => drop(std::fs::remove_file(path)),
            other => return other.map(Written::Direct),
        }
    }
    let file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all_at(bytes, 0)?;
    file.sync_data()?;
    Ok(Written::Synced)
}

/// Writes whole blocks, at most [`SIZE`] bytes at a time, and cuts the last one.
fn write_directly(path: &Path, bytes: &[u8]) -> io::Result<File> {
    let file = direct::create(path)?;
    // Heap memory, which the allocator has at hand, and not a map of its own;
    // its aligned part begins within the first block.
    let room = bytes.len().next_multiple_of(BLOCK).min(SIZE);
    let mut memory = vec![0; room + BLOCK];
    let start = memory.as_ptr().align_offset(BLOCK);
    let aligned = memory.get_mut(start..start.saturating_add(room)).unwrap_or_default();
    let mut at = 0;
    for piece in bytes.chunks(SIZE) {
        let whole = piece.len().next_multiple_of(BLOCK);
        let Some(blocks) = aligned.get_mut(..whole) else { return Err(unaligned()) };
        let (front, padding) = blocks.split_at_mut(piece.len());
        front.copy_from_slice(piece);
        padding.fill(0);
        file.write_all_at(blocks, at)?;
        at += whole as u64;
    }
    let length = bytes.len() as u64;
    if at > length {
        file.set_len(length)?;
    }
    Ok(file)
}

/// For memory in which no aligned part was found: the page cache takes any.
fn unaligned() -> io::Error {
    rustix::io::Errno::INVAL.into()
}
