//! Named objects as a bucket has them, for reading and writing the tree of
//! another registry there. Blobs do not come this way.

use async_trait::async_trait;
use bytes::Bytes;

use crate::{StoreError, Timestamp};

/// An object that was listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectRecord {
    /// Its whole name below the root directory of the store, without a leading
    /// slash.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// When it was written.
    pub modified: Timestamp,
}

/// Objects below the root directory of a bucket.
#[async_trait]
pub trait Objects: Send + Sync + 'static {
    /// Up to `limit` objects whose names begin with `prefix`, in byte order,
    /// after the name `after` if given. Fewer than `limit` are the last ones.
    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ObjectRecord>, StoreError>;

    /// The names of the folders right below `prefix` (which ends in `/` or is
    /// empty), in byte order, each without the prefix and without a slash.
    async fn folders(&self, prefix: &str) -> Result<Vec<String>, StoreError>;

    /// What is known of an object; `None` only if it certainly does not exist.
    async fn look(&self, key: &str) -> Result<Option<ObjectRecord>, StoreError>;

    /// The content of an object of at most `limit` bytes; more is
    /// [`StoreError::Damaged`]. `None` only if it certainly does not exist.
    async fn get(&self, key: &str, limit: u64) -> Result<Option<Bytes>, StoreError>;

    /// Writes an object, whole or not at all.
    async fn put(&self, key: &str, bytes: Bytes) -> Result<(), StoreError>;

    /// Copies an object inside of the bucket, whatever its size; the bytes do
    /// not come by here. `false` if there is none.
    async fn copy(&self, from: &str, to: &str) -> Result<bool, StoreError>;

    /// Removes an object; one that is gone already is a success.
    async fn remove(&self, key: &str) -> Result<(), StoreError>;
}
