//! Metadata that fails when told to.

use std::sync::Arc;

use async_trait::async_trait;
use oci::{Digest, Reference, RepositoryName, Tag};
use store::{
    BlobRecord, BlobState, ContentStore, DeletedManifest, ManifestRecord, MountBlob, MountFacts,
    Page, PublishBlob, PublishFacts, PublishPlan, Published, PutManifest, PutManifestFacts,
    ReferrerRecord, Rule, StoreError, Timestamp, UnlinkBlob, UnlinkFacts, WriteError,
};

use crate::Faults;

/// Another metadata store, with failures.
pub struct FailingContent {
    inner: Arc<dyn ContentStore>,
    faults: Faults,
}

impl FailingContent {
    /// `inner`, failing as `faults` says.
    pub fn new(inner: Arc<dyn ContentStore>, faults: Faults) -> Self {
        Self { inner, faults }
    }
}

#[async_trait]
impl ContentStore for FailingContent {
    async fn manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<ManifestRecord>, StoreError> {
        self.faults.around("manifest", self.inner.manifest(repository, reference)).await
    }

    async fn blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<BlobRecord>, StoreError> {
        self.faults.around("blob", self.inner.blob(repository, digest)).await
    }

    async fn blob_size(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<u64>, StoreError> {
        self.faults.around("blob_size", self.inner.blob_size(repository, digest)).await
    }

    async fn blob_state(&self, sha256: &Digest) -> Result<Option<BlobState>, StoreError> {
        self.faults.around("blob_state", self.inner.blob_state(sha256)).await
    }

    async fn repository_exists(&self, repository: &RepositoryName) -> Result<bool, StoreError> {
        self.faults.around("repository_exists", self.inner.repository_exists(repository)).await
    }

    async fn emptied_at(
        &self,
        repository: &RepositoryName,
    ) -> Result<Option<Timestamp>, StoreError> {
        self.faults.around("emptied_at", self.inner.emptied_at(repository)).await
    }

    async fn repositories(&self, page: Page<String>) -> Result<Vec<RepositoryName>, StoreError> {
        self.faults.around("repositories", self.inner.repositories(page)).await
    }

    async fn tags(
        &self,
        repository: &RepositoryName,
        page: Page<String>,
    ) -> Result<Option<Vec<Tag>>, StoreError> {
        self.faults.around("tags", self.inner.tags(repository, page)).await
    }

    async fn referrers(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
        page: Page<Digest>,
    ) -> Result<Vec<ReferrerRecord>, StoreError> {
        self.faults.around("referrers", self.inner.referrers(repository, subject, page)).await
    }

    async fn publish_blob(
        &self,
        command: PublishBlob,
        rule: Rule<PublishFacts, PublishPlan>,
    ) -> Result<Published, WriteError> {
        self.faults.around("publish_blob", self.inner.publish_blob(command, rule)).await
    }

    async fn mount_blob(
        &self,
        command: MountBlob,
        rule: Rule<MountFacts, ()>,
    ) -> Result<(), WriteError> {
        self.faults.around("mount_blob", self.inner.mount_blob(command, rule)).await
    }

    async fn unlink_blob(
        &self,
        command: UnlinkBlob,
        rule: Rule<UnlinkFacts, ()>,
    ) -> Result<(), WriteError> {
        self.faults.around("unlink_blob", self.inner.unlink_blob(command, rule)).await
    }

    async fn put_manifest(
        &self,
        command: PutManifest,
        rule: Rule<PutManifestFacts, ()>,
    ) -> Result<(), WriteError> {
        self.faults.around("put_manifest", self.inner.put_manifest(command, rule)).await
    }

    async fn delete_manifest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        actor: Option<String>,
        at: Timestamp,
    ) -> Result<Option<DeletedManifest>, StoreError> {
        let work = self.inner.delete_manifest(repository, digest, actor, at);
        self.faults.around("delete_manifest", work).await
    }

    async fn delete_tag(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        actor: Option<String>,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let work = self.inner.delete_tag(repository, tag, actor, at);
        self.faults.around("delete_tag", work).await
    }
}
