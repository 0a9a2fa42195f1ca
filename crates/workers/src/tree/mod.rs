//! The storage tree of the original registry: one directory layout, the same on every driver.
//!
//! Below `docker/registry/v2/` lie `blobs/<alg>/<hh>/<hex>/data`, the bytes, and
//! `repositories/<name>/`, where small link files (`sha256:<hex>`, no newline) say what belongs
//! where: `_layers/<alg>/<hex>/link`, `_manifests/revisions/<alg>/<hex>/link`,
//! `_manifests/tags/<tag>/current/link` and `…/index/<alg>/<hex>/link`.
//!
//! [`FileTree`] is the tree in a directory, [`ObjectTree`] the one in a bucket. Where things lie, what
//! a link may hold and what a folder's name means they share.
//!
//! The tree has no transactions, so readers expect crash damage everywhere: a [`Listing`] holds
//! what could be read and, by name, what could not. Only a failure of the whole tree is an error.

mod file;
mod keys;
mod link;
mod names;
mod object;
mod stamp;

use async_trait::async_trait;
use bytes::Bytes;
use oci::{Digest, RepositoryName, Tag};
use store::{BlobKey, StoreError, Timestamp};

pub use file::FileTree;
pub use object::ObjectTree;
pub use stamp::Stamp;

use crate::{Finding, Problem};

/// What a folder holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing<T> {
    /// What could be read, in order of names.
    pub items: Vec<T>,
    /// What could not, and what is worth a note.
    pub findings: Vec<Finding>,
}

impl<T> Default for Listing<T> {
    fn default() -> Self {
        Self { items: Vec::new(), findings: Vec::new() }
    }
}

/// A link that makes a blob a member of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerLink {
    /// The digest of the link's directory: sha256, or a sha512 beside it.
    pub named: Digest,
    /// The sha256 that the link holds.
    pub sha256: Digest,
}

/// A link that makes a manifest a member of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionLink {
    /// The digest of the link's directory.
    pub named: Digest,
    /// The sha256 that the link holds, under which the bytes lie.
    pub sha256: Digest,
    /// When the link was written.
    pub at: Timestamp,
}

/// The `current` link of a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagLink {
    /// The tag.
    pub tag: Tag,
    /// What it points to.
    pub digest: Digest,
    /// When the link was written.
    pub at: Timestamp,
}

/// The bytes of a blob in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobFile {
    /// Bytes.
    pub size: u64,
    /// The key under which the blob store reads them.
    pub key: BlobKey,
}

/// What is known of the bytes of one blob: `None` where there are none.
pub type BlobLook = Result<Option<BlobFile>, Problem>;

/// How the reading of a manifest's bytes ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ManifestRead {
    /// All of them, not yet compared with the digest.
    Bytes(Bytes),
    /// There are none.
    Absent,
    /// More than the limit.
    TooLarge {
        /// Bytes there are.
        size: u64,
    },
    /// They cannot be read.
    Unreadable(String),
}

/// Names a link file of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkName {
    /// Membership of a blob.
    Layer(Digest),
    /// Membership of a manifest.
    Revision(Digest),
    /// One of the digests that a tag ever pointed to.
    TagIndex(Tag, Digest),
    /// What a tag points to.
    TagCurrent(Tag),
}

/// One thing to be put into the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TreeWrite {
    /// Bytes at a digest's own place, from memory.
    Bytes {
        /// Their sha256.
        sha256: Digest,
        /// They themselves.
        bytes: Bytes,
    },
    /// Bytes at a digest's own place, which the blob store holds under `key`. They are not copied
    /// where the file system can give one file two names; a bucket copies them by itself.
    Stored {
        /// Their sha256.
        sha256: Digest,
        /// Where they are.
        key: BlobKey,
    },
    /// A link file.
    Link {
        /// Which.
        name: LinkName,
        /// What it is to hold.
        sha256: Digest,
        /// The time it is to bear, where times can be set; `None` leaves that open.
        at: Option<Timestamp>,
    },
}

/// What a batch of writes did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Things that were not there before, or were different.
    pub changed: u64,
    /// Things that could not be put there because their bytes are missing.
    pub findings: Vec<Finding>,
}

/// Whether the key is that of the digest's own place.
pub(crate) fn is_own_place(sha256: &Digest, key: &BlobKey) -> bool {
    *key == keys::own_key(sha256)
}

/// Reads the tree.
#[async_trait]
pub trait Tree: Send + Sync + 'static {
    /// Whether there is any repository. Ends at the first one it meets.
    async fn holds_repositories(&self) -> Result<bool, StoreError>;

    /// All repositories: directories with `_layers` or `_manifests`, in byte order of their names.
    async fn repositories(&self) -> Result<Listing<RepositoryName>, StoreError>;

    /// Blob links of a repository. Also notes unfinished uploads.
    async fn layers(&self, name: &RepositoryName) -> Result<Listing<LayerLink>, StoreError>;

    /// Manifest links of a repository.
    async fn revisions(&self, name: &RepositoryName) -> Result<Listing<RevisionLink>, StoreError>;

    /// Tags of a repository.
    async fn tags(&self, name: &RepositoryName) -> Result<Listing<TagLink>, StoreError>;

    /// The bytes of each blob, in the order asked.
    async fn blobs(&self, sha256: Vec<Digest>) -> Result<Vec<BlobLook>, StoreError>;

    /// The bytes of a manifest, at most `limit`.
    async fn manifest(&self, sha256: &Digest, limit: u64) -> Result<ManifestRead, StoreError>;

    /// A mark that differs after any registry pushed, tagged or deleted a tag in the tree, and
    /// that bytes below `blobs/` do not change. Reads names and times, no content.
    async fn stamp(&self) -> Result<Stamp, StoreError>;
}

/// Writes the tree so that the original registry can serve it.
#[async_trait]
pub trait TreeWriter: Tree {
    /// Puts things in their places. A link appears whole or not at all, even over a power cut, and
    /// after all that it leads to: bytes, then what holds them, then tags, provided that they stand
    /// in the list in that order too. What is right already is left alone.
    async fn write(
        &self,
        name: &RepositoryName,
        writes: Vec<TreeWrite>,
    ) -> Result<Written, StoreError>;

    /// Those of these blobs, each with its key, that [`TreeWriter::write`] would have to copy.
    async fn to_copy(&self, blobs: Vec<(Digest, BlobKey)>) -> Result<Vec<Digest>, StoreError>;

    /// Every link of the repository, also those that hold nonsense, by the names of their
    /// directories; of a tag only `TagCurrent`.
    async fn link_names(&self, name: &RepositoryName) -> Result<Vec<LinkName>, StoreError>;

    /// Removes links, each kind after those that the list has before it; a tag with all of its
    /// history.
    async fn remove(&self, name: &RepositoryName, links: Vec<LinkName>) -> Result<(), StoreError>;

    /// Removes a repository's links and its directories where they are empty then.
    async fn remove_repository(&self, name: &RepositoryName) -> Result<(), StoreError>;

    /// Makes everything written and removed so far survive a power cut.
    async fn sync(&self) -> Result<(), StoreError>;
}
