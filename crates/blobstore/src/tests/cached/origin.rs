//! A bucket whose reads are counted, held up, cut and falsified.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use oci::{ByteRange, Hasher};
use parking_lot::Mutex;
use store::{
    AddressRequest, BlobKey, BlobSlot, BlobStore, ByteStream, Checkpoint, OsRandom, StagedBlob,
    StagingId, StagingRecord, StoreError, StoredRecord,
};
use tokio::sync::Semaphore;

use crate::{Bucket, Memory, ObjectBlobs, ObjectBlobsOptions, Opened, Origin};

/// What happens to one read.
#[derive(Clone)]
pub(super) enum Trick {
    Honest,
    /// After so many pieces of 64 KiB it waits for the semaphore.
    Held(usize, Arc<Semaphore>),
    /// After so many pieces it fails.
    Cut(usize),
    /// The last byte is another one.
    Flipped,
}

pub(super) struct Watched {
    inner: Arc<ObjectBlobs>,
    pub opened: AtomicUsize,
    /// For the next reads; later ones are honest.
    pub tricks: Mutex<VecDeque<Trick>>,
}

impl Watched {
    pub(super) async fn new() -> Arc<Self> {
        Self::over(&Memory::good()).await
    }

    /// Another process on the same bucket.
    pub(super) async fn over(memory: &Memory) -> Arc<Self> {
        let bucket = Bucket::in_memory(memory, 1 << 20);
        bucket.probe(&OsRandom).await.unwrap();
        let inner = ObjectBlobs::new(bucket, Arc::new(OsRandom), ObjectBlobsOptions::default());
        Arc::new(Self { inner, opened: AtomicUsize::new(0), tricks: Mutex::default() })
    }

    pub(super) fn opened(&self) -> usize {
        self.opened.load(Ordering::Relaxed)
    }
}

fn play(trick: Trick, bytes: ByteStream) -> ByteStream {
    let pieces = bytes.flat_map(|piece| {
        let piece = piece.unwrap();
        let pieces: Vec<_> = piece.chunks(64 << 10).map(Bytes::copy_from_slice).collect();
        stream::iter(pieces)
    });
    Box::pin(pieces.enumerate().then(move |(number, piece)| {
        let trick = trick.clone();
        async move {
            match trick {
                Trick::Held(after, until) if number >= after => {
                    drop(until.acquire().await.unwrap());
                }
                Trick::Cut(after) if number >= after => {
                    return Err(StoreError::Busy("cut".to_owned()));
                }
                Trick::Flipped if piece.len() < 64 << 10 => {
                    let mut piece = piece.to_vec();
                    *piece.last_mut().unwrap() ^= 1;
                    return Ok(piece.into());
                }
                _ => {}
            }
            Ok(piece)
        }
    }))
}

#[async_trait]
impl Origin for Watched {
    fn place(&self) -> String {
        self.inner.place()
    }

    async fn open(&self, key: &BlobKey, range: ByteRange) -> Result<Opened, StoreError> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        let trick = self.tricks.lock().pop_front();
        let opened = self.inner.open(key, range).await?;
        let bytes = play(trick.unwrap_or(Trick::Honest), opened.bytes);
        Ok(Opened { bytes, ..opened })
    }
}

#[async_trait]
impl BlobStore for Watched {
    async fn stage(
        &self,
        id: &StagingId,
        hashers: Vec<Hasher>,
    ) -> Result<Box<dyn StagedBlob>, StoreError> {
        self.inner.stage(id, hashers).await
    }
    async fn reopen(
        &self,
        id: &StagingId,
        from: Checkpoint,
    ) -> Result<Option<Box<dyn StagedBlob>>, StoreError> {
        self.inner.reopen(id, from).await
    }
    async fn discard(&self, id: &StagingId) -> Result<(), StoreError> {
        self.inner.discard(id).await
    }
    async fn staged(&self, limit: usize) -> Result<Vec<StagingRecord>, StoreError> {
        self.inner.staged(limit).await
    }
    async fn put(&self, slot: &BlobSlot, bytes: Bytes) -> Result<BlobKey, StoreError> {
        self.inner.put(slot, bytes).await
    }
    async fn read(&self, key: &BlobKey, range: ByteRange) -> Result<ByteStream, StoreError> {
        Ok(self.open(key, range).await?.bytes)
    }
    async fn address(
        &self,
        key: &BlobKey,
        request: AddressRequest,
    ) -> Result<Option<String>, StoreError> {
        self.inner.address(key, request).await
    }
    async fn stored(
        &self,
        own_places: bool,
        after: Option<&BlobKey>,
        limit: usize,
    ) -> Result<Vec<StoredRecord>, StoreError> {
        self.inner.stored(own_places, after, limit).await
    }
    async fn delete(&self, key: &BlobKey) -> Result<(), StoreError> {
        self.inner.delete(key).await
    }
}
