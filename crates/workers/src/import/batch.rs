//! Gathers records into batches that the store takes in one transaction.

use oci::{RepositoryName, Tag};
use store::{ImportBatch, ImportStore, ImportedBlob, ImportedManifest, ImportedTag, Timestamp};

use crate::WorkError;

/// Records in one batch; the bound of [`ImportBatch`].
const MAX_RECORDS: usize = 500;

/// Manifest bytes in one batch, beyond which it is sent off.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// Batches of one repository, sent to the store as they fill up.
pub(super) struct Batches<'a> {
    store: &'a dyn ImportStore,
    open: ImportBatch,
    bytes: usize,
    left_out: Vec<Tag>,
}

impl<'a> Batches<'a> {
    /// `at` is the time of the import.
    pub(super) fn new(
        store: &'a dyn ImportStore,
        repository: RepositoryName,
        at: Timestamp,
    ) -> Self {
        Self { store, open: empty(repository, at), bytes: 0, left_out: Vec::new() }
    }

    pub(super) async fn blob(&mut self, blob: ImportedBlob) -> Result<(), WorkError> {
        self.open.blobs.push(blob);
        self.flush_if_full().await
    }

    pub(super) async fn manifest(&mut self, manifest: ImportedManifest) -> Result<(), WorkError> {
        self.bytes += manifest.manifest.bytes.len();
        self.open.manifests.push(manifest);
        self.flush_if_full().await
    }

    pub(super) async fn tag(&mut self, tag: ImportedTag) -> Result<(), WorkError> {
        self.open.tags.push(tag);
        self.flush_if_full().await
    }

    /// Sends off what is left; returns the tags whose manifest is not in the repository.
    pub(super) async fn finish(mut self) -> Result<Vec<Tag>, WorkError> {
        self.flush().await?;
        Ok(self.left_out)
    }

    fn records(&self) -> usize {
        self.open.blobs.len() + self.open.manifests.len() + self.open.tags.len()
    }

    async fn flush_if_full(&mut self) -> Result<(), WorkError> {
        match self.records() >= MAX_RECORDS || self.bytes >= MAX_BYTES {
            true => self.flush().await,
            false => Ok(()),
        }
    }

    async fn flush(&mut self) -> Result<(), WorkError> {
        if self.records() == 0 {
            return Ok(());
        }
        let next = empty(self.open.repository.clone(), self.open.at);
        let full = std::mem::replace(&mut self.open, next);
        self.bytes = 0;
        self.left_out.extend(self.store.import(full).await?);
        Ok(())
    }
}

fn empty(repository: RepositoryName, at: Timestamp) -> ImportBatch {
    ImportBatch { repository, at, blobs: vec![], manifests: vec![], tags: vec![] }
}
