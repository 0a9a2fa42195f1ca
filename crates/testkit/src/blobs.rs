//! A blob store that fails when told to.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use oci::{ByteRange, Digest, Hasher};
use store::{
    AddressRequest, BlobKey, BlobSlot, BlobStore, ByteStream, Checkpoint, Digests, StagedBlob,
    StagingId, StagingRecord, StoreError, StoredRecord,
};

use crate::Faults;

/// Another blob store, with failures.
pub struct FailingBlobs {
    inner: Arc<dyn BlobStore>,
    faults: Faults,
}

impl FailingBlobs {
    /// `inner`, failing as `faults` says.
    pub fn new(inner: Arc<dyn BlobStore>, faults: Faults) -> Self {
        Self { inner, faults }
    }

    fn staged_with_faults(&self, inner: Box<dyn StagedBlob>) -> Box<dyn StagedBlob> {
        Box::new(FailingStaged { inner, faults: self.faults.clone() })
    }
}

#[async_trait]
impl BlobStore for FailingBlobs {
    async fn stage(
        &self,
        id: &StagingId,
        hashers: Vec<Hasher>,
    ) -> Result<Box<dyn StagedBlob>, StoreError> {
        let staged = self.faults.around("stage", self.inner.stage(id, hashers)).await?;
        Ok(self.staged_with_faults(staged))
    }

    async fn reopen(
        &self,
        id: &StagingId,
        from: Checkpoint,
    ) -> Result<Option<Box<dyn StagedBlob>>, StoreError> {
        let staged = self.faults.around("reopen", self.inner.reopen(id, from)).await?;
        Ok(staged.map(|staged| self.staged_with_faults(staged)))
    }

    async fn discard(&self, id: &StagingId) -> Result<(), StoreError> {
        self.faults.around("discard", self.inner.discard(id)).await
    }

    async fn staged(&self, limit: usize) -> Result<Vec<StagingRecord>, StoreError> {
        self.faults.around("staged", self.inner.staged(limit)).await
    }

    async fn put(&self, slot: &BlobSlot, bytes: Bytes) -> Result<BlobKey, StoreError> {
        self.faults.around("put", self.inner.put(slot, bytes)).await
    }

    async fn read(&self, key: &BlobKey, range: ByteRange) -> Result<ByteStream, StoreError> {
        self.faults.around("read", self.inner.read(key, range)).await
    }

    async fn address(
        &self,
        key: &BlobKey,
        request: AddressRequest,
    ) -> Result<Option<String>, StoreError> {
        self.faults.around("address", self.inner.address(key, request)).await
    }

    async fn stored(
        &self,
        own_places: bool,
        after: Option<&BlobKey>,
        limit: usize,
    ) -> Result<Vec<StoredRecord>, StoreError> {
        self.faults.around("stored", self.inner.stored(own_places, after, limit)).await
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), StoreError> {
        self.faults.around("delete", self.inner.delete(key)).await
    }
}

struct FailingStaged {
    inner: Box<dyn StagedBlob>,
    faults: Faults,
}

#[async_trait]
impl StagedBlob for FailingStaged {
    fn offset(&self) -> u64 {
        self.inner.offset()
    }

    fn passed(&self) -> Option<Checkpoint> {
        self.inner.passed()
    }

    async fn append(&mut self, chunk: Bytes) -> Result<(), StoreError> {
        self.faults.around("append", self.inner.append(chunk)).await
    }

    async fn checkpoint(&mut self, durable: bool) -> Result<Checkpoint, StoreError> {
        self.faults.around("checkpoint", self.inner.checkpoint(durable)).await
    }

    async fn finish(&mut self) -> Result<Digests, StoreError> {
        self.faults.around("finish", self.inner.finish()).await
    }

    async fn sha512(&mut self) -> Result<Digest, StoreError> {
        self.faults.around("sha512", self.inner.sha512()).await
    }

    async fn publish(self: Box<Self>, slot: &BlobSlot) -> Result<BlobKey, StoreError> {
        let Self { inner, faults } = *self;
        faults.around("publish", inner.publish(slot)).await
    }

    async fn bytes(&mut self, limit: usize) -> Result<Bytes, StoreError> {
        self.faults.around("bytes", self.inner.bytes(limit)).await
    }
}
