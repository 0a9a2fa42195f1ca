//! The blob store that looks at the local disk first.

use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use oci::{ByteRange, Digest, Hasher};
use parking_lot::Mutex;
use store::{
    AddressRequest, BlobKey, BlobSlot, BlobStore, ByteStream, Checkpoint, Clock, Random,
    StagedBlob, StagingId, StagingRecord, StoreError, StoredRecord,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::copy::Copy;
use super::entry::Entry;
use super::figures::{CacheFigures, Counters};
use super::index::Index;
use super::layout::Name;
use super::opening;
use super::origin::{Opened, Origin};
use super::pump::Pump;
use super::serving::Serving;
use super::sightings::Sightings;

/// Fills at one time; a blob beyond them is read from the store without one.
const FILLS: usize = 16;

/// Memory of all fills, in KiB: what came from the store and is not written yet.
pub(super) const MEMORY: u32 = 64 << 10;

/// After a failure of the disk no fill begins for so long.
const REST: Duration = Duration::from_secs(10);

/// How much is kept where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheSettings {
    /// Made if it is missing, for the process alone. Files in it that the cache has not named are
    /// left alone.
    pub directory: PathBuf,
    /// Most bytes of all files together.
    pub size: u64,
    /// Bytes of the smallest blob that is kept, at least 1.
    pub smallest: u64,
    /// Bytes of the largest, at most `size`.
    pub largest: u64,
}

/// A store before whose reads stands a local disk.
pub struct Cached {
    shared: Arc<Shared>,
    begun: AtomicBool,
}

pub(super) struct Shared {
    pub origin: Arc<dyn Origin>,
    pub place: String,
    pub settings: CacheSettings,
    pub clock: Arc<dyn Clock>,
    pub counters: Arc<Counters>,
    pub index: Index,
    pub sightings: Arc<Sightings>,
    pub memory: Arc<Semaphore>,
    fills: Arc<Semaphore>,
    /// When the disk failed a fill last.
    failed: Mutex<Option<Duration>>,
    /// Makes names of files that nobody had before.
    unique: AtomicU64,
    /// Held while the directory is in use; nothing is read or written before.
    lock: OnceLock<File>,
}

impl fmt::Debug for Cached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached").field("settings", &self.shared.settings).finish_non_exhaustive()
    }
}

impl Cached {
    /// A cache before `origin`, which does nothing before [`Cached::begin`].
    #[must_use]
    pub fn new(
        origin: Arc<dyn Origin>,
        settings: CacheSettings,
        clock: Arc<dyn Clock>,
        random: &dyn Random,
    ) -> Arc<Self> {
        let counters = Arc::new(Counters::new(clock.clone()));
        let mut unique = [0; 8];
        random.fill(&mut unique);
        let shared = Shared {
            place: origin.place(),
            origin,
            clock,
            index: Index::new(settings.size, counters.clone()),
            counters,
            settings,
            sightings: Arc::new(Sightings::new()),
            memory: Arc::new(Semaphore::new(MEMORY as usize)),
            fills: Arc::new(Semaphore::new(FILLS)),
            failed: Mutex::new(None),
            unique: AtomicU64::new(u64::from_le_bytes(unique)),
            lock: OnceLock::new(),
        };
        Arc::new(Self { shared: Arc::new(shared), begun: AtomicBool::new(false) })
    }

    /// Takes the directory into use, in the background; must run within a runtime. Until that is
    /// done, and if it cannot be done, every read goes to the store.
    pub fn begin(&self) {
        if !self.begun.swap(true, Ordering::Relaxed) {
            tokio::spawn(opening::open(self.shared.clone()));
        }
    }

    /// How it goes.
    pub fn figures(&self) -> CacheFigures {
        self.shared.counters.figures(self.shared.lock.get().is_some(), self.shared.settings.size)
    }
}

impl Shared {
    pub(super) fn is_ready(&self, lock: File) {
        let _ = self.lock.set(lock);
    }

    /// The disk failed a fill: the next one would as well.
    pub(super) fn failed(&self, doing: &str, error: &dyn fmt::Display) {
        self.counters.error(doing, error);
        *self.failed.lock() = Some(self.clock.elapsed());
    }

    fn rests(&self) -> bool {
        let failed = *self.failed.lock();
        failed.is_some_and(|at| self.clock.elapsed().saturating_sub(at) < REST)
    }

    /// An answer from an entry; `None` if the disk does not give it, and then the entry is gone.
    async fn serve(
        self: &Arc<Self>,
        entry: Arc<Entry>,
        key: &BlobKey,
        range: ByteRange,
    ) -> Option<ByteStream> {
        let (opened, now) = (entry.clone(), self.clock.now());
        let opening = tokio::task::spawn_blocking(move || Copy::open(&opened, now));
        match opening.await.map_err(std::io::Error::other).flatten() {
            Ok(copy) => Some(Serving::stream(self, entry, key, copy, range)),
            Err(error) => {
                // It may just have made room.
                if error.kind() != std::io::ErrorKind::NotFound {
                    self.counters.error("opening a file", &error);
                }
                self.index.remove(&entry);
                None
            }
        }
    }

