//! The gate before the content of a serving registry: closed, nothing changes behind it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use oci::{Digest, Reference, RepositoryName, Tag};
use store::{
    BlobRecord, BlobState, ContentStore, DeletedManifest, ManifestRecord, MountBlob, MountFacts,
    Page, PublishBlob, PublishFacts, PublishPlan, Published, PutManifest, PutManifestFacts,
    ReferrerRecord, Rule, StoreError, Timestamp, UnlinkBlob, UnlinkFacts, WriteError,
};
use tokio::sync::{RwLock, RwLockReadGuard};

use super::Freeze;

/// Opens and closes. Cheap to clone; all clones are one gate.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<State>);

#[derive(Debug, Default)]
struct State {
    frozen: AtomicBool,
    /// Held for reading by each write on its way, for writing to wait for them.
    passing: RwLock<()>,
}

impl Gate {
    /// Whether writes are refused.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.0.frozen.load(Ordering::Acquire)
    }

    /// The content behind this gate.
    #[must_use]
    pub fn before(&self, content: Arc<dyn ContentStore>) -> Arc<dyn ContentStore> {
        Arc::new(Gated { gate: self.clone(), content })
    }

    /// The right to write, for as long as it is held.
    async fn pass(&self) -> Result<RwLockReadGuard<'_, ()>, StoreError> {
        let passing = self.0.passing.read().await;
        match self.is_frozen() {
            true => Err(StoreError::Busy("the registry is being moved, try again soon".to_owned())),
            false => Ok(passing),
        }
    }
}

#[async_trait]
impl Freeze for Gate {
    async fn freeze(&self) -> Result<(), StoreError> {
        self.0.frozen.store(true, Ordering::Release);
        // Those that passed before have ended when this is ours.
        drop(self.0.passing.write().await);
        Ok(())
    }

    async fn thaw(&self) {
        self.0.frozen.store(false, Ordering::Release);
    }
}

/// Content behind a gate.
struct Gated {
    gate: Gate,
    content: Arc<dyn ContentStore>,
}

#[async_trait]
impl ContentStore for Gated {
    async fn manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<ManifestRecord>, StoreError> {
        self.content.manifest(repository, reference).await
    }

    async fn blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<BlobRecord>, StoreError> {
        self.content.blob(repository, digest).await
    }

    async fn blob_size(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<u64>, StoreError> {
        self.content.blob_size(repository, digest).await
    }

    async fn blob_state(&self, sha256: &Digest) -> Result<Option<BlobState>, StoreError> {
        self.content.blob_state(sha256).await
    }

    async fn repository_exists(&self, repository: &RepositoryName) -> Result<bool, StoreError> {
        self.content.repository_exists(repository).await
    }

    async fn emptied_at(
        &self,
        repository: &RepositoryName,
    ) -> Result<Option<Timestamp>, StoreError> {
        self.content.emptied_at(repository).await
    }

    async fn repositories(&self, page: Page<String>) -> Result<Vec<RepositoryName>, StoreError> {
        self.content.repositories(page).await
    }

    async fn tags(
        &self,
        repository: &RepositoryName,
        page: Page<String>,
    ) -> Result<Option<Vec<Tag>>, StoreError> {
        self.content.tags(repository, page).await
    }

    async fn referrers(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
        page: Page<Digest>,
    ) -> Result<Vec<ReferrerRecord>, StoreError> {
        self.content.referrers(repository, subject, page).await
    }

    async fn publish_blob(
        &self,
        command: PublishBlob,
        rule: Rule<PublishFacts, PublishPlan>,
    ) -> Result<Published, WriteError> {
        let _passing = self.gate.pass().await?;
        self.content.publish_blob(command, rule).await
    }

    async fn mount_blob(
        &self,
        command: MountBlob,
        rule: Rule<MountFacts, ()>,
    ) -> Result<(), WriteError> {
        let _passing = self.gate.pass().await?;
        self.content.mount_blob(command, rule).await
    }

    async fn unlink_blob(
        &self,
        command: UnlinkBlob,
        rule: Rule<UnlinkFacts, ()>,
    ) -> Result<(), WriteError> {
        let _passing = self.gate.pass().await?;
        self.content.unlink_blob(command, rule).await
    }

    async fn put_manifest(
        &self,
        command: PutManifest,
        rule: Rule<PutManifestFacts, ()>,
    ) -> Result<(), WriteError> {
        let _passing = self.gate.pass().await?;
        self.content.put_manifest(command, rule).await
    }

    async fn delete_manifest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        actor: Option<String>,
        at: Timestamp,
    ) -> Result<Option<DeletedManifest>, StoreError> {
        let _passing = self.gate.pass().await?;
        self.content.delete_manifest(repository, digest, actor, at).await
    }

    async fn delete_tag(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        actor: Option<String>,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let _passing = self.gate.pass().await?;
        self.content.delete_tag(repository, tag, actor, at).await
    }
}
