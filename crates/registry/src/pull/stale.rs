//! Pulls of known digests while the metadata store is away, if the operator
//! wants that.
//!
//! Remembers what the store said of digests lately, and says it again for a
//! stated time when the store cannot answer. Never consulted when the store
//! says no, never for tags: those are exact or not known. What a digest names
//! does not change, so all that can be wrong is membership: another process may
//! have deleted the content since.

use std::future::Future;
use std::time::Duration;

use oci::{Digest, Reference, RepositoryName};
use parking_lot::Mutex;
use store::{BlobPlace, BlobRecord, Clock, ManifestRecord, StoreError};

use super::memory::{Key, Memory};
use super::outage::Outage;

/// Something that was found, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found<T> {
    pub(super) record: T,
    /// Whether it comes from memory because the store is away.
    pub(super) stale: bool,
}

impl<T> Found<T> {
    pub(super) fn fresh(record: T) -> Self {
        Self { record, stale: false }
    }
}

type Answer<T> = Result<Option<Found<T>>, StoreError>;

/// What was known lately.
#[derive(Debug)]
pub(crate) struct Stale {
    known: Mutex<Known>,
    outage: Outage,
}

#[derive(Debug)]
struct Known {
    manifests: Memory<ManifestRecord>,
    blobs: Memory<BlobRecord>,
    /// Grows with each deletion: what was asked for before one may be gone.
    deletions: u64,
}

/// One question that is under way.
#[derive(Debug, Clone, Copy)]
struct Asked {
    at: Duration,
    deletions: u64,
}

impl Stale {
    /// A memory for `term`; `None` if that is no time at all.
    pub(crate) fn new(term: Duration) -> Option<Self> {
        let (manifests, blobs) = (Memory::new(term), Memory::new(term));
        let known = Mutex::new(Known { manifests, blobs, deletions: 0 });
        (!term.is_zero()).then(|| Self { known, outage: Outage::new(term) })
    }

    /// How many answers came from memory.
    pub(crate) fn answers(&self) -> u64 {
        self.outage.answers()
    }

    /// What the store says of a manifest, or said of its digest lately.
    pub(super) async fn manifest(
        &self,
        clock: &dyn Clock,
        (repository, reference): (&RepositoryName, &Reference),
        asking: impl Future<Output = Result<Option<ManifestRecord>, StoreError>>,
    ) -> Answer<ManifestRecord> {
        let asked = self.ask(clock);
        let found = self.hear(clock, asking.await);
        let known = || self.known.lock();
        let key = |digest| key(repository, digest);
        match (found, reference) {
            (Ok(Some(record)), _) => {
                let mut known = known();
                if let Some(key) = key(&record.digest)
                    && known.deletions == asked.deletions
                {
                    known.manifests.keep(key, record.clone(), record.bytes.len(), asked.at);
                }
                Ok(Some(Found::fresh(record)))
            }
            (Ok(None), Reference::Digest(digest)) => {
                key(digest).iter().for_each(|key| known().manifests.forget(key));
                Ok(None)
            }
            (Ok(None), Reference::Tag(_)) => Ok(None),
            (Err(error), Reference::Digest(digest)) if is_away(&error) => {
                let key = key(digest);
                let held = key.and_then(|key| known().manifests.recall(&key, clock.elapsed()));
                self.fall_back(held, error)
            }
            (Err(error), _) => Err(error),
        }
    }

    /// The same of a member blob.
    pub(super) async fn blob(
        &self,
        clock: &dyn Clock,
        (repository, digest): (&RepositoryName, &Digest),
        asking: impl Future<Output = Result<Option<BlobRecord>, StoreError>>,
    ) -> Answer<BlobRecord> {
        let asked = self.ask(clock);
        let found = self.hear(clock, asking.await);
        let key = key(repository, digest);
        match found {
            Ok(Some(record)) => {
                let mut known = self.known.lock();
                if let Some(key) = key
                    && known.deletions == asked.deletions
                {
                    known.blobs.keep(key, record.clone(), held_bytes(&record), asked.at);
                }
                Ok(Some(Found::fresh(record)))
            }
            Ok(None) => {
                key.iter().for_each(|key| self.known.lock().blobs.forget(key));
                Ok(None)
            }
            Err(error) => self.recall_blob(clock, key.as_ref(), error),
        }
    }

    /// The same of a member blob's size alone.
    pub(super) async fn blob_size(
        &self,
        clock: &dyn Clock,
        (repository, digest): (&RepositoryName, &Digest),
        asking: impl Future<Output = Result<Option<u64>, StoreError>>,
    ) -> Answer<u64> {
        match self.hear(clock, asking.await) {
            Ok(found) => Ok(found.map(Found::fresh)),
            Err(error) => {
                let held = self.recall_blob(clock, key(repository, digest).as_ref(), error)?;
                Ok(held.map(|Found { record, stale }| Found { record: record.size, stale }))
            }
        }
    }

    fn recall_blob(
        &self,
        clock: &dyn Clock,
        key: Option<&Key>,
        error: StoreError,
    ) -> Answer<BlobRecord> {
        if !is_away(&error) {
            return Err(error);
        }
        let held = key.and_then(|key| self.known.lock().blobs.recall(key, clock.elapsed()));
        self.fall_back(held, error)
    }

    /// Forgets what this process deletes, or has tried to.
    pub(crate) fn forget(&self, repository: &RepositoryName, digest: &Digest) {
        let mut known = self.known.lock();
        known.deletions = known.deletions.wrapping_add(1);
        match key(repository, digest) {
            Some(key) => {
                known.manifests.forget(&key);
                known.blobs.forget(&key);
            }
            // The same content is known under a name that we are not told.
            None => {
                known.manifests.forget_all();
                known.blobs.forget_all();
            }
        }
    }

    fn ask(&self, clock: &dyn Clock) -> Asked {
        Asked { at: clock.elapsed(), deletions: self.known.lock().deletions }
    }

    fn hear<T>(&self, clock: &dyn Clock, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        match &answer {
            Ok(_) => self.outage.answered(clock),
            Err(error) if is_away(error) => self.outage.failed(clock, error),
            Err(_) => {}
        }
        answer
    }

    fn fall_back<T>(&self, held: Option<T>, error: StoreError) -> Answer<T> {
        let Some(record) = held else { return Err(error) };
        self.outage.count();
        Ok(Some(Found { record, stale: true }))
    }
}

/// Whether the store could not say anything, rather than that something is
/// wrong with what it holds.
pub(crate) fn is_away(error: &StoreError) -> bool {
    match error {
        StoreError::Busy(_) | StoreError::Failed(_) => true,
        StoreError::Full(_) | StoreError::Damaged(_) => false,
    }
}

/// Only sha256 names are remembered: a deletion by the one name must not leave
/// the other one known.
fn key(repository: &RepositoryName, digest: &Digest) -> Option<Key> {
    (digest.algorithm() == oci::Algorithm::Sha256).then(|| (repository.clone(), *digest))
}

fn held_bytes(record: &BlobRecord) -> usize {
    match &record.place {
        BlobPlace::Inline(bytes) => bytes.len(),
        BlobPlace::Stored(key) => key.as_str().len(),
    }
}
