//! An upload in the hands of one request: written to, cut back, closed.

use oci::ContentRange;
use store::{ClosingUpload, Digests, StagingId, StoreError, UploadId, UploadState};
use tokio::sync::OwnedMutexGuard;

use std::sync::Arc;

use super::Source;
use super::UploadHint;
use super::live::{Keepsake, Live};
use super::look::{Loaded, SeenBlob};
use super::session::{Entry, Sessions, Slot, open_state};
use crate::Error;

/// Uploads that may rest with their file open.
const RESTING: usize = 128;

/// An upload that this request alone may write to.
pub(super) struct OpenUpload<'s> {
    pub(super) sessions: &'s Sessions,
    pub(super) id: UploadId,
    pub(super) entry: Arc<Entry>,
    pub(super) slot: OwnedMutexGuard<Slot>,
    /// The row of the blob that it is to be, if somebody has looked.
    pub(super) blob: SeenBlob,
}

/// An upload whose bytes are being published. Others wait for it as they wait
/// for one that is written to.
pub(super) struct Closing<'s> {
    upload: OpenUpload<'s>,
    hint: UploadHint,
    version: u64,
    /// `None` where other processes write too: there the next request goes on
    /// from the row, and nothing is kept of this one.
    keepsake: Option<Keepsake>,
}

impl<'s> OpenUpload<'s> {
    /// Bytes kept so far.
    pub(super) fn offset(&self) -> u64 {
        match &*self.slot {
            Slot::Live(live) => live.offset(),
            Slot::Unloaded | Slot::Ended => 0,
        }
    }

    /// The version of the row that this upload came from or wrote last.
    fn version(&self) -> u64 {
        match &*self.slot {
            Slot::Live(live) => live.version(),
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
            if received == 0 {
                self.claim().await?;
            }
            received += chunk.len() as u64;
            let version = self.version();
            if let Err(error) = self.append(chunk).await {
                if matches!(error, Error::Store(StoreError::Full(_))) {
                    self.give_back(began_at, version).await;
                }
                return Err(error);
            }
            self.note_passed().await?;
        }
    }

