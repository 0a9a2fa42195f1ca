//! Taking over a tree that another registry wrote.

use async_trait::async_trait;
use oci::{Digest, RepositoryName, Tag};

use crate::{BlobKey, NewManifest, Page, StoreError, Timestamp};

/// A blob that lies in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedBlob {
    /// From its path; not yet compared with the bytes.
    pub sha256: Digest,
    /// The sha512 under which the repository has it too, from the path of its
    /// link; not yet compared with the bytes either.
    pub sha512: Option<Digest>,
    /// Bytes, from the file's length.
    pub size: u64,
    /// Where it lies.
    pub key: BlobKey,
}

/// A manifest that was read, hashed and parsed.
#[derive(Debug, Clone)]
pub struct ImportedManifest {
    /// The manifest.
    pub manifest: NewManifest,
    /// From the time of its link.
    pub at: Timestamp,
}

/// A tag of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedTag {
    /// Its name.
    pub tag: Tag,
    /// What it points to.
    pub digest: Digest,
    /// From the time of its link.
    pub at: Timestamp,
}

/// Part of one repository of the tree; at most 500 records altogether.
#[derive(Debug, Clone)]
pub struct ImportBatch {
    /// The repository; created if it has anything at all.
    pub repository: RepositoryName,
    /// The time of the import: the age of the rows and links that it makes, so
    /// that a collection soon after spares them. Manifests and tags bring
    /// their own times.
    pub at: Timestamp,
    /// Blobs to be linked; rows are made `unverified` unless the digest has one.
    pub blobs: Vec<ImportedBlob>,
    /// Manifests with their references.
    pub manifests: Vec<ImportedManifest>,
    /// Tags; one whose manifest is not in the repository is left out.
    pub tags: Vec<ImportedTag>,
}

/// A blob that nobody has hashed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnverifiedBlob {
    /// What it should hash to.
    pub sha256: Digest,
    /// What else it should hash to, if it has that name too.
    pub sha512: Option<Digest>,
    /// Bytes.
    pub size: u64,
    /// Where it lies.
    pub key: BlobKey,
}

/// Bulk writes of import and re-hashing. All can be repeated without harm.
#[async_trait]
pub trait ImportStore: Send + Sync + 'static {
    /// Merges records: what is there stays; a tag moves if its record differs
    /// and is newer. Returns the tags that were left out.
    async fn import(&self, batch: ImportBatch) -> Result<Vec<Tag>, StoreError>;

    /// Unverified blobs in order of digest.
    async fn unverified(&self, page: Page<Digest>) -> Result<Vec<UnverifiedBlob>, StoreError>;

    /// How many blobs, and bytes, are unverified.
    async fn unverified_total(&self) -> Result<(u64, u64), StoreError>;

    /// Notes which blobs match (`true`) or are damaged (`false`): damaged ones
    /// are not served and the next push replaces them. For a sha512, `false`
    /// takes that name away and leaves the blob as it is; `true` says nothing.
    async fn note_verified(&self, results: Vec<(Digest, bool)>) -> Result<(), StoreError>;
}
