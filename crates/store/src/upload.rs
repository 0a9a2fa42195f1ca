//! Upload sessions as the database keeps them.
//!
//! A session begins with its first byte, not with the POST; these rows are
//! soft: they need not survive a power cut, because nothing was acknowledged
//! but an offset that the client can ask for again.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use oci::{Digest, RepositoryName};

use crate::{BlobState, StoreError, Timestamp};

/// Names an upload. The domain makes and checks it; here it is text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct UploadId(Arc<str>);

impl UploadId {
    /// An id that has been checked already, or read from a row.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text form, `[A-Za-z0-9-]+`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What has become of an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadState {
    /// Bytes may follow. `offset` bytes are kept in the staging area of the
    /// same id.
    Open {
        /// Bytes kept.
        offset: u64,
        /// Saved hash states after them, from [`oci::Hasher::save`], sha256
        /// first.
        hashers: Vec<Vec<u8>>,
        /// What the blob store needs to find them again: the `place` of a
        /// [`crate::Checkpoint`].
        place: Bytes,
    },
    /// Bytes may follow. These are few and kept right here, so that whichever
    /// process gets the next request has them.
    Held(Bytes),
    /// Closed with this digest (the one the client named); kept for a while so
    /// that the same PUT gets the same 201.
    Finished {
        /// As the client named it.
        digest: Digest,
    },
    /// Cancelled by the client.
    Cancelled,
}

/// One upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadRow {
    /// Its name.
    pub id: UploadId,
    /// Where the blob will go.
    pub repository: RepositoryName,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was last heard of.
    pub updated_at: Timestamp,
    /// How often the row was written. Whoever goes on with an upload writes
    /// over the version that it read; who finds another one there has lost the
    /// upload to somebody else.
    pub version: u64,
    /// What has become of it.
    pub state: UploadState,
}

/// Keeps upload sessions. All writes are soft.
#[async_trait]
pub trait UploadStore: Send + Sync + 'static {
    /// The row of an upload.
    async fn upload(&self, id: &UploadId) -> Result<Option<UploadRow>, StoreError>;

    /// The row of an upload that is to become the blob `sha256`, and, from a
    /// store that tells both in one trip, the state of that blob's row as
    /// [`crate::ContentStore::blob_state`] tells it. `None` if nobody has looked.
    async fn closing_upload(
        &self,
        id: &UploadId,
        _sha256: &Digest,
    ) -> Result<(Option<UploadRow>, Option<Option<BlobState>>), StoreError> {
        Ok((self.upload(id).await?, None))
    }

    /// Writes a row over the version before its own: `row.version - 1`, where
    /// zero stands for no row at all. `false`, and nothing is written, if the
    /// row is of another version, or closed or cancelled already.
    async fn save_upload(&self, row: UploadRow) -> Result<bool, StoreError>;

    /// Up to `limit` open uploads last heard of before `open_before`, and
    /// finished or cancelled ones before `ended_before`; oldest first.
    async fn stale_uploads(
        &self,
        open_before: Timestamp,
        ended_before: Timestamp,
        limit: usize,
    ) -> Result<Vec<UploadRow>, StoreError>;

    /// Forgets uploads whose rows are still of the version that comes with
    /// them, and returns their ids: nobody goes on with these any more, so
    /// their bytes may follow. One that somebody has written since stays.
    async fn remove_uploads(
        &self,
        uploads: Vec<(UploadId, u64)>,
    ) -> Result<Vec<UploadId>, StoreError>;
}