    /// Between two requests an upload keeps its file open only while few do;
    /// where other processes may get the next request, never.
    pub(super) async fn rest(mut self) -> Result<(), Error> {
        if self.sessions.shared {
            return self.note().await;
        }
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
    async fn give_back(&mut self, began_at: u64, version: u64) {
        let sessions = self.sessions;
        *self.slot = Slot::Unloaded;
        let freed = async {
            if began_at == 0 {
                return self.forget_bytes(version).await;
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

    /// Removes the row of this version and the bytes, unless somebody else goes
    /// on with them.
    async fn forget_bytes(&mut self, version: u64) -> Result<(), StoreError> {
        let Some(staging) = StagingId::parse(self.id.as_str()) else { return Ok(()) };
        let uploads = &self.sessions.uploads;
        if !self.sessions.shared {
            // The slot is ours, so nobody else goes on with them. A row is removed by writing, for
            // which a full disk has no room before the bytes are gone.
            self.sessions.blobs.discard(&staging).await?;
            uploads.remove_uploads(vec![(self.id.clone(), version)]).await?;
            return Ok(());
        }
        let is_ours = match version {
            0 => uploads.upload(&self.id).await?.is_none(),
            _ => !uploads.remove_uploads(vec![(self.id.clone(), version)]).await?.is_empty(),
        };
        if is_ours {
            self.sessions.blobs.discard(&staging).await?;
        }
        Ok(())
    }

    async fn append(&mut self, chunk: bytes::Bytes) -> Result<(), Error> {
        let Slot::Live(live) = &mut *self.slot else {
            return Err(Error::UploadUnknown(self.id.clone()));
        };
        let result = live.append(&*self.sessions.blobs, chunk).await;
        self.unload_if_broken();
        Ok(result?)
    }

    /// Before bytes are added to an upload that others may write to: from now
    /// on whatever they write down comes too late.
    async fn claim(&mut self) -> Result<(), Error> {
        let Slot::Live(live) = &mut *self.slot else { return Ok(()) };
        let Some(state) = live.unclaimed() else { return Ok(()) };
        let (offset, version) = (live.offset(), live.version());
        let version = self.save(version, state).await?;
        if let Slot::Live(live) = &mut *self.slot {
            live.noted(offset, version);
        }
        Ok(())
    }

    /// Writes the row; an upload that somebody else took over is let go of.
    async fn save(&mut self, over: u64, state: UploadState) -> Result<u64, Error> {
        let saved = self.sessions.save(&self.id, &self.entry, over, state).await;
        if matches!(saved, Err(Error::UploadBusy)) {
            *self.slot = Slot::Unloaded;
        }
        saved
    }

    /// Writes down a point that the upload has passed, without waiting for what
    /// follows it to be hashed and written.
    async fn note_passed(&mut self) -> Result<(), Error> {
        let Slot::Live(live) = &mut *self.slot else { return Ok(()) };
        let Some(point) = live.passed(self.sessions.checkpoint_every) else { return Ok(()) };
        let version = live.version();
        let version = self.save(version, open_state(&point)).await?;
        if let Slot::Live(live) = &mut *self.slot {
            live.noted(point.offset, version);
        }
        Ok(())
    }

    /// Writes down how far the upload has come, if it is on disk; where others
    /// may go on with it, also the bytes that are only held in memory.
    async fn note(&mut self) -> Result<(), Error> {
        let Slot::Live(live) = &mut *self.slot else { return Ok(()) };
        let version = live.version();
        let (offset, state) = match live.held().filter(|_| self.sessions.shared) {
            Some(bytes) => (bytes.len() as u64, UploadState::Held(bytes)),
            None => {
                let result = live.checkpoint(false).await;
                self.unload_if_broken();
                let Some(checkpoint) = result? else { return Ok(()) };
                (checkpoint.offset, open_state(&checkpoint))
            }
        };
        let version = self.save(version, state).await?;
        if let Slot::Live(live) = &mut *self.slot {
            live.noted(offset, version);
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
        let keepsake = match self.sessions.shared {
            true => None,
            false => {
                let keepsake = self.live()?.keepsake().await;
                self.unload_if_broken();
                Some(keepsake?)
            }
        };
        let live = self.take()?;
        let (hint, version) = (live.hint(), live.version());
        Ok((live, Closing { upload: self, hint, version, keepsake }))
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
        self.sessions.save(&self.id, &self.entry, live.version(), UploadState::Cancelled).await?;
        let staged = live.is_staged().then(|| live.staging().clone());
        drop(live);
        if let Some(staging) = staged {
            self.sessions.blobs.discard(&staging).await?;
        }
        self.sessions.forget(&self.id, &self.entry);
        Ok(())
    }
}

/// Where other processes write too, memory is right for one request only, however
/// it ended; and a file that rests open would keep the others away.
impl Drop for OpenUpload<'_> {
    fn drop(&mut self) {
        if self.sessions.shared {
            *self.slot = Slot::Unloaded;
            self.sessions.forget(&self.id, &self.entry);
        }
    }
}

impl Closing<'_> {
    /// The row of the blob that it is to be, if somebody has looked.
    pub(super) fn blob(&self) -> SeenBlob {
        self.upload.blob
    }

    /// What is being closed.
    pub(super) fn upload(&self) -> ClosingUpload {
        ClosingUpload { id: self.upload.id.clone(), version: self.version }
    }

    /// The blob is published.
    pub(super) fn succeeded(self) {
        self.upload.sessions.forget(&self.upload.id, &self.upload.entry);
    }

    /// Publishing failed: the upload stands where it stood, so that the same
    /// PUT can be sent again. Without its bytes it ends with the next look.
    pub(super) async fn failed(self) {
        let Self { mut upload, hint, version, keepsake } = self;
        let sessions = upload.sessions;
        let Some(keepsake) = keepsake else { return };
        let revived = match sessions.live(&upload.id, hint) {
            Ok(live) => live.revived(&*sessions.blobs, keepsake, version).await,
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
