//! Measures how long the actions of any blob store take, for the metrics.
//!
//! The names of actions are those that the original's storage drivers use, so that its dashboards
//! go on working: what opens a blob for reading is `Reader`, and so on. What passes bytes along
//! (appending, the stream of a reader) is no action there, and none here: its time is the
//! client's as well. `Sync` is our own: making the bytes of an upload safe.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use oci::{ByteRange, Digest, Hasher};
use store::{
    AddressRequest, BlobKey, BlobSlot, BlobStore, ByteStream, Checkpoint, Clock, Digests,
    StagedBlob, StagingId, StagingRecord, StoreError, StoredRecord,
};

/// Is told each action and how long it took, also of one that failed. Must return quickly.
pub type Listener = dyn Fn(&'static str, Duration) + Send + Sync;

/// A blob store that tells how long its actions take.
pub struct Measured {
    inner: Arc<dyn BlobStore>,
    watch: Watch,
}

impl Measured {
    /// Measures `inner` with `clock`.
    #[must_use]
    pub fn new(inner: Arc<dyn BlobStore>, clock: Arc<dyn Clock>, heard: Arc<Listener>) -> Self {
        Self { inner, watch: Watch { clock, heard } }
    }
}

impl fmt::Debug for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Measured")
    }
}

/// Stops the time.
#[derive(Clone)]
struct Watch {
    clock: Arc<dyn Clock>,
    heard: Arc<Listener>,
}

impl Watch {
    async fn time<T>(&self, action: &'static str, work: impl Future<Output = T>) -> T {
        let began = self.clock.elapsed();
        let done = work.await;
        (self.heard)(action, self.clock.elapsed().saturating_sub(began));
        done
    }

    fn staged(&self, inner: Box<dyn StagedBlob>) -> Box<dyn StagedBlob> {
        Box::new(MeasuredStaged { inner, watch: self.clone() })
    }
}

#[async_trait]
impl BlobStore for Measured {
    async fn stage(
        &self,
        id: &StagingId,
        hashers: Vec<Hasher>,
    ) -> Result<Box<dyn StagedBlob>, StoreError> {
        let staged = self.watch.time("Writer", self.inner.stage(id, hashers)).await?;
        Ok(self.watch.staged(staged))
    }

    async fn reopen(
        &self,
        id: &StagingId,
        from: Checkpoint,
    ) -> Result<Option<Box<dyn StagedBlob>>, StoreError> {
        let staged = self.watch.time("Writer", self.inner.reopen(id, from)).await?;
        Ok(staged.map(|staged| self.watch.staged(staged)))
    }

    async fn discard(&self, id: &StagingId) -> Result<(), StoreError> {
        self.watch.time("Delete", self.inner.discard(id)).await
    }

    async fn staged(&self, limit: usize) -> Result<Vec<StagingRecord>, StoreError> {
        self.watch.time("List", self.inner.staged(limit)).await
    }

    async fn put(&self, slot: &BlobSlot, bytes: Bytes) -> Result<BlobKey, StoreError> {
        self.watch.time("PutContent", self.inner.put(slot, bytes)).await
    }

    async fn read(&self, key: &BlobKey, range: ByteRange) -> Result<ByteStream, StoreError> {
        self.watch.time("Reader", self.inner.read(key, range)).await
    }

    async fn address(
        &self,
        key: &BlobKey,
        request: AddressRequest,
    ) -> Result<Option<String>, StoreError> {
        self.watch.time("RedirectURL", self.inner.address(key, request)).await
    }

    async fn stored(
        &self,
        own_places: bool,
        after: Option<&BlobKey>,
        limit: usize,
    ) -> Result<Vec<StoredRecord>, StoreError> {
        self.watch.time("List", self.inner.stored(own_places, after, limit)).await
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), StoreError> {
        self.watch.time("Delete", self.inner.delete(key)).await
    }
}

/// Bytes on their way in, whose last steps are measured.
struct MeasuredStaged {
    inner: Box<dyn StagedBlob>,
    watch: Watch,
}

#[async_trait]
impl StagedBlob for MeasuredStaged {
    fn offset(&self) -> u64 {
        self.inner.offset()
    }

    // By hand: every chunk comes through here, and needs no second boxed future.
    fn append<'a, 'b>(
        &'a mut self,
        chunk: Bytes,
    ) -> Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        self.inner.append(chunk)
    }

    fn passed(&self) -> Option<Checkpoint> {
        self.inner.passed()
    }

    async fn checkpoint(&mut self, durable: bool) -> Result<Checkpoint, StoreError> {
        self.watch.time("Sync", self.inner.checkpoint(durable)).await
    }

    async fn finish(&mut self) -> Result<Digests, StoreError> {
        self.inner.finish().await
    }

    async fn sha512(&mut self) -> Result<Digest, StoreError> {
        self.inner.sha512().await
    }

    async fn publish(self: Box<Self>, slot: &BlobSlot) -> Result<BlobKey, StoreError> {
        self.watch.time("Move", self.inner.publish(slot)).await
    }

    async fn bytes(&mut self, limit: usize) -> Result<Bytes, StoreError> {
        self.inner.bytes(limit).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use oci::Algorithm;
    use parking_lot::Mutex;
    use store::Timestamp;

    use super::*;
    use crate::{Files, FilesOptions};

    /// A second passes between any two looks.
    #[derive(Default)]
    struct Ticking(AtomicU64);

    impl Clock for Ticking {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(0)
        }
        fn elapsed(&self) -> Duration {
            Duration::from_secs(self.0.fetch_add(1, Ordering::Relaxed))
        }
    }

    type Heard = Arc<Mutex<Vec<(&'static str, Duration)>>>;

    fn measured(root: &std::path::Path) -> (Measured, Heard) {
        let heard = Heard::default();
        let listener = heard.clone();
        let listener: Arc<Listener> = Arc::new(move |action, took| {
            listener.lock().push((action, took));
        });
        let files = Files::open(FilesOptions::new(root)).unwrap();
        (Measured::new(files, Arc::new(Ticking::default()), listener), heard)
    }

    fn slot(bytes: &[u8]) -> BlobSlot {
        let unique = StagingId::parse("unique").unwrap();
        BlobSlot { sha256: Digest::sha256(bytes), unique, own_place: true }
    }

    #[tokio::test]
    async fn actions_are_told_under_the_original_s_names_with_their_time() {
        let root = tempfile::tempdir().unwrap();
        let (store, heard) = measured(root.path());
        let id = StagingId::parse("a").unwrap();
        let mut staged = store.stage(&id, vec![Hasher::new(Algorithm::Sha256)]).await.unwrap();
        staged.append(Bytes::from_static(b"staged")).await.unwrap();
        staged.checkpoint(true).await.unwrap();
        staged.finish().await.unwrap();
        staged.publish(&slot(b"staged")).await.unwrap();
        let key = store.put(&slot(b"put"), Bytes::from_static(b"put")).await.unwrap();
        let whole = ByteRange { start: 0, end_inclusive: 2 };
        assert!(store.read(&key, whole).await.is_ok());
        store.delete(&key).await.unwrap();
        assert!(store.read(&key, whole).await.is_err());
        let second = Duration::from_secs(1);
        let names = ["Writer", "Sync", "Move", "PutContent", "Reader", "Delete", "Reader"];
        assert_eq!(*heard.lock(), names.map(|name| (name, second)));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_measured_store_keeps_the_contract() {
        let root = tempfile::tempdir().unwrap();
        let (store, _) = measured(root.path());
        crate::conformance::all(Arc::new(store)).await;
    }
}
