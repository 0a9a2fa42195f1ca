//! The bytes of an open upload: held in memory while small, staged when large.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};
use oci::{Algorithm, Digest, Hasher};
use store::{BlobStore, Checkpoint, Digests, StagedBlob, StagingId, StoreError, UploadState};

use super::UploadHint;

/// Bytes held in memory by all uploads together.
#[derive(Debug, Default)]
pub(super) struct HeldTotal(AtomicU64);

impl HeldTotal {
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Bytes held by one upload, given back when it ends.
struct Held {
    bytes: BytesMut,
    total: Arc<HeldTotal>,
}

impl Held {
    fn push(&mut self, chunk: &[u8]) {
        self.total.0.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        self.bytes.extend_from_slice(chunk);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.total.0.fetch_sub(self.bytes.len() as u64, Ordering::Relaxed);
    }
}

enum Bulk {
    Held(Held),
    Staged(Box<dyn StagedBlob>),
    /// An earlier failure; only the last checkpoint is good.
    Broken,
}

/// When held bytes move to the disk.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeldLimits {
    pub one: usize,
    pub total: u64,
}

/// An open upload.
pub(super) struct Live {
    staging: StagingId,
    hint: UploadHint,
    bulk: Bulk,
    /// Offset of the last point that a row tells; zero without one.
    noted: u64,
    /// The version of that row; zero without one.
    version: u64,
    /// What the row says, until this upload has written one of its own; only
    /// where others may go on from the same row.
    unclaimed: Option<UploadState>,
    limits: HeldLimits,
    total: Arc<HeldTotal>,
}

/// The finished bytes of an upload, not yet published.
pub(super) enum Finished {
    /// All of them.
    Held(Bytes),
    /// In the staging area.
    Staged(Box<dyn StagedBlob>),
}

/// What an upload goes on from if its bytes could not be published.
pub(super) enum Keepsake {
    /// All of them.
    Held(Bytes),
    /// Where the staging area stood.
    Staged(Checkpoint),
}

impl Live {
    pub(super) fn new(
        staging: StagingId,
        hint: UploadHint,
        limits: HeldLimits,
        total: Arc<HeldTotal>,
    ) -> Self {
        let bulk = Bulk::Held(Held { bytes: BytesMut::new(), total: total.clone() });
        Self { staging, hint, bulk, noted: 0, version: 0, unclaimed: None, limits, total }
    }

    /// Goes on from a row of this version whose bytes are staged.
    pub(super) fn reopened(self, staged: Box<dyn StagedBlob>, version: u64) -> Self {
        Self { noted: staged.offset(), bulk: Bulk::Staged(staged), version, ..self }
    }

    /// Goes on from a row of this version that has the bytes itself.
    pub(super) fn with_held(mut self, bytes: &[u8], version: u64) -> Self {
        if let Bulk::Held(held) = &mut self.bulk {
            held.push(bytes);
        }
        Self { version, ..self }
    }

    /// Others may go on from the row as well, which says this.
    pub(super) fn shared(self, state: UploadState) -> Self {
        Self { unclaimed: Some(state), ..self }
    }

    /// What the row says if nothing was written over it yet.
    pub(super) fn unclaimed(&self) -> Option<UploadState> {
        self.unclaimed.clone()
    }

    /// The version of the row that this upload came from or wrote last.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// A copy of the bytes while they are held in memory.
    pub(super) fn held(&self) -> Option<Bytes> {
        match &self.bulk {
            Bulk::Held(held) => Some(Bytes::copy_from_slice(&held.bytes)),
            Bulk::Staged(_) | Bulk::Broken => None,
        }
    }

    pub(super) fn offset(&self) -> u64 {
        match &self.bulk {
            Bulk::Held(held) => held.bytes.len() as u64,
            Bulk::Staged(staged) => staged.offset(),
            Bulk::Broken => 0,
        }
    }

    pub(super) fn is_staged(&self) -> bool {
        matches!(self.bulk, Bulk::Staged(_))
    }

    pub(super) fn is_broken(&self) -> bool {
        matches!(self.bulk, Bulk::Broken)
    }

    pub(super) fn staging(&self) -> &StagingId {
        &self.staging
    }

    /// Adds a chunk; moves to the staging area when it grows too large.
    pub(super) async fn append(
        &mut self,
        blobs: &dyn BlobStore,
        chunk: Bytes,
    ) -> Result<(), StoreError> {
        if let Bulk::Held(held) = &mut self.bulk {
            let fits = held.bytes.len() + chunk.len() <= self.limits.one;
            if fits && self.total.get() + chunk.len() as u64 <= self.limits.total {
                held.push(&chunk);
                return Ok(());
            }
            self.spill(blobs).await?;
        }
        match &mut self.bulk {
            Bulk::Staged(staged) => {
                let result = staged.append(chunk).await;
                if result.is_err() {
                    self.bulk = Bulk::Broken;
                }
                result
            }
            _ => Err(StoreError::Failed("the upload failed earlier".into())),
        }
    }

