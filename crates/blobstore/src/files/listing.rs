//! Finding staging areas that somebody left behind.

use std::collections::BinaryHeap;
use std::fs::DirEntry;
use std::io;
use std::os::unix::fs::MetadataExt;

use store::{StagingId, StagingRecord, StoreError, Timestamp};

use super::failure::While;
use super::layout::Layout;

/// The `limit` oldest staging areas, oldest first, in memory for `limit` of them.
pub(super) fn oldest(layout: &Layout, limit: usize) -> Result<Vec<StagingRecord>, StoreError> {
    let (directory, root) = (layout.staging_directory(), layout.root());
    let mut oldest = BinaryHeap::new();
    for entry in std::fs::read_dir(directory).doing("listing", directory, root)? {
        let entry = entry.doing("listing", directory, root)?;
        if let Some(found) = look(&entry).doing("reading the state of", &entry.path(), root)? {
            oldest.push(found);
        }
        if oldest.len() > limit {
            oldest.pop();
        }
    }
    let sorted = oldest.into_sorted_vec();
    Ok(sorted.into_iter().map(|(modified, id)| StagingRecord { id, modified }).collect())
}

/// `None` for what is no staging area, or was one a moment ago.
fn look(entry: &DirEntry) -> io::Result<Option<(Timestamp, StagingId)>> {
    let Some(id) = entry.file_name().to_str().and_then(StagingId::parse) else { return Ok(None) };
    let facts = match entry.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let millis = facts.mtime().saturating_mul(1000).saturating_add(facts.mtime_nsec() / 1_000_000);
    Ok(facts.is_file().then_some((Timestamp::from_millis(millis), id)))
}
