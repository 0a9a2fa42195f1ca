//! The end of an upload: bytes to their place, then the row.

use oci::{Digest, RepositoryName};
use store::{
    BlobKey, BlobPlace, BlobSlot, BlobState, Digests, PublishBlob, Refusal, StagingId, StoreError,
    UploadId, WriteError,
};

use super::live::{Finished, Live};
use crate::{Error, Registry, rules};

/// How often bytes may turn out to be needed after all before it is a bug.
const ATTEMPTS: usize = 3;

impl Registry {
    /// Makes verified bytes a member blob. Where the store has them already
    /// the new ones are dropped; the transaction decides, not the look-up.
    pub(super) async fn publish(
        &self,
        repository: &RepositoryName,
        digests: Digests,
        size: u64,
        live: Live,
        session: Option<UploadId>,
    ) -> Result<(), Error> {
        let staging = live.staging().clone();
        let was_staged = live.is_staged();
        let mut bytes = Some(live.finish()?);
        let mut moved = false;
        let mut state = self.content.blob_state(&digests.sha256).await?;
        for _ in 0..ATTEMPTS {
            let spare = matches!(state, Some(BlobState::Live | BlobState::Condemned));
            let place = match bytes.take_if(|_| !spare) {
                Some(finished) => {
                    Some(self.place(finished, &digests, size, &staging, state).await?)
                }
                None => None,
            };
            moved |= matches!(place, Some(BlobPlace::Stored(_)));
            let placed = match &place {
                Some(BlobPlace::Stored(key)) => Some(key.clone()),
                _ => None,
            };
            let command = PublishBlob {
                repository: repository.clone(),
                sha256: digests.sha256,
                sha512: digests.sha512,
                size,
                place,
                session: session.clone(),
                at: self.clock.now(),
            };
            match self.content.publish_blob(command, Box::new(rules::publish)).await {
                Ok(published) => {
                    if let Some(loser) = published.unlink {
                        self.blobs.delete(&loser).await?;
                    }
                    drop(bytes);
                    if was_staged && !moved {
                        self.blobs.discard(&staging).await?;
                    }
                    return Ok(());
                }
                Err(WriteError::Refused(Refusal::BytesNeeded)) => {
                    state = self.content.blob_state(&digests.sha256).await?;
                }
                Err(error) => {
                    self.take_back(repository, &digests.sha256, placed, &error).await;
                    return Err(Error::unexpected(error));
                }
            }
        }
        Err(StoreError::Busy(format!("{} is being removed, try again", digests.sha256)).into())
    }

    /// Removes bytes that got no name, where it is certain that they got none:
    /// after an I/O error the transaction may still come back, and otherwise
    /// the row is asked.
    async fn take_back(
        &self,
        repository: &RepositoryName,
        sha256: &Digest,
        placed: Option<BlobKey>,
        error: &WriteError,
    ) {
        let ended = matches!(
            error,
            WriteError::Refused(_) | WriteError::Store(StoreError::Full(_) | StoreError::Busy(_))
        );
        let Some(key) = placed.filter(|_| ended) else { return };
        let unnamed = match self.content.blob(repository, sha256).await {
            Ok(Some(record)) => record.place != BlobPlace::Stored(key.clone()),
            Ok(None) => true,
            Err(_) => false,
        };
        if unnamed && let Err(error) = self.blobs.delete(&key).await {
            tracing::warn!(%error, "bytes without a name stay behind");
        }
    }

    /// Puts bytes where they are to stay: small ones into the metadata, others
    /// into the blob store, durable before any name points to them.
    async fn place(
        &self,
        finished: Finished,
        digests: &Digests,
        size: u64,
        unique: &StagingId,
        state: Option<BlobState>,
    ) -> Result<BlobPlace, StoreError> {
        let inline = size <= self.settings.inline_max_bytes as u64;
        let slot =
            BlobSlot { sha256: digests.sha256, unique: unique.clone(), own_place: state.is_none() };
        match finished {
            Finished::Held(bytes) if inline => Ok(BlobPlace::Inline(bytes)),
            // It was staged because it paused, or because many others were held.
            Finished::Staged(mut staged) if inline => {
                staged.bytes(self.settings.inline_max_bytes).await.map(BlobPlace::Inline)
            }
            Finished::Held(bytes) => self.blobs.put(&slot, bytes).await.map(BlobPlace::Stored),
            Finished::Staged(staged) => staged.publish(&slot).await.map(BlobPlace::Stored),
        }
    }
}
