//! A bucket in memory of which a test can tell what was asked of it, that can fail, and whose
//! objects can be given times.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use blobstore::{Bucket, Memory, ObjectBlobs, ObjectBlobsOptions};
use bytes::Bytes;
use futures_util::FutureExt;
use parking_lot::Mutex;
use store::{ObjectRecord, Objects, OsRandom, StoreError, Timestamp};

/// Bytes of a part of an upload.
const PART: u64 = 4096;

/// A bucket.
pub(crate) struct Shelf {
    bucket: Arc<Bucket>,
    /// Times of objects that no bucket would let anybody set.
    times: Mutex<BTreeMap<String, Timestamp>>,
    /// Every call that was made by way of [`Objects`], in order: its name and its key.
    pub(crate) calls: Mutex<Vec<(&'static str, String)>>,
    /// Calls that succeed before one fails.
    pub(crate) fails_after: Mutex<Option<usize>>,
}

/// In memory nothing has to be waited for.
fn now<T>(work: impl Future<Output = Result<T, StoreError>>) -> T {
    work.now_or_never().unwrap().unwrap()
}

impl Shelf {
    pub(crate) fn new() -> Self {
        let bucket = Bucket::in_memory(&Memory::good(), PART);
        now(bucket.probe(&OsRandom));
        let (times, calls, fails_after) = Default::default();
        Self { bucket, times, calls, fails_after }
    }

    /// The blobs in this bucket.
    pub(crate) fn blobs(&self) -> Arc<ObjectBlobs> {
        let options = ObjectBlobsOptions::default();
        ObjectBlobs::new(self.bucket.clone(), Arc::new(OsRandom), options)
    }

    pub(crate) fn put_at(&self, key: &str, content: &[u8], at: Timestamp) {
        now(self.bucket.put(key, content.to_vec().into()));
        self.times.lock().insert(key.to_owned(), at);
    }

    /// Removes an object, or everything below a folder.
    pub(crate) fn remove_all(&self, key: &str) {
        now(self.bucket.remove(key));
        for record in now(self.bucket.list(&format!("{key}/"), None, usize::MAX)) {
            now(self.bucket.remove(&record.key));
        }
    }

    /// The keys of all objects that begin like this, and when they were written.
    pub(crate) fn keys(&self, prefix: &str) -> Vec<(String, Timestamp)> {
        let all = now(self.bucket.list(prefix, None, usize::MAX)).into_iter();
        all.map(|record| self.dated(record)).map(|record| (record.key, record.modified)).collect()
    }

    /// What an object holds.
    pub(crate) fn content(&self, key: &str) -> Option<Bytes> {
        now(self.bucket.get(key, u64::MAX))
    }

    /// How often a call was made.
    pub(crate) fn count(&self, call: &str) -> usize {
        self.calls.lock().iter().filter(|(made, _)| *made == call).count()
    }

    fn called(&self, call: &'static str, key: &str) -> Result<(), StoreError> {
        self.calls.lock().push((call, key.to_owned()));
        let mut fails_after = self.fails_after.lock();
        match fails_after.as_mut() {
            Some(0) => {
                *fails_after = None;
                Err(StoreError::Busy("the store is away".to_owned()))
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn dated(&self, record: ObjectRecord) -> ObjectRecord {
        let modified = self.times.lock().get(&record.key).copied().unwrap_or(record.modified);
        ObjectRecord { modified, ..record }
    }
}

#[async_trait]
impl Objects for Shelf {
    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ObjectRecord>, StoreError> {
        self.called("list", prefix)?;
        let page = self.bucket.list(prefix, after, limit).await?;
        Ok(page.into_iter().map(|record| self.dated(record)).collect())
    }

    async fn folders(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.called("folders", prefix)?;
        self.bucket.folders(prefix).await
    }

    async fn look(&self, key: &str) -> Result<Option<ObjectRecord>, StoreError> {
        self.called("look", key)?;
        Ok(self.bucket.look(key).await?.map(|record| self.dated(record)))
    }

    async fn get(&self, key: &str, limit: u64) -> Result<Option<Bytes>, StoreError> {
        self.called("get", key)?;
        self.bucket.get(key, limit).await
    }

    async fn put(&self, key: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.called("put", key)?;
        self.times.lock().remove(key);
        self.bucket.put(key, bytes).await
    }

    async fn copy(&self, from: &str, to: &str) -> Result<bool, StoreError> {
        self.called("copy", from)?;
        self.times.lock().remove(to);
        self.bucket.copy(from, to).await
    }

    async fn remove(&self, key: &str) -> Result<(), StoreError> {
        self.called("remove", key)?;
        self.bucket.remove(key).await
    }
}
