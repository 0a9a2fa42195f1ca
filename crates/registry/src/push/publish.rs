//! The end of an upload: bytes to their place, then the row.

use oci::{Digest, RepositoryName};
use store::{
    BlobKey, BlobPlace, BlobSlot, BlobState, ClosingUpload, Digests, PublishBlob, Refusal,
    StagingId, StoreError, UploadState, WriteError,
};

use super::live::{Finished, Live};
use super::look::SeenBlob;
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
        session: Option<(ClosingUpload, SeenBlob)>,
    ) -> Result<(), Error> {
        let (session, seen) = session.map_or((None, None), |(session, seen)| (Some(session), seen));
        let staging = live.is_staged().then(|| live.staging().clone());
        let unique = live.staging().clone();
        let mut bytes = Some(live.finish()?);
        let mut state = match seen {
            Some(state) => state,
            None => self.content.blob_state(&digests.sha256).await?,
        };
        for _ in 0..ATTEMPTS {
            let spare = matches!(state, Some(BlobState::Live | BlobState::Condemned));
            let place = match bytes.take_if(|_| !spare) {
                Some(finished) => Some(self.place(finished, &digests, size, &unique, state).await?),
                None => None,
            };
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
                    drop(bytes);
                    self.tidy(published.unlink, staging).await;
                    return Ok(());
                }
                Err(WriteError::Refused(Refusal::BytesNeeded)) => {
                    state = self.content.blob_state(&digests.sha256).await?;
                }
                // Whoever has the upload now may be about to name the same bytes.
                Err(WriteError::Refused(Refusal::UploadLost)) => {
                    return self.closed_by_another(session, &digests).await;
                }
                Err(error) => {
                    self.take_back(repository, &digests.sha256, placed, &error).await;
                    return Err(Error::unexpected(error));
                }
            }
        }
        Err(StoreError::Busy(format!("{} is being removed, try again", digests.sha256)).into())
    }

    /// Removes what a finished publish left over. The push has succeeded, so
    /// what cannot be removed now is left to the duties.
    async fn tidy(&self, loser: Option<BlobKey>, staging: Option<StagingId>) {
        if let Some(key) = loser
            && let Err(error) = self.blobs.delete(&key).await
        {
            tracing::warn!(%error, key = key.as_str(), "bytes that nobody needs stay behind");
        }
        if let Some(staging) = staging
            && let Err(error) = self.blobs.discard(&staging).await
        {
            tracing::warn!(%error, %staging, "a staging area stays behind");
        }
    }

    /// The end of an upload that another request went on with or closed: the
    /// same success if it was closed with the same digest.
    async fn closed_by_another(
        &self,
        session: Option<ClosingUpload>,
        digests: &Digests,
    ) -> Result<(), Error> {
        let named = digests.sha512.unwrap_or(digests.sha256);
        let Some(session) = session else { return Err(Error::UploadBusy) };
        match self.sessions.uploads.upload(&session.id).await?.map(|row| row.state) {
            Some(UploadState::Finished { digest }) if digest == named => Ok(()),
            _ => Err(Error::UploadBusy),
        }
    }

    /// Removes bytes that got no name, where it is certain that they got none
    /// and never will: after an I/O error the transaction may still come back,
    /// and another process may be about to give the same bytes a name. What
    /// stays is swept later.
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
        let alone = !self.settings.shared;
        let Some(key) = placed.filter(|_| ended && alone) else { return };
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
        // A place is used again once its tombstone is gone. Where a process of long ago may still
        // be about to remove what lay there, every key must be new.
        let own_place = state.is_none() && !self.settings.shared;
        let slot = BlobSlot { sha256: digests.sha256, unique: unique.clone(), own_place };
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
