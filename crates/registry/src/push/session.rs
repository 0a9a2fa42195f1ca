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

use oci::{ContentRange, Digest, Hasher, RepositoryName};
use parking_lot::Mutex;
use store::{
    BlobStore, Checkpoint, Clock, Digests, StagingId, StoreError, Timestamp, UploadId, UploadRow,
    UploadState, UploadStore,
};
use tokio::sync::OwnedMutexGuard;

use super::id::IdClaims;
use super::live::{HeldLimits, HeldTotal, Keepsake, Live};
use super::{Source, UploadHint, UploadIds};
use crate::{Error, Settings};

/// All open uploads of this process.
pub(crate) struct Sessions {
    ids: UploadIds,
    uploads: Arc<dyn UploadStore>,
    blobs: Arc<dyn BlobStore>,
    clock: Arc<dyn Clock>,
    entries: Mutex<HashMap<UploadId, Arc<Entry>>>,
    held: Arc<HeldTotal>,
    limits: HeldLimits,
    checkpoint_every: u64,
    wait: Duration,
}

struct Entry {
    repository: RepositoryName,
    started_at: Timestamp,
    touched: AtomicI64,
    slot: Arc<tokio::sync::Mutex<Slot>>,
}

enum Slot {
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

/// An upload that this request alone may write to.
pub(super) struct OpenUpload<'s> {
    sessions: &'s Sessions,
    id: UploadId,
    entry: Arc<Entry>,
    slot: OwnedMutexGuard<Slot>,
}

/// An upload whose bytes are being published. Others wait for it as they wait
/// for one that is written to.
pub(super) struct Closing<'s> {
    upload: OpenUpload<'s>,
    hint: UploadHint,
    keepsake: Keepsake,
}

/// How long a stop waits for requests that still write to their uploads.
const LAST_WRITERS: Duration = Duration::from_secs(1);

