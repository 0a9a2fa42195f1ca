//! What the cache asks of the store behind it, beyond the contract of a blob store.

use async_trait::async_trait;
use oci::{ByteRange, Digest};
use store::{BlobKey, BlobStore, ByteStream, StoreError};

/// A range of a blob, and what its store knows of the whole.
pub struct Opened {
    /// Bytes of the whole blob.
    pub size: u64,
    /// The sha256 that its bytes must have, if the store knows it: the key tells it, or this process
    /// has published the blob.
    pub sha256: Option<Digest>,
    /// The range.
    pub bytes: ByteStream,
}

/// A store whose blobs may be kept closer.
#[async_trait]
pub trait Origin: BlobStore {
    /// Names the store among all, so that two of them can use one directory after each other.
    fn place(&self) -> String;

    /// As [`BlobStore::read`], with what is known of the blob.
    ///
    /// # Errors
    /// As [`BlobStore::read`].
    async fn open(&self, key: &BlobKey, range: ByteRange) -> Result<Opened, StoreError>;
}
