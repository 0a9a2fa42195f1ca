//! The object adapter of the blob store.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use moka::sync::Cache;
use object_store::PutPayload;
use oci::{ByteRange, Digest, Hasher};
use store::{
    AddressRequest, BlobKey, BlobSlot, BlobStore, ByteStream, Checkpoint, Random, StagedBlob,
    StagingId, StagingRecord, StoreError, StoredRecord,
};

use super::address::{self, RedirectSettings};
use super::bucket::Bucket;
use super::failure::Trouble;
use super::read::Reading;
use super::upload::{Budget, ObjectStage, Remains};
use super::{layout, left};
use crate::cached::{Opened, Origin};

/// Published digests that are remembered, some 200 bytes each.
const PUBLISHED: u64 = 16_384;

/// How blobs are moved.
#[derive(Debug, Clone)]
pub struct ObjectBlobsOptions {
    /// Bytes of all uploads that may wait in memory to be sent. An upload that
    /// has nothing on its way may go over it by one part.
    pub buffers: u64,
    /// Parts of one upload that are on their way at a time, at least 1.
    pub in_flight: usize,
    /// How clients are sent to the store.
    pub redirect: RedirectSettings,
    /// How often an upload in parts shows that it goes on, not zero: well below
    /// the age at which staging areas without an upload are removed.
    pub sign_of_life: Duration,
}

impl Default for ObjectBlobsOptions {
    fn default() -> Self {
        Self {
            buffers: 256 << 20,
            in_flight: 3,
            redirect: RedirectSettings::default(),
            sign_of_life: Duration::from_secs(600),
        }
    }
}

/// Keeps blobs as objects in a bucket.
///
/// Any number of processes may write to one bucket.
pub struct ObjectBlobs {
    shared: Arc<Shared>,
    redirect: RedirectSettings,
}

/// What every operation and every open upload needs.
pub(super) struct Shared {
    pub bucket: Arc<Bucket>,
    pub random: Arc<dyn Random>,
    pub budget: Budget,
    /// Bytes of the first parts.
    pub part: u64,
    pub in_flight: usize,
    pub sign_of_life: Duration,
    pub remains: Remains,
    /// Digests of blobs that this process has published under keys that do not tell them.
    pub published: Cache<String, Digest>,
}

impl fmt::Debug for ObjectBlobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectBlobs").field("bucket", &self.shared.bucket).finish_non_exhaustive()
    }
}

impl ObjectBlobs {
    /// A blob store over a bucket. What [`Bucket::probe`] found out is used:
    /// without it no blob is put to its own place.
    pub fn new(
        bucket: Arc<Bucket>,
        random: Arc<dyn Random>,
        options: ObjectBlobsOptions,
    ) -> Arc<Self> {
        let shared = Shared {
            part: bucket.clients().part,
            bucket,
            random,
            budget: Budget::new(options.buffers),
            in_flight: options.in_flight.max(1),
            sign_of_life: options.sign_of_life.max(Duration::from_millis(1)),
            remains: Remains::default(),
            published: Cache::new(PUBLISHED),
        };
        Arc::new(Self { shared: Arc::new(shared), redirect: options.redirect })
    }
}

impl Shared {
    /// Writes a whole blob, to its own place if nothing can be replaced there.
    pub(super) async fn put(
        &self,
        slot: &BlobSlot,
        content: PutPayload,
    ) -> Result<String, StoreError> {
        // Without a store that refuses, two processes could take the same place,
        // and one of them could remove what the other one has named.
        if slot.own_place && self.bucket.creates() {
            let key = layout::tree(&slot.sha256, None);
            match self.bucket.write(&key, content.clone(), true).await {
                Ok(()) => return Ok(key),
                Err(Trouble::Taken(_)) => {}
                Err(trouble) => return Err(trouble.into()),
            }
        }
        let unique = format!("{}.{}", slot.unique, layout::nonce(&*self.random));
        let key = layout::tree(&slot.sha256, Some(&unique));
        self.bucket.write(&key, content, false).await?;
        Ok(key)
    }
}

impl ObjectBlobs {
    async fn begin(&self, key: &BlobKey, range: ByteRange) -> Result<Reading, StoreError> {
        let end = range.end_inclusive.saturating_add(1);
        let mut reading = Reading::new(&self.shared, layout::object(key)?, range.start..end);
        reading.begin().await?;
        Ok(reading)
    }
}

#[async_trait]
impl Origin for ObjectBlobs {
    fn place(&self) -> String {
        let bucket = &self.shared.bucket;
        format!("{}/{}", bucket.name(), bucket.clients().root)
    }

    async fn open(&self, key: &BlobKey, range: ByteRange) -> Result<Opened, StoreError> {
        let reading = self.begin(key, range).await?;
        let told = layout::named(key.as_str()).and_then(|named| named.sha256);
        let sha256 = told.or_else(|| self.shared.published.get(key.as_str()));
        // Zero is the size of nothing that has a range.
        Ok(Opened { size: reading.size().unwrap_or(0), sha256, bytes: reading.into_stream() })
    }
}

#[async_trait]
impl BlobStore for ObjectBlobs {
    async fn stage(
        &self,
        id: &StagingId,
        hashers: Vec<Hasher>,
    ) -> Result<Box<dyn StagedBlob>, StoreError> {
        // What a crash left under this id has names of its own.
        Ok(Box::new(ObjectStage::new(Arc::clone(&self.shared), id.clone(), hashers)))
    }

    async fn reopen(
        &self,
        id: &StagingId,
        from: Checkpoint,
    ) -> Result<Option<Box<dyn StagedBlob>>, StoreError> {
        let stage = ObjectStage::reopen(Arc::clone(&self.shared), id.clone(), from).await?;
        Ok(stage.map(|stage| Box::new(stage) as Box<dyn StagedBlob>))
    }

    async fn discard(&self, id: &StagingId) -> Result<(), StoreError> {
        let bucket = &self.shared.bucket;
        match self.shared.remains.take(id) {
            Some(keys) => left::remove(bucket, &keys).await,
            None => left::discard(bucket, id).await,
        }
    }

    async fn staged(&self, limit: usize) -> Result<Vec<StagingRecord>, StoreError> {
        left::staged(&self.shared.bucket, limit).await
    }

    async fn put(&self, slot: &BlobSlot, bytes: Bytes) -> Result<BlobKey, StoreError> {
        self.shared.put(slot, bytes.into()).await.map(BlobKey::new)
    }

    async fn read(&self, key: &BlobKey, range: ByteRange) -> Result<ByteStream, StoreError> {
        Ok(self.begin(key, range).await?.into_stream())
    }

    async fn address(
        &self,
        key: &BlobKey,
        request: AddressRequest,
    ) -> Result<Option<String>, StoreError> {
        address::of(&self.shared.bucket, &self.redirect, layout::object(key)?, request).await
    }

    async fn stored(
        &self,
        own_places: bool,
        after: Option<&BlobKey>,
        limit: usize,
    ) -> Result<Vec<StoredRecord>, StoreError> {
        left::stored(&self.shared.bucket, own_places, after, limit).await
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), StoreError> {
        self.shared.bucket.erase(layout::object(key)?).await
    }
}
