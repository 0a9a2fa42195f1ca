//! Second half of a collection: bytes that have no name any more.

use oci::Digest;
use store::{DeadBlob, Page};

use super::{PAGE, Run};
use crate::WorkError;

impl Run<'_> {
    pub(super) async fn bytes(&mut self) -> Result<(), WorkError> {
        self.bury().await?;
        self.remove().await
    }

    async fn bury(&mut self) -> Result<(), WorkError> {
        let mut page = Page::first(PAGE);
        loop {
            self.go_on()?;
            let orphans = self.collect.liveness.orphan_blobs(self.before, page).await?;
            let Some(last) = orphans.last() else { return Ok(()) };
            page = Page::after(last.sha256, PAGE);
            let digests = orphans.iter().map(|blob| blob.sha256).collect();
            self.collect.liveness.bury(digests, self.before).await?;
        }
    }

    /// Removes the bytes of everything that is buried, by this run or an earlier one.
    async fn remove(&mut self) -> Result<(), WorkError> {
        let mut page = Page::first(PAGE);
        loop {
            self.go_on()?;
            let buried = self.collect.liveness.deleting(page).await?;
            let Some(last) = buried.last() else { return Ok(()) };
            page = Page::after(last.sha256, PAGE);
            let mut gone: Vec<Digest> = Vec::with_capacity(buried.len());
            for blob in &buried {
                if self.remove_bytes(blob).await {
                    gone.push(blob.sha256);
                }
            }
            self.collect.liveness.forget(gone).await?;
            self.tell("");
        }
    }

    /// `false` if the bytes are still there: their row stays and says so.
    async fn remove_bytes(&mut self, blob: &DeadBlob) -> bool {
        self.blob_line(&blob.sha256);
        if let Some(key) = &blob.key
            && let Err(error) = self.collect.blobs.delete(key).await
        {
            tracing::warn!(digest = %blob.sha256, %error, "the bytes of a blob were not removed");
            self.report.failed += 1;
            return false;
        }
        self.report.blobs += 1;
        self.report.bytes += blob.size;
        true
    }
}