/// Uploads that may rest with their file open.
const RESTING: usize = 128;

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
    pub(super) async fn open(
        &self,
        id: &UploadId,
        repository: &RepositoryName,
    ) -> Result<Opened<'_>, Error> {
        let unknown = || Error::UploadUnknown(id.clone());
        let claims = self.ids.check(id, repository).ok_or_else(unknown)?;
        let entry = self.entry(id, repository, claims.started_at)?;
        let lock = tokio::time::timeout(self.wait, entry.slot.clone().lock_owned());
        let mut slot = lock.await.map_err(|_| Error::UploadBusy)?;
        if !matches!(*slot, Slot::Live(_)) {
            match self.load(id, repository, claims).await {
                Ok(Loaded::Live(live)) => *slot = Slot::Live(live),
                Ok(Loaded::Finished(digest)) => {
                    self.forget(id, &entry);
                    return Ok(Opened::Finished(digest));
                }
                Ok(Loaded::Unknown) => {
                    self.forget(id, &entry);
                    return Err(unknown());
                }
                Err(error) => {
                    self.forget(id, &entry);
                    return Err(error.into());
                }
            }
        }
        Ok(Opened::Open(OpenUpload { sessions: self, id: id.clone(), entry, slot }))
    }

    /// Bytes kept so far, without beginning a session.
    pub(super) async fn offset(
        &self,
        id: &UploadId,
        repository: &RepositoryName,
    ) -> Result<u64, Error> {
        let unknown = || Error::UploadUnknown(id.clone());
        let claims = self.ids.check(id, repository).ok_or_else(unknown)?;
        if self.entries.lock().contains_key(id) {
            return match self.open(id, repository).await? {
                Opened::Open(upload) => Ok(upload.offset()),
                Opened::Finished(_) => Err(unknown()),
            };
        }
        match self.uploads.upload(id).await? {
            Some(row) if row.repository != *repository => Err(unknown()),
            Some(UploadRow { state: UploadState::Open { offset, .. }, .. }) => Ok(offset),
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
    fn forget(&self, id: &UploadId, ours: &Arc<Entry>) {
        let mut entries = self.entries.lock();
        if Arc::strong_count(ours) <= 2
            && entries.get(id).is_some_and(|theirs| Arc::ptr_eq(ours, theirs))
        {
            entries.remove(id);
        }
    }

    async fn load(
        &self,
        id: &UploadId,
        repository: &RepositoryName,
        claims: IdClaims,
    ) -> Result<Loaded, StoreError> {
        match self.uploads.upload(id).await? {
            Some(row) if row.repository != *repository => Ok(Loaded::Unknown),
            Some(UploadRow { state: UploadState::Finished { digest }, .. }) => {
                Ok(Loaded::Finished(digest))
            }
            Some(UploadRow { state: UploadState::Cancelled, .. }) => Ok(Loaded::Unknown),
            Some(UploadRow { state: UploadState::Open { offset, hashers }, .. }) => {
                self.reopen(id, claims.hint, offset, &hashers).await
            }
            None if claims.may_begin => Ok(Loaded::Live(Box::new(self.live(id, claims.hint)?))),
            None => Ok(Loaded::Unknown),
        }
    }

    /// Goes on from a saved checkpoint. Hash states of another version or a
    /// staging area that is gone end the upload: the client begins again.
    async fn reopen(
        &self,
        id: &UploadId,
        hint: UploadHint,
        offset: u64,
        saved: &[Vec<u8>],
    ) -> Result<Loaded, StoreError> {
        let restored: Option<Vec<Hasher>> =
            saved.iter().map(|state| Hasher::restore(state)).collect();
        let Some(hashers) = restored.filter(|all| !all.is_empty()) else {
            return Ok(Loaded::Unknown);
        };
        let live = self.live(id, hint)?;
        let staged = self.blobs.reopen(live.staging(), Checkpoint { offset, hashers }).await?;
        Ok(staged.map_or(Loaded::Unknown, |staged| Loaded::Live(Box::new(live.reopened(staged)))))
    }

    fn live(&self, id: &UploadId, hint: UploadHint) -> Result<Live, StoreError> {
        let staging = StagingId::parse(id.as_str())
            .ok_or_else(|| StoreError::Failed("an upload id is no staging id".into()))?;
        Ok(Live::new(staging, hint, self.limits, self.held.clone()))
    }

    /// Writes down every session that nobody touched for `idle` and lets go of
    /// its memory. With `Duration::ZERO`, at a clean stop, that is all of them.
    pub(crate) async fn settle(&self, idle: Duration) -> Result<usize, StoreError> {
        let mut patience = if idle.is_zero() { LAST_WRITERS } else { Duration::ZERO };
        let (mut settled, mut failed) = (0, None);
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
    ) -> Result<bool, StoreError> {
        let Slot::Live(live) = slot else { return Ok(false) };
        if live.offset() > 0 {
            live.spill(&*self.blobs).await?;
        }
        let Some(checkpoint) = live.checkpoint(true).await? else { return Ok(false) };
        self.save(id, entry, open_state(&checkpoint)).await?;
        Ok(true)
    }

    fn quiet(&self, idle: Duration) -> Vec<(UploadId, Arc<Entry>)> {
        let before = self.clock.now().before(idle).millis();
        let entries = self.entries.lock();
        let quiet = entries.iter().filter(|(_, e)| e.touched.load(Ordering::Relaxed) <= before);
        quiet.map(|(id, entry)| (id.clone(), entry.clone())).collect()
    }

    async fn save(
        &self,
        id: &UploadId,
        entry: &Entry,
        state: UploadState,
    ) -> Result<(), StoreError> {
        let row = UploadRow {
            id: id.clone(),
            repository: entry.repository.clone(),
            started_at: entry.started_at,
            updated_at: self.clock.now(),
            state,
        };
        self.uploads.save_uploads(vec![row]).await
    }
}

impl<'s> OpenUpload<'s> {
    /// Bytes kept so far.
    pub(super) fn offset(&self) -> u64 {
        match &*self.slot {
            Slot::Live(live) => live.offset(),
            Slot::Unloaded | Slot::Ended => 0,
        }
    }

    /// A chunk that says where it begins must begin where the last one ended.
    pub(super) fn expect_start(&self, range: Option<ContentRange>) -> Result<(), Error> {
        let offset = self.offset();
        match range {
            Some(range) if range.start != offset => {
                Err(Error::UploadOffset { id: self.id.clone(), offset, got: range.start })
            }
            _ => Ok(()),
        }
    }

    /// Appends everything that `source` yields. If it breaks off, what came is
    /// kept and noted, so that the client can go on from there.
    pub(super) async fn receive(&mut self, source: &mut dyn Source) -> Result<u64, Error> {
        let began_at = self.offset();
        let mut received = 0_u64;
        loop {
            let chunk = match source.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return Ok(received),
                Err(error) => {
                    self.note().await?;
                    return Err(Error::BodyFailed(error));
                }
            };
            received += chunk.len() as u64;
            if let Err(error) = self.append(chunk).await {
                if matches!(error, Error::Store(StoreError::Full(_))) {
                    self.give_back(began_at).await;
                }
                return Err(error);
            }
            self.note_passed().await?;
        }
    }

    /// Between two requests an upload keeps its file open only while few do.
    pub(super) async fn rest(&mut self) -> Result<(), Error> {
        if self.sessions.count() <= RESTING {
            return Ok(());
        }
        self.note().await?;
        if matches!(&*self.slot, Slot::Live(live) if live.is_staged()) {
            *self.slot = Slot::Unloaded;
        }
        Ok(())
    }

    /// Frees what a body took that found the disk full, so that others can
    /// write again: all of an upload that began with it, else what came since
    /// the last checkpoint.
    async fn give_back(&mut self, began_at: u64) {
        let sessions = self.sessions;
        *self.slot = Slot::Unloaded;
        let freed = async {
            if began_at == 0 {
                let Some(staging) = StagingId::parse(self.id.as_str()) else { return Ok(()) };
                sessions.blobs.discard(&staging).await?;
                return sessions.uploads.remove_uploads(vec![self.id.clone()]).await;
            }
            let Some(claims) = sessions.ids.check(&self.id, &self.entry.repository) else {
                return Ok(());
            };
            // Going on from the checkpoint cuts the staging area back to it.
            if let Loaded::Live(live) =
                sessions.load(&self.id, &self.entry.repository, claims).await?
            {
                *self.slot = Slot::Live(live);
            }
            Ok::<(), StoreError>(())
        };
        if let Err(error) = freed.await {
            tracing::warn!(%error, upload = %self.id, "a full disk could not be relieved of an upload");
        }
    }

    async fn append(&mut self, chunk: bytes::Bytes) -> Result<(), Error> {
        let Slot::Live(live) = &mut *self.slot else {
            return Err(Error::UploadUnknown(self.id.clone()));
        };
        let result = live.append(&*self.sessions.blobs, chunk).await;
        self.unload_if_broken();
        Ok(result?)
    }

    /// Writes down a point that the upload has passed, without waiting for what
    /// follows it to be hashed and written.
    async fn note_passed(&mut self) -> Result<(), Error> {
        let Slot::Live(live) = &mut *self.slot else { return Ok(()) };
        let Some(point) = live.passed(self.sessions.checkpoint_every) else { return Ok(()) };
        self.sessions.save(&self.id, &self.entry, open_state(&point)).await?;
        live.noted(point.offset);
        Ok(())
    }

    /// Writes down how far the upload has come, if it is on disk.
    async fn note(&mut self) -> Result<(), Error> {
        let Slot::Live(live) = &mut *self.slot else { return Ok(()) };
        let result = live.checkpoint(false).await;
        self.unload_if_broken();
        let Some(checkpoint) = result? else { return Ok(()) };
        self.sessions.save(&self.id, &self.entry, open_state(&checkpoint)).await?;
        if let Slot::Live(live) = &mut *self.slot {
            live.noted(checkpoint.offset);
        }
        Ok(())
    }

    /// After a failure the next request goes on from the last checkpoint.
    fn unload_if_broken(&mut self) {
        if matches!(&*self.slot, Slot::Live(live) if live.is_broken()) {
            *self.slot = Slot::Unloaded;
        }
    }

    /// The digests of all bytes so far.
    pub(super) async fn digests(&mut self, algorithm: oci::Algorithm) -> Result<Digests, Error> {
        let digests = self.live()?.digests(algorithm).await;
        self.unload_if_broken();
        Ok(digests?)
    }

    fn live(&mut self) -> Result<&mut Live, Error> {
        match &mut *self.slot {
            Slot::Live(live) => Ok(live),
            Slot::Unloaded | Slot::Ended => Err(Error::UploadUnknown(self.id.clone())),
        }
    }

    /// Gives the bytes away to be published, which writes the row that says
    /// how the session ended. Until then nobody else gets the upload: a second
    /// PUT would find it empty.
    pub(super) async fn close(mut self) -> Result<(Live, Closing<'s>), Error> {
        let keepsake = self.live()?.keepsake().await;
        self.unload_if_broken();
        let keepsake = keepsake?;
        let live = self.take()?;
        let hint = live.hint();
        Ok((live, Closing { upload: self, hint, keepsake }))
    }

    fn take(&mut self) -> Result<Live, Error> {
        match std::mem::replace(&mut *self.slot, Slot::Ended) {
            Slot::Live(live) => Ok(*live),
            Slot::Unloaded | Slot::Ended => Err(Error::UploadUnknown(self.id.clone())),
        }
    }

    /// Ends the session and removes its bytes.
    pub(super) async fn cancel(mut self) -> Result<(), Error> {
        let live = self.take()?;
        self.sessions.save(&self.id, &self.entry, UploadState::Cancelled).await?;
        let staged = live.is_staged().then(|| live.staging().clone());
        drop(live);
        if let Some(staging) = staged {
            self.sessions.blobs.discard(&staging).await?;
        }
        self.sessions.forget(&self.id, &self.entry);
        Ok(())
    }
}

