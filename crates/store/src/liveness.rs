//! What nobody needs any more: names first, bytes later.

use async_trait::async_trait;
use oci::{Digest, RepositoryName};

use crate::{BlobKey, Page, StoreError, StoredRecord, Timestamp};

/// A blob that is a member of a repository but that no manifest there needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaleLink {
    /// The sha256.
    pub sha256: Digest,
    /// Bytes.
    pub size: u64,
}

/// A manifest that no tag, no index and no subject keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UntaggedManifest {
    /// The sha256.
    pub sha256: Digest,
}

/// A blob row whose bytes may be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadBlob {
    /// The sha256.
    pub sha256: Digest,
    /// Bytes.
    pub size: u64,
    /// Where they lie; `None` for inline bytes, which go with the row.
    pub key: Option<BlobKey>,
}

/// What the collector asks and does. Every write checks again, inside its
/// transaction, that the thing is still unneeded.
#[async_trait]
pub trait LivenessStore: Send + Sync + 'static {
    /// Links no manifest of the repository references and that were made (or
    /// last pushed) before `before`, by sha256.
    async fn stale_links(
        &self,
        repository: &RepositoryName,
        before: Timestamp,
        page: Page<Digest>,
    ) -> Result<Vec<StaleLink>, StoreError>;

    /// Takes stale links out; returns how many still were stale.
    async fn drop_links(
        &self,
        repository: &RepositoryName,
        digests: Vec<Digest>,
        before: Timestamp,
    ) -> Result<u64, StoreError>;

    /// Manifests pushed before `before` that no tag names, that no index of
    /// the repository holds, and whose subject (if any) is not a manifest of
    /// the repository, by sha256.
    async fn untagged_manifests(
        &self,
        repository: &RepositoryName,
        before: Timestamp,
        page: Page<Digest>,
    ) -> Result<Vec<UntaggedManifest>, StoreError>;

    /// Deletes untagged manifests; returns how many still were. `at` is now: the
    /// last one of the repository empties it
    /// ([`emptied_at`](crate::ContentStore::emptied_at)).
    async fn drop_untagged(
        &self,
        repository: &RepositoryName,
        digests: Vec<Digest>,
        before: Timestamp,
        at: Timestamp,
    ) -> Result<u64, StoreError>;

    /// Blobs without a member link anywhere, last used before `before`, by
    /// sha256. Reads only: the answer to a dry run.
    async fn orphan_blobs(
        &self,
        before: Timestamp,
        page: Page<Digest>,
    ) -> Result<Vec<DeadBlob>, StoreError>;

    /// Marks orphans as `Deleting` and returns those that still were orphans.
    async fn bury(
        &self,
        digests: Vec<Digest>,
        before: Timestamp,
    ) -> Result<Vec<DeadBlob>, StoreError>;

    /// Rows in `Deleting`, left by this or an earlier run, by sha256.
    async fn deleting(&self, page: Page<Digest>) -> Result<Vec<DeadBlob>, StoreError>;

    /// Removes `Deleting` rows whose keys are gone from the blob store.
    async fn forget(&self, digests: Vec<Digest>) -> Result<(), StoreError>;

    /// Those of `stored` whose keys no row holds, in whatever state.
    async fn unheld(&self, stored: Vec<StoredRecord>) -> Result<Vec<StoredRecord>, StoreError>;
}
