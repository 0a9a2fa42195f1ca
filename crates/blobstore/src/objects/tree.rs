//! The bucket as named objects, for the tree of another registry.

use async_trait::async_trait;
use bytes::Bytes;
use store::{ObjectRecord, Objects, StoreError};

use super::bucket::Bucket;

#[async_trait]
impl Objects for Bucket {
    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ObjectRecord>, StoreError> {
        self.names(prefix, after, limit).await
    }

    async fn folders(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.folder_names(prefix).await
    }

    async fn look(&self, key: &str) -> Result<Option<ObjectRecord>, StoreError> {
        self.head(key).await
    }

    async fn get(&self, key: &str, limit: u64) -> Result<Option<Bytes>, StoreError> {
        self.content(key, limit).await
    }

    async fn put(&self, key: &str, bytes: Bytes) -> Result<(), StoreError> {
        Ok(self.write(key, bytes.into(), false).await?)
    }

    async fn copy(&self, from: &str, to: &str) -> Result<bool, StoreError> {
        self.duplicate(from, to).await
    }

    async fn remove(&self, key: &str) -> Result<(), StoreError> {
        self.erase(key).await
    }
}
