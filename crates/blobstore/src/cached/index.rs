//! Which blobs are on the disk, and which of them have to go.

use std::io;
use std::path::Path;
use std::sync::Arc;

use moka::notification::RemovalCause;
use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::entry::Entry;
use super::figures::Counters;
use super::layout::{Name, file_size};

/// Most files. A smaller one counts as if it had its share of the bytes, so that
/// one bound keeps both.
pub(super) const FILES: u64 = 100_000;

/// The library counts in 32 bits: 4 TiB for one entry.
const UNIT: u64 = 1024;

/// Entries by name, the least recently used first to go.
pub(super) struct Index {
    entries: Cache<Name, Arc<Entry>>,
    counters: Arc<Counters>,
}

impl Index {
    /// For files of `capacity` bytes together.
    pub(super) fn new(capacity: u64, counters: Arc<Counters>) -> Self {
        let units = capacity / UNIT;
        let least = units.div_ceil(FILES);
        let told = Arc::clone(&counters);
        let entries = Cache::builder()
            .max_capacity(units)
            .eviction_policy(EvictionPolicy::lru())
            .weigher(move |_, entry: &Arc<Entry>| {
                let weight = file_size(entry.size).div_ceil(UNIT).max(least);
                u32::try_from(weight).unwrap_or(u32::MAX)
            })
            .eviction_listener(move |_, entry, cause| gone(&told, &entry, cause))
            .build();
        Self { entries, counters }
    }

    /// An entry, which is used by this.
    pub(super) fn get(&self, name: &Name) -> Option<Arc<Entry>> {
        self.entries.get(name)
    }

    /// Adds what was found on the disk.
    pub(super) fn add(&self, entry: Arc<Entry>) {
        self.count(&entry);
        self.entries.insert(entry.name, entry);
    }

    /// The entry of that name, made by `make` if there is none, and whether it was. Others make room.
    pub(super) fn begin(
        &self,
        name: Name,
        make: impl FnOnce() -> io::Result<Arc<Entry>>,
    ) -> Result<(Arc<Entry>, bool), Arc<io::Error>> {
        let entry = self.entries.entry(name).or_try_insert_with(make)?;
        let is_new = entry.is_fresh();
        let entry = entry.into_value();
        if is_new {
            self.count(&entry);
            self.settle();
        }
        Ok((entry, is_new))
    }

    /// Removes what is too much.
    pub(super) fn settle(&self) {
        self.entries.run_pending_tasks();
    }

    /// Removes this entry, and no newer one of its name.
    pub(super) fn remove(&self, entry: &Arc<Entry>) {
        self.entries.entry(entry.name).and_compute_with(|found| match found {
            Some(found) if Arc::ptr_eq(found.value(), entry) => Op::Remove,
            _ => Op::Nop,
        });
    }

    /// Removes whatever has this name.
    pub(super) fn forget(&self, name: &Name) {
        self.entries.invalidate(name);
    }

    fn count(&self, entry: &Entry) {
        self.counters.add(&self.counters.files, 1);
        self.counters.add(&self.counters.bytes, file_size(entry.size));
    }
}

fn gone(counters: &Arc<Counters>, entry: &Entry, cause: RemovalCause) {
    use std::sync::atomic::Ordering::Relaxed;
    counters.files.fetch_sub(1, Relaxed);
    counters.bytes.fetch_sub(file_size(entry.size), Relaxed);
    if cause == RemovalCause::Size {
        counters.add(&counters.evictions, 1);
    }
    if let Some(fill) = entry.fill() {
        fill.give_up();
    }
    let Some(file) = entry.leave() else { return };
    let counters = Arc::clone(counters);
    // A large file takes its time, and this may be anybody's thread.
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(move || unlink(&counters, &file))),
        Err(_) => unlink(&counters, &file),
    }
}

pub(super) fn unlink(counters: &Counters, file: &Path) {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            counters.error("removing a file", &error);
        }
        _ => {}
    }
}