    /// Moves held bytes to the staging area. If that fails they stay held.
    pub(super) async fn spill(&mut self, blobs: &dyn BlobStore) -> Result<(), StoreError> {
        let Bulk::Held(held) = &self.bulk else { return Ok(()) };
        let mut hashers = vec![Hasher::new(Algorithm::Sha256)];
        if self.hint.0 == Algorithm::Sha512 {
            hashers.push(Hasher::new(Algorithm::Sha512));
        }
        match staged_with(blobs, &self.staging, hashers, &held.bytes).await {
            Ok(staged) => {
                self.bulk = Bulk::Staged(staged);
                Ok(())
            }
            Err(error) => {
                // The next attempt makes the area anew.
                if let Err(error) = blobs.discard(&self.staging).await {
                    tracing::warn!(%error, staging = %self.staging, "a staging area stays behind");
                }
                Err(error)
            }
        }
    }

    /// A point to go on from, once the bytes have passed one that lies `every`
    /// bytes or more after the last one that was noted.
    pub(super) fn passed(&self, every: u64) -> Option<Checkpoint> {
        let Bulk::Staged(staged) = &self.bulk else { return None };
        let due = self.noted.saturating_add(every);
        if staged.offset() < due {
            return None;
        }
        staged.passed().filter(|point| point.offset >= due)
    }

    /// A row of this version tells to go on from `offset` now.
    pub(super) fn noted(&mut self, offset: u64, version: u64) {
        self.noted = offset;
        self.version = version;
        self.unclaimed = None;
    }

    /// A point to go on from after everything so far, if the bytes are staged.
    pub(super) async fn checkpoint(
        &mut self,
        durable: bool,
    ) -> Result<Option<Checkpoint>, StoreError> {
        let Bulk::Staged(staged) = &mut self.bulk else { return Ok(None) };
        let result = staged.checkpoint(durable).await;
        if result.is_err() {
            self.bulk = Bulk::Broken;
        }
        result.map(Some)
    }

    /// The digests of all bytes, sha512 only if asked for.
    pub(super) async fn digests(&mut self, algorithm: Algorithm) -> Result<Digests, StoreError> {
        let wanted = algorithm == Algorithm::Sha512;
        match &mut self.bulk {
            Bulk::Held(held) => Ok(Digests {
                sha256: Digest::sha256(&held.bytes),
                sha512: wanted.then(|| Digest::of(Algorithm::Sha512, &held.bytes)),
            }),
            Bulk::Staged(staged) => {
                let result = staged_digests(&mut **staged, wanted).await;
                if result.is_err() {
                    self.bulk = Bulk::Broken;
                }
                result
            }
            Bulk::Broken => Err(StoreError::Failed("the upload failed earlier".into())),
        }
    }

    /// Notes what to go on from if publishing fails; call after `digests`.
    pub(super) async fn keepsake(&mut self) -> Result<Keepsake, StoreError> {
        if let Bulk::Held(held) = &self.bulk {
            return Ok(Keepsake::Held(Bytes::copy_from_slice(&held.bytes)));
        }
        let checkpoint = self.checkpoint(false).await?;
        let broken = || StoreError::Failed("the upload failed earlier".into());
        checkpoint.map(Keepsake::Staged).ok_or_else(broken)
    }

    /// The upload as it was when the keepsake was taken; `None` if its staging
    /// area is gone.
    pub(super) async fn revived(
        self,
        blobs: &dyn BlobStore,
        keepsake: Keepsake,
        version: u64,
    ) -> Result<Option<Self>, StoreError> {
        match keepsake {
            Keepsake::Held(bytes) => Ok(Some(self.with_held(&bytes, version))),
            Keepsake::Staged(checkpoint) => {
                let staged = blobs.reopen(&self.staging, checkpoint).await?;
                Ok(staged.map(|staged| self.reopened(staged, version)))
            }
        }
    }

    pub(super) fn hint(&self) -> UploadHint {
        self.hint
    }

    /// Gives the bytes away.
    pub(super) fn finish(mut self) -> Result<Finished, StoreError> {
        match std::mem::replace(&mut self.bulk, Bulk::Broken) {
            Bulk::Held(mut held) => {
                let bytes = held.bytes.split().freeze();
                held.total.0.fetch_sub(bytes.len() as u64, Ordering::Relaxed);
                Ok(Finished::Held(bytes))
            }
            Bulk::Staged(staged) => Ok(Finished::Staged(staged)),
            Bulk::Broken => Err(StoreError::Failed("the upload failed earlier".into())),
        }
    }
}

async fn staged_digests(staged: &mut dyn StagedBlob, sha512: bool) -> Result<Digests, StoreError> {
    let mut digests = staged.finish().await?;
    if sha512 && digests.sha512.is_none() {
        digests.sha512 = Some(staged.sha512().await?);
    }
    Ok(digests)
}

/// A new staging area that begins with `bytes`.
async fn staged_with(
    blobs: &dyn BlobStore,
    id: &StagingId,
    hashers: Vec<Hasher>,
    bytes: &[u8],
) -> Result<Box<dyn StagedBlob>, StoreError> {
    let mut staged = match blobs.stage(id, hashers.clone()).await {
        Ok(staged) => staged,
        // An area that a crash or a failure left before its row was written
        // holds nothing that anybody was told to be kept.
        Err(_) => {
            blobs.discard(id).await?;
            blobs.stage(id, hashers).await?
        }
    };
    if !bytes.is_empty() {
        staged.append(Bytes::copy_from_slice(bytes)).await?;
    }
    Ok(staged)
}
