//! Taking a directory into use: locked against other processes, and read through.
//!
//! What an earlier process has left is taken over, for a restart of all replicas would otherwise
//! send every pull to the store at once. Only names and sizes are looked at; the bytes are compared
//! with their checksums when they are read.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::entry::Entry;
use super::index::{FILES, unlink};
use super::layout::{self, LOCK, Name, PART};
use super::store::Shared;

/// How often a directory that cannot be used is tried again.
const AGAIN: Duration = Duration::from_secs(10);

/// Takes the directory into use when that is possible; until then reads go to the store.
pub(super) async fn open(shared: Arc<Shared>) {
    let weak = Arc::downgrade(&shared);
    drop(shared);
    let mut told = false;
    loop {
        // Nobody needs it any more once nobody reads.
        let Some(shared) = weak.upgrade() else { return };
        let opening = tokio::task::spawn_blocking(move || {
            let opened = lock(&shared.settings.directory);
            if let Ok(Some(lock)) = opened {
                take_over(&shared);
                shared.is_ready(lock);
                return Ok(true);
            }
            opened.map(|_| false).inspect_err(|error| {
                let directory = shared.settings.directory.display();
                shared.counters.error(&format!("opening {directory}"), error);
            })
        });
        match opening.await {
            Ok(Ok(true)) | Err(_) => return,
            Ok(Ok(false)) if !told => {
                told = true;
                tracing::warn!(
                    "another process uses the local cache of blobs; reads go to the store until it ends"
                );
            }
            Ok(_) => {}
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// `None` while another process has it.
fn lock(directory: &Path) -> io::Result<Option<File>> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let path = directory.join(LOCK);
    let lock = File::options().create(true).truncate(false).write(true).open(path)?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// A file that an earlier process has left.
struct Found {
    used: SystemTime,
    name: Name,
    size: u64,
    file: PathBuf,
}

/// Makes entries of the files, in the order of their use.
fn take_over(shared: &Shared) {
    let mut found = Vec::new();
    let most = usize::try_from(FILES).unwrap_or(usize::MAX);
    let listed = fs::read_dir(&shared.settings.directory).and_then(|list| {
        for item in list {
            found.extend(look(shared, &item?));
            if found.len() >= 2 * most {
                keep_newest(shared, &mut found, most);
            }
        }
        Ok(())
    });
    if let Err(error) = listed {
        shared.counters.error("reading its directory", &error);
    }
    keep_newest(shared, &mut found, most);
    found.reverse();
    let mut bytes = 0;
    let files = found.len();
    for Found { name, size, file, .. } in found {
        bytes += layout::file_size(size);
        shared.index.add(Entry::found(file, name, size));
    }
    shared.index.settle();
    let directory = shared.settings.directory.display();
    tracing::info!(%directory, files, bytes, "the local cache of blobs is open");
}

/// What a file is; one that cannot be an entry is removed if it was ours.
fn look(shared: &Shared, item: &fs::DirEntry) -> Option<Found> {
    let file = item.path();
    let text = item.file_name();
    let text = text.to_str()?;
    if text.strip_suffix(PART).and_then(layout::parse).is_some() {
        unlink(&shared.counters, &file);
        return None;
    }
    let (name, size) = layout::parse(text)?;
    let metadata = item.metadata().ok()?;
    let used = metadata.modified().ok()?;
    let fits = size > 0 && size <= shared.settings.largest;
    if !fits || metadata.len() != layout::file_size(size) {
        unlink(&shared.counters, &file);
        return None;
    }
    Some(Found { used, name, size, file })
}

/// Leaves the `most` that were used last, newest first, and one of each name.
fn keep_newest(shared: &Shared, found: &mut Vec<Found>, most: usize) {
    found.sort_unstable_by_key(|one| std::cmp::Reverse(one.used));
    let mut names = std::collections::HashSet::with_capacity(found.len());
    let mut kept = 0;
    found.retain(|one| {
        let keep = kept < most && names.insert(one.name);
        kept += usize::from(keep);
        if !keep {
            unlink(&shared.counters, &one.file);
        }
        keep
    });
}
