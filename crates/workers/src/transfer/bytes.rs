//! Copying the bytes of one blob: read, hashed, placed; or found damaged.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use oci::{Algorithm, ByteRange, Digest, Hasher};
use store::{BlobKey, BlobPlace, BlobRecord, BlobSlot, ByteStream, StagingId, StoreError};

use super::error::TransferError;
use super::pass::Porter;
use crate::{Problem, WorkError};

/// Blobs up to so many bytes are held and written at once.
const HELD: u64 = 256 << 10;

/// How a copy ended.
#[derive(Debug)]
pub(super) enum Copied {
    /// The bytes are right.
    Placed {
        /// Where they are; `None` if the target had them already.
        place: Option<BlobPlace>,
        /// Their sha512, if it was asked for.
        sha512: Option<Digest>,
    },
    /// They are not what they should be.
    Damaged(Problem),
    /// They could not be read now.
    Unreadable(String),
}

/// A failure to read is an outcome; every other failure ends the transfer.
enum Stop {
    Outcome(Copied),
    Error(TransferError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Error(error.into())
    }
}

impl Porter<'_> {
    /// Brings the bytes of a blob to where the target keeps them. `own_place` says that the target
    /// knows nothing of the digest; with `sha512` that is computed as well.
    pub(super) async fn copy(
        &self,
        blob: &BlobRecord,
        own_place: bool,
        sha512: bool,
    ) -> Result<Copied, TransferError> {
        let outcome = match &blob.place {
            BlobPlace::Inline(bytes) => Ok(self.inline(blob, bytes, sha512)),
            BlobPlace::Stored(key) => self.stored(blob, key, own_place, sha512).await,
        };
        match outcome {
            Ok(copied) | Err(Stop::Outcome(copied)) => Ok(copied),
            Err(Stop::Error(error)) => Err(error),
        }
    }

    fn inline(&self, blob: &BlobRecord, bytes: &Bytes, sha512: bool) -> Copied {
        let found = Digest::sha256(bytes);
        if found != blob.sha256 {
            return Copied::Damaged(Problem::HashMismatch(found));
        }
        self.tally.copied(blob.size);
        let place = Some(BlobPlace::Inline(bytes.clone()));
        Copied::Placed { place, sha512: sha512.then(|| Digest::of(Algorithm::Sha512, bytes)) }
    }

    async fn stored(
        &self,
        blob: &BlobRecord,
        key: &BlobKey,
        own_place: bool,
        sha512: bool,
    ) -> Result<Copied, Stop> {
        let unique = self.staging_id()?;
        let slot = BlobSlot { sha256: blob.sha256, unique, own_place };
        let stream = self.open(blob, key).await?;
        match blob.size <= HELD {
            true => self.held(&slot, stream, sha512).await,
            false => self.staged(&slot, stream, sha512).await,
        }
    }

    async fn held(
        &self,
        slot: &BlobSlot,
        mut stream: Option<ByteStream>,
        sha512: bool,
    ) -> Result<Copied, Stop> {
        let mut held = BytesMut::new();
        while let Some(chunk) = self.chunk(&mut stream).await? {
            held.extend_from_slice(&chunk);
        }
        let held = held.freeze();
        let found = Digest::sha256(&held);
        if found != slot.sha256 {
            return Ok(Copied::Damaged(Problem::HashMismatch(found)));
        }
        let sha512 = sha512.then(|| Digest::of(Algorithm::Sha512, &held));
        let key = self.transfer.to.blobs.put(slot, held).await?;
        Ok(Copied::Placed { place: Some(BlobPlace::Stored(key)), sha512 })
    }

    async fn staged(
        &self,
        slot: &BlobSlot,
        mut stream: Option<ByteStream>,
        sha512: bool,
    ) -> Result<Copied, Stop> {
        let algorithms = [Some(Algorithm::Sha256), sha512.then_some(Algorithm::Sha512)];
        let hashers = algorithms.into_iter().flatten().map(Hasher::new).collect();
        let target = &self.transfer.to.blobs;
        let mut staged = target.stage(&slot.unique, hashers).await?;
        let ended = loop {
            match self.chunk(&mut stream).await {
                Ok(Some(chunk)) => staged.append(chunk).await?,
                Ok(None) => break Ok(()),
                Err(stop) => break Err(stop),
            }
        };
        let digests = match ended {
            Ok(()) => staged.finish().await?,
            Err(stop) => {
                drop(staged);
                target.discard(&slot.unique).await?;
                return Err(stop);
            }
        };
        if digests.sha256 != slot.sha256 {
            drop(staged);
            target.discard(&slot.unique).await?;
            return Ok(Copied::Damaged(Problem::HashMismatch(digests.sha256)));
        }
        let key = staged.publish(slot).await?;
        Ok(Copied::Placed { place: Some(BlobPlace::Stored(key)), sha512: digests.sha512 })
    }

    /// Finds out the sha512 of a blob whose bytes the target has already.
    pub(super) async fn sha512(&self, blob: &BlobRecord) -> Result<Copied, TransferError> {
        let hashed = match &blob.place {
            BlobPlace::Inline(bytes) => Ok(Digest::of(Algorithm::Sha512, bytes)),
            BlobPlace::Stored(key) => self.hash(blob, key).await,
        };
        match hashed {
            Ok(digest) => Ok(Copied::Placed { place: None, sha512: Some(digest) }),
            // The blob itself is whole in the target.
            Err(Stop::Outcome(Copied::Damaged(_))) => {
                Ok(Copied::Placed { place: None, sha512: None })
            }
            Err(Stop::Outcome(unread)) => Ok(unread),
            Err(Stop::Error(error)) => Err(error),
        }
    }

    async fn hash(&self, blob: &BlobRecord, key: &BlobKey) -> Result<Digest, Stop> {
        let mut stream = self.open(blob, key).await?;
        let mut hasher = Hasher::new(Algorithm::Sha512);
        while let Some(chunk) = self.chunk(&mut stream).await? {
            hasher.update(&chunk);
        }
        Ok(hasher.finish())
    }

    /// `None` for an empty blob, of which there is no range to read.
    async fn open(&self, blob: &BlobRecord, key: &BlobKey) -> Result<Option<ByteStream>, Stop> {
        let Some(end_inclusive) = blob.size.checked_sub(1) else { return Ok(None) };
        let whole = ByteRange { start: 0, end_inclusive };
        let opened = self.transfer.from.blobs.read(key, whole).await;
        opened.map(Some).map_err(|error| unread(blob.sha256, error))
    }

    async fn chunk(&self, stream: &mut Option<ByteStream>) -> Result<Option<Bytes>, Stop> {
        if self.shutdown.requested() {
            return Err(Stop::Error(WorkError::Interrupted.into()));
        }
        let Some(stream) = stream else { return Ok(None) };
        match stream.next().await {
            Some(Ok(chunk)) => {
                self.tally.copied(chunk.len() as u64);
                Ok(Some(chunk))
            }
            Some(Err(error)) => Err(Stop::Outcome(Copied::Unreadable(error.to_string()))),
            None => Ok(None),
        }
    }

    fn staging_id(&self) -> Result<StagingId, StoreError> {
        let mut chance = [0; 16];
        self.transfer.random.fill(&mut chance);
        let hex: String = chance.iter().map(|byte| format!("{byte:02x}")).collect();
        let id = StagingId::parse(&format!("move-{hex}"));
        id.ok_or_else(|| StoreError::Failed("no staging area has that name".to_owned()))
    }
}

/// What a failure to read says of the blob. Only the store's word that it does not hold what the
/// metadata says is damage.
fn unread(sha256: Digest, error: StoreError) -> Stop {
    Stop::Outcome(match error {
        StoreError::Damaged(_) => Copied::Damaged(Problem::NoBytes(sha256)),
        other => Copied::Unreadable(other.to_string()),
    })
}
