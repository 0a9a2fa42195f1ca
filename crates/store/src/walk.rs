//! Reading everything, page by page, for export and reports.

use async_trait::async_trait;
use bytes::Bytes;
use oci::{Digest, MediaType, RepositoryName, Tag};

use crate::{BlobPlace, Page, StoreError, Timestamp};

/// A member blob of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkWalk {
    /// The sha256.
    pub sha256: Digest,
    /// The sha512 if it has an alias.
    pub sha512: Option<Digest>,
    /// When it became a member, or was pushed or mounted again.
    pub at: Timestamp,
}

/// A manifest of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestWalk {
    /// The sha256.
    pub sha256: Digest,
    /// The sha512 if it was pushed by that.
    pub sha512: Option<Digest>,
    /// As pushed.
    pub media_type: MediaType,
    /// Exact.
    pub bytes: Bytes,
    /// When it was pushed.
    pub at: Timestamp,
    /// How often it was pulled, by whatever name.
    pub pulls: u64,
    /// When it was pulled last.
    pub last_pulled: Option<Timestamp>,
}

/// A tag of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagWalk {
    /// Its name.
    pub tag: Tag,
    /// As pushed.
    pub digest: Digest,
    /// The sha256 of the same manifest.
    pub sha256: Digest,
    /// When it was moved there.
    pub at: Timestamp,
    /// How often it was pulled by this name, wherever it pointed.
    pub pulls: u64,
    /// When it was pulled last by this name.
    pub last_pulled: Option<Timestamp>,
}

/// A blob of the whole store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobWalk {
    /// The sha256.
    pub sha256: Digest,
    /// Bytes.
    pub size: u64,
    /// Where they are.
    pub place: BlobPlace,
}

/// Lists everything in order of keys. Complete for what exists throughout.
#[async_trait]
pub trait WalkStore: Send + Sync + 'static {
    /// All repositories, also those without a manifest, by name.
    async fn walk_repositories(
        &self,
        page: Page<String>,
    ) -> Result<Vec<RepositoryName>, StoreError>;

    /// Member blobs of a repository, by sha256.
    async fn walk_links(
        &self,
        repository: &RepositoryName,
        page: Page<Digest>,
    ) -> Result<Vec<LinkWalk>, StoreError>;

    /// Manifests of a repository, by sha256.
    async fn walk_manifests(
        &self,
        repository: &RepositoryName,
        page: Page<Digest>,
    ) -> Result<Vec<ManifestWalk>, StoreError>;

    /// Tags of a repository, by name.
    async fn walk_tags(
        &self,
        repository: &RepositoryName,
        page: Page<String>,
    ) -> Result<Vec<TagWalk>, StoreError>;

    /// Every live or condemned blob, by sha256.
    async fn walk_blobs(&self, page: Page<Digest>) -> Result<Vec<BlobWalk>, StoreError>;
}