    /// What becomes of a read that the cache cannot answer.
    async fn admit(
        self: &Arc<Self>,
        key: &BlobKey,
        name: Name,
        range: ByteRange,
        opened: Opened,
    ) -> ByteStream {
        let Opened { size, sha256, bytes } = opened;
        let is_whole = range.start == 0 && range.end_inclusive.checked_add(1) == Some(size);
        let is_worth = (self.settings.smallest..=self.settings.largest).contains(&size);
        if !is_whole || !is_worth {
            return bytes;
        }
        let is_first = self.sightings.is_first(name);
        let Some(expected) = sha256.or_else(|| self.sightings.digest(&name)) else {
            return self.sightings.watched(name, size, bytes);
        };
        if is_first || self.rests() {
            return bytes;
        }
        let Ok(slot) = Arc::clone(&self.fills).try_acquire_owned() else { return bytes };
        let (entry, pump) = match self.entry(name, size, (key.clone(), expected), slot).await {
            Ok(entry) => entry,
            Err(error) => {
                self.failed("beginning a file", &error);
                return bytes;
            }
        };
        let Some(answer) = self.serve(entry, key, range).await else { return bytes };
        if let Some(pump) = pump {
            tokio::spawn(pump.run(bytes));
        }
        answer
    }

    /// The entry of that name, and what is to fill it unless somebody else does. If nobody waits for
    /// the result any more, the entry is gone with it.
    async fn entry(
        self: &Arc<Self>,
        name: Name,
        size: u64,
        wanted: (BlobKey, Digest),
        slot: OwnedSemaphorePermit,
    ) -> Result<(Arc<Entry>, Option<Pump>), Arc<std::io::Error>> {
        let unique = self.unique.fetch_add(1, Ordering::Relaxed);
        let shared = Arc::clone(self);
        let beginning = tokio::task::spawn_blocking(move || {
            let directory = &shared.settings.directory;
            let begun = shared.index.begin(name, || Entry::begin(directory, name, size, unique));
            let (entry, is_new) = begun?;
            let fill = entry.fill().filter(|_| is_new);
            let pump = fill
                .map(|fill| Pump::new(Arc::clone(&shared), Arc::clone(&entry), fill, wanted, slot));
            Ok((entry, pump))
        });
        beginning.await.unwrap_or_else(|error| Err(Arc::new(std::io::Error::other(error))))
    }
}

#[async_trait]
impl BlobStore for Cached {
    async fn stage(
        &self,
        id: &StagingId,
        hashers: Vec<Hasher>,
    ) -> Result<Box<dyn StagedBlob>, StoreError> {
        self.shared.origin.stage(id, hashers).await
    }

    async fn reopen(
        &self,
        id: &StagingId,
        from: Checkpoint,
    ) -> Result<Option<Box<dyn StagedBlob>>, StoreError> {
        self.shared.origin.reopen(id, from).await
    }

    async fn discard(&self, id: &StagingId) -> Result<(), StoreError> {
        self.shared.origin.discard(id).await
    }

    async fn staged(&self, limit: usize) -> Result<Vec<StagingRecord>, StoreError> {
        self.shared.origin.staged(limit).await
    }

    async fn put(&self, slot: &BlobSlot, bytes: Bytes) -> Result<BlobKey, StoreError> {
        self.shared.origin.put(slot, bytes).await
    }

    async fn read(&self, key: &BlobKey, range: ByteRange) -> Result<ByteStream, StoreError> {
        let shared = &self.shared;
        if shared.lock.get().is_none() {
            return shared.origin.read(key, range).await;
        }
        let name = Name::of(&shared.place, key);
        if let Some(entry) = shared.index.get(&name)
            && range.end_inclusive < entry.size
            && let Some(answer) = shared.serve(entry, key, range).await
        {
            shared.counters.add(&shared.counters.hits, 1);
            return Ok(answer);
        }
        shared.counters.add(&shared.counters.misses, 1);
        let opened = shared.origin.open(key, range).await?;
        Ok(shared.admit(key, name, range, opened).await)
    }

    async fn address(
        &self,
        key: &BlobKey,
        request: AddressRequest,
    ) -> Result<Option<String>, StoreError> {
        self.shared.origin.address(key, request).await
    }

    async fn stored(
        &self,
        own_places: bool,
        after: Option<&BlobKey>,
        limit: usize,
    ) -> Result<Vec<StoredRecord>, StoreError> {
        self.shared.origin.stored(own_places, after, limit).await
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), StoreError> {
        let name = Name::of(&self.shared.place, key);
        self.shared.index.forget(&name);
        self.shared.sightings.forget(&name);
        self.shared.origin.delete(key).await
    }
}
