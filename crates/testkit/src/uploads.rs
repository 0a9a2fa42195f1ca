//! Upload rows that fail when told to.

use std::sync::Arc;

use async_trait::async_trait;
use store::{StoreError, Timestamp, UploadId, UploadRow, UploadStore};

use crate::Faults;

/// Another store of uploads, with failures.
pub struct FailingUploads {
    inner: Arc<dyn UploadStore>,
    faults: Faults,
}

impl FailingUploads {
    /// `inner`, failing as `faults` says.
    pub fn new(inner: Arc<dyn UploadStore>, faults: Faults) -> Self {
        Self { inner, faults }
    }
}

#[async_trait]
impl UploadStore for FailingUploads {
    async fn upload(&self, id: &UploadId) -> Result<Option<UploadRow>, StoreError> {
        self.faults.around("upload", self.inner.upload(id)).await
    }

    async fn save_upload(&self, row: UploadRow) -> Result<bool, StoreError> {
        self.faults.around("save_upload", self.inner.save_upload(row)).await
    }

    async fn stale_uploads(
        &self,
        open_before: Timestamp,
        ended_before: Timestamp,
        limit: usize,
    ) -> Result<Vec<UploadRow>, StoreError> {
        let work = self.inner.stale_uploads(open_before, ended_before, limit);
        self.faults.around("stale_uploads", work).await
    }

    async fn remove_uploads(
        &self,
        uploads: Vec<(UploadId, u64)>,
    ) -> Result<Vec<UploadId>, StoreError> {
        self.faults.around("remove_uploads", self.inner.remove_uploads(uploads)).await
    }
}
