//! Upload sessions as the database keeps them.
//!
//! A session begins with its first byte, not with the POST; these rows are
//! soft: they need not survive a power cut, because nothing was acknowledged
//! but an offset that the client can ask for again.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use oci::{Digest, RepositoryName};

use crate::{StoreError, Timestamp};

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
    /// same id; `hashers` are saved hash states after them, sha256 first.
    Open {
        /// Bytes kept.
        offset: u64,
        /// From [`oci::Hasher::save`].
        hashers: Vec<Vec<u8>>,
    },
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
    /// What has become of it.
    pub state: UploadState,
}

/// Keeps upload sessions. All writes are soft.
#[async_trait]
pub trait UploadStore: Send + Sync + 'static {
    /// The row of an upload.
    async fn upload(&self, id: &UploadId) -> Result<Option<UploadRow>, StoreError>;

    /// Writes rows, replacing those with the same id.
    async fn save_uploads(&self, rows: Vec<UploadRow>) -> Result<(), StoreError>;

    /// Up to `limit` open uploads last heard of before `open_before`, and
    /// finished or cancelled ones before `ended_before`; oldest first.
    async fn stale_uploads(
        &self,
        open_before: Timestamp,
        ended_before: Timestamp,
        limit: usize,
    ) -> Result<Vec<UploadRow>, StoreError>;

    /// Forgets uploads.
    async fn remove_uploads(&self, ids: Vec<UploadId>) -> Result<(), StoreError>;
}