impl Closing<'_> {
    /// The blob is published.
    pub(super) fn succeeded(self) {
        self.upload.sessions.forget(&self.upload.id, &self.upload.entry);
    }

    /// Publishing failed: the upload stands where it stood, so that the same
    /// PUT can be sent again. Without its bytes it ends with the next look.
    pub(super) async fn failed(self) {
        let Self { mut upload, hint, keepsake } = self;
        let sessions = upload.sessions;
        let revived = match sessions.live(&upload.id, hint) {
            Ok(live) => live.revived(&*sessions.blobs, keepsake).await,
            Err(error) => Err(error),
        };
        match revived {
            Ok(Some(live)) => *upload.slot = Slot::Live(Box::new(live)),
            Ok(None) => sessions.forget(&upload.id, &upload.entry),
            Err(error) => {
                tracing::warn!(%error, upload = %upload.id, "an upload cannot go on");
                sessions.forget(&upload.id, &upload.entry);
            }
        }
    }
}

enum Loaded {
    Live(Box<Live>),
    Finished(Digest),
    Unknown,
}

fn open_state(checkpoint: &Checkpoint) -> UploadState {
    UploadState::Open {
        offset: checkpoint.offset,
        hashers: checkpoint.hashers.iter().map(Hasher::save).collect(),
    }
}
