//! Open uploads: which exist, who may write to them now, where they go on.
//!
//! A session lives in memory from its first byte. What must outlive the
//! process is in the database: a row for every so many bytes that have reached
//! the disk, when a body breaks off, after some minutes of silence and at a
//! clean stop. Small uploads are held in memory alone and may be gone after a
//! crash; nothing was acknowledged but an offset.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::live::{HeldLimits, HeldTotal, Live};
use super::look::Loaded;
use super::open::OpenUpload;
use super::{UploadHint, UploadIds};
use crate::{Error, Settings};
use oci::{Digest, Hasher, RepositoryName};
use parking_lot::Mutex;
use store::{
    BlobStore, Checkpoint, Clock, StagingId, StoreError, Timestamp, UploadId, UploadRow,
    UploadState, UploadStore,
};

/// All open uploads of this process.
pub(crate) struct Sessions {
    pub(super) ids: UploadIds,
    pub(super) uploads: Arc<dyn UploadStore>,
    pub(super) blobs: Arc<dyn BlobStore>,
    pub(super) clock: Arc<dyn Clock>,
    entries: Mutex<HashMap<UploadId, Arc<Entry>>>,
    held: Arc<HeldTotal>,
    limits: HeldLimits,
    pub(super) checkpoint_every: u64,
    wait: Duration,
    /// Other processes write to the same uploads.
    pub(super) shared: bool,
}

pub(super) struct Entry {
    pub(super) repository: RepositoryName,
    started_at: Timestamp,
    touched: AtomicI64,
    slot: Arc<tokio::sync::Mutex<Slot>>,
}

pub(super) enum Slot {
    /// Not looked up yet, or to be looked up again after a failure.
    Unloaded,
    Live(Box<Live>),
    Ended,
}

/// What stands behind an upload id.
pub(super) enum Opened<'s> {
    Open(OpenUpload<'s>),
    /// It was closed with this digest.
    Finished(Digest),
}

/// How long a stop waits for requests that still write to their uploads.
const LAST_WRITERS: Duration = Duration::from_secs(1);

/// Open uploads at once; more are told to come back later.
const MAX_OPEN: usize = 65_536;

impl Sessions {
    pub(crate) fn new(
        ids: UploadIds,
        uploads: Arc<dyn UploadStore>,
        blobs: Arc<dyn BlobStore>,
        clock: Arc<dyn Clock>,
        settings: &Settings,
    ) -> Self {
        Self {
            ids,
            uploads,
            blobs,
            clock,
            entries: Mutex::default(),
            held: Arc::default(),
            limits: HeldLimits { one: settings.held_max_bytes, total: settings.held_total_bytes },
            checkpoint_every: settings.checkpoint_every_bytes,
            wait: settings.upload_wait,
            shared: settings.shared,
        }
    }

    /// Uploads that this process has open.
    pub(crate) fn count(&self) -> usize {
        self.entries.lock().len()
    }

    /// A new id; nothing is written and nothing is kept.
    pub(super) fn start(&self, repository: &RepositoryName, hint: UploadHint) -> UploadId {
        self.ids.make(repository, hint)
    }

    /// Bytes for an upload that needs no id: a POST that carries the whole blob.
    pub(super) fn anonymous(
        &self,
        repository: &RepositoryName,
        hint: UploadHint,
    ) -> Result<Live, Error> {
        let id = self.ids.make(repository, hint);
        Ok(self.live(&id, hint)?)
    }

