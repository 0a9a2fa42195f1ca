//! What stands behind an upload id when a request comes for it.
//!
//! Its row says it, unless this process holds the upload alone. A look at the
//! row is a trip to the database, so one that can tell more does.

use std::time::Duration;

use oci::{Algorithm, Digest, Hasher, RepositoryName};
use store::{BlobState, Checkpoint, StoreError, UploadId, UploadRow, UploadState};

use super::UploadHint;
use super::id::IdClaims;
use super::live::Live;
use super::session::Sessions;
use crate::Error;

/// How long another process may take to close an upload.
const SETTLING: Duration = Duration::from_secs(30);

/// Pauses between the looks at an upload that another process has at this
/// moment: so long it may take from its first byte in the blob store to its row.
const PAUSES: [Duration; 6] = [
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
];

/// What was found.
pub(super) enum Loaded {
    Live(Box<Live>),
    Finished(Digest),
    /// Its bytes are not where its row says: another process is giving them
    /// their final place, or ended while it did.
    Elsewhere,
    Unknown,
}

/// The state of a blob's row, if somebody has looked.
pub(super) type SeenBlob = Option<Option<BlobState>>;

impl Sessions {
    /// Finds the upload, and for one that is to be closed perhaps what became
    /// of the same bytes before.
    pub(super) async fn find(
        &self,
        id: &UploadId,
        repository: &RepositoryName,
        claims: IdClaims,
        closed: Option<Digest>,
    ) -> Result<(Loaded, SeenBlob), StoreError> {
        match closed {
            Some(digest) if digest.algorithm() == Algorithm::Sha256 => {
                let (row, blob) = self.uploads.closing_upload(id, &digest).await?;
                Ok((self.behind(row, id, repository, claims).await?, blob))
            }
            _ => Ok((self.load(id, repository, claims).await?, None)),
        }
    }

    pub(super) async fn load(
        &self,
        id: &UploadId,
        repository: &RepositoryName,
        claims: IdClaims,
    ) -> Result<Loaded, StoreError> {
        let row = self.uploads.upload(id).await?;
        self.behind(row, id, repository, claims).await
    }

    async fn behind(
        &self,
        row: Option<UploadRow>,
        id: &UploadId,
        repository: &RepositoryName,
        claims: IdClaims,
    ) -> Result<Loaded, StoreError> {
        match row {
            Some(row) if row.repository != *repository => Ok(Loaded::Unknown),
            Some(UploadRow { state: UploadState::Finished { digest }, .. }) => {
                Ok(Loaded::Finished(digest))
            }
            Some(UploadRow { state: UploadState::Cancelled, .. }) => Ok(Loaded::Unknown),
            Some(row) => self.reopen(row, claims.hint).await,
            None if claims.may_begin => Ok(Loaded::Live(Box::new(self.live(id, claims.hint)?))),
            None => Ok(Loaded::Unknown),
        }
    }

    /// Goes on from what the row says. Hash states of another version or a
    /// staging area that is gone end the upload: the client begins again.
    async fn reopen(&self, row: UploadRow, hint: UploadHint) -> Result<Loaded, StoreError> {
        let live = self.live(&row.id, hint)?;
        let live = match &row.state {
            UploadState::Held(bytes) => Some(live.with_held(bytes, row.version)),
            UploadState::Open { offset, hashers, place } => {
                let restored: Option<Vec<Hasher>> =
                    hashers.iter().map(|state| Hasher::restore(state)).collect();
                let Some(hashers) = restored.filter(|all| !all.is_empty()) else {
                    return Ok(Loaded::Unknown);
                };
                let from = Checkpoint { offset: *offset, hashers, place: place.clone() };
                let staged = self.blobs.reopen(live.staging(), from).await?;
                staged.map(|staged| live.reopened(staged, row.version))
            }
            UploadState::Finished { .. } | UploadState::Cancelled => None,
        };
        let fresh = row.updated_at.after(SETTLING) > self.clock.now();
        Ok(match live {
            None if self.shared && fresh => Loaded::Elsewhere,
            // One that rested for long may be ended at this moment.
            Some(live) if self.shared || !fresh => Loaded::Live(Box::new(live.shared(row.state))),
            Some(live) => Loaded::Live(Box::new(live)),
            None => Loaded::Unknown,
        })
    }

    /// Waits a moment for the process that has taken over an upload. If it
    /// closes it with this digest, the same request reached both.
    ///
    /// # Errors
    /// [`Error::UploadBusy`] if it has not come to that.
    pub(super) async fn closed_elsewhere(
        &self,
        id: &UploadId,
        digest: Digest,
    ) -> Result<(), Error> {
        let mut pauses = PAUSES.into_iter();
        loop {
            match self.uploads.upload(id).await?.map(|row| row.state) {
                Some(UploadState::Finished { digest: named }) if named == digest => return Ok(()),
                Some(UploadState::Open { .. } | UploadState::Held(_)) => {}
                _ => return Err(Error::UploadBusy),
            }
            let Some(pause) = pauses.next() else { return Err(Error::UploadBusy) };
            tokio::time::sleep(pause).await;
        }
    }
}