    /// Takes the upload for this request, waiting for another one to let go.
    /// `closed` is the digest of the blob that is to be made of it, if any.
    pub(super) async fn open(
        &self,
        id: &UploadId,
        repository: &RepositoryName,
        closed: Option<Digest>,
    ) -> Result<Opened<'_>, Error> {
        let unknown = || Error::UploadUnknown(id.clone());
        let claims = self.ids.check(id, repository).ok_or_else(unknown)?;
        let entry = self.entry(id, repository, claims.started_at)?;
        let lock = tokio::time::timeout(self.wait, entry.slot.clone().lock_owned());
        let mut slot = lock.await.map_err(|_| Error::UploadBusy)?;
        // Where others write too, memory is right for one request only.
        if self.shared {
            *slot = Slot::Unloaded;
        }
        let mut blob = None;
        if !matches!(*slot, Slot::Live(_)) {
            match self.find(id, repository, claims, closed).await {
                Ok((Loaded::Live(live), seen)) => {
                    *slot = Slot::Live(live);
                    blob = seen;
                }
                Ok((Loaded::Finished(digest), _)) => {
                    self.forget(id, &entry);
                    return Ok(Opened::Finished(digest));
                }
                Ok((Loaded::Unknown, _)) => {
                    self.forget(id, &entry);
                    return Err(unknown());
                }
                Ok((Loaded::Elsewhere, _)) => {
                    self.forget(id, &entry);
                    return Err(Error::UploadBusy);
                }
                Err(error) => {
                    self.forget(id, &entry);
                    return Err(error.into());
                }
            }
        }
        Ok(Opened::Open(OpenUpload { sessions: self, id: id.clone(), entry, slot, blob }))
    }

    /// Bytes kept so far, without beginning a session.
    pub(super) async fn offset(
        &self,
        id: &UploadId,
        repository: &RepositoryName,
    ) -> Result<u64, Error> {
        let unknown = || Error::UploadUnknown(id.clone());
        let claims = self.ids.check(id, repository).ok_or_else(unknown)?;
        if !self.shared && self.entries.lock().contains_key(id) {
            return match self.open(id, repository, None).await? {
                Opened::Open(upload) => Ok(upload.offset()),
                Opened::Finished(_) => Err(unknown()),
            };
        }
        match self.uploads.upload(id).await? {
            Some(row) if row.repository != *repository => Err(unknown()),
            Some(UploadRow { state: UploadState::Open { offset, .. }, .. }) => Ok(offset),
            Some(UploadRow { state: UploadState::Held(bytes), .. }) => Ok(bytes.len() as u64),
            Some(_) => Err(unknown()),
            None if claims.may_begin => Ok(0),
            None => Err(unknown()),
        }
    }

    fn entry(
        &self,
        id: &UploadId,
        repository: &RepositoryName,
        started_at: Timestamp,
    ) -> Result<Arc<Entry>, StoreError> {
        let now = self.clock.now().millis();
        let mut entries = self.entries.lock();
        if let Some(entry) = entries.get(id) {
            entry.touched.store(now, Ordering::Relaxed);
            return Ok(entry.clone());
        }
        if entries.len() >= MAX_OPEN {
            return Err(StoreError::Busy(format!("{MAX_OPEN} uploads are open already")));
        }
        let slot = Arc::new(tokio::sync::Mutex::new(Slot::Unloaded));
        let touched = AtomicI64::new(now);
        let entry = Arc::new(Entry { repository: repository.clone(), started_at, touched, slot });
        entries.insert(id.clone(), entry.clone());
        Ok(entry)
    }

    /// Drops the entry unless another request waits for it; then the sweep
    /// will. Two entries for one upload would be two writers.
    pub(super) fn forget(&self, id: &UploadId, ours: &Arc<Entry>) {
        let mut entries = self.entries.lock();
        if Arc::strong_count(ours) <= 2
            && entries.get(id).is_some_and(|theirs| Arc::ptr_eq(ours, theirs))
        {
            entries.remove(id);
        }
    }

    pub(super) fn live(&self, id: &UploadId, hint: UploadHint) -> Result<Live, StoreError> {
        let staging = StagingId::parse(id.as_str())
            .ok_or_else(|| StoreError::Failed("an upload id is no staging id".into()))?;
        Ok(Live::new(staging, hint, self.limits, self.held.clone()))
    }

    /// Writes down every session that nobody touched for `idle` and lets go of
    /// its memory. With `Duration::ZERO`, at a clean stop, that is all of them.
    pub(crate) async fn settle(&self, idle: Duration) -> Result<usize, Error> {
        let mut patience = if idle.is_zero() { LAST_WRITERS } else { Duration::ZERO };
        let (mut settled, mut failed) = (0, None);
        // Elsewhere somebody may have gone on with them long ago.
        if self.shared {
            return Ok(0);
        }
        for (id, entry) in self.quiet(idle) {
            // At a stop the last requests have just been cut off and write down
            // what they have.
            let lock = tokio::time::timeout(patience, entry.slot.clone().lock_owned());
            let Ok(mut slot) = lock.await else {
                patience = Duration::ZERO;
                continue;
            };
            match self.settle_one(&id, &entry, &mut slot).await {
                Ok(was_open) => settled += usize::from(was_open),
                // Somebody else has gone on with it; nothing is left to do here.
                Err(Error::UploadBusy) => {}
                // One upload that cannot be written down must not cost the others.
                Err(error) => {
                    failed = Some(error);
                    // Bytes that found no place on the disk stay where they are.
                    if matches!(&*slot, Slot::Live(live) if !live.is_broken()) {
                        continue;
                    }
                }
            }
            *slot = Slot::Unloaded;
            self.forget(&id, &entry);
        }
        failed.map_or(Ok(settled), Err)
    }

    async fn settle_one(
        &self,
        id: &UploadId,
        entry: &Entry,
        slot: &mut Slot,
    ) -> Result<bool, Error> {
        let Slot::Live(live) = slot else { return Ok(false) };
        if live.offset() > 0 {
            live.spill(&*self.blobs).await?;
        }
        let Some(checkpoint) = live.checkpoint(true).await? else { return Ok(false) };
        let version = self.save(id, entry, live.version(), open_state(&checkpoint)).await?;
        live.noted(checkpoint.offset, version);
        Ok(true)
    }

    fn quiet(&self, idle: Duration) -> Vec<(UploadId, Arc<Entry>)> {
        let before = self.clock.now().before(idle).millis();
        let entries = self.entries.lock();
        let quiet = entries.iter().filter(|(_, e)| e.touched.load(Ordering::Relaxed) <= before);
        quiet.map(|(id, entry)| (id.clone(), entry.clone())).collect()
    }

    /// Writes the row over the version `over` and returns the new version.
    ///
    /// # Errors
    /// [`Error::UploadBusy`] if somebody else has written it in between.
    pub(super) async fn save(
        &self,
        id: &UploadId,
        entry: &Entry,
        over: u64,
        state: UploadState,
    ) -> Result<u64, Error> {
        let version = over.saturating_add(1);
        let row = UploadRow {
            id: id.clone(),
            repository: entry.repository.clone(),
            started_at: entry.started_at,
            updated_at: self.clock.now(),
            version,
            state,
        };
        match self.uploads.save_upload(row).await? {
            true => Ok(version),
            false => Err(Error::UploadBusy),
        }
    }
}

pub(super) fn open_state(checkpoint: &Checkpoint) -> UploadState {
    UploadState::Open {
        offset: checkpoint.offset,
        hashers: checkpoint.hashers.iter().map(Hasher::save).collect(),
        place: checkpoint.place.clone(),
    }
}
