//! Names: which repository has which blobs, manifests and tags.
//!
//! The only truth about existence, membership and references.

use async_trait::async_trait;
use bytes::Bytes;
use oci::{Digest, MediaType, Reference, RepositoryName, Role, Tag};

use crate::{BlobKey, Page, Rule, StoreError, Timestamp, UploadId, WriteError};

/// A manifest of a repository, ready to be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestRecord {
    /// The digest in the algorithm that was asked for, or that the tag was pushed with.
    pub digest: Digest,
    /// As pushed.
    pub media_type: MediaType,
    /// As pushed.
    pub bytes: Bytes,
}

/// Where the bytes of a blob are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlobPlace {
    /// In the metadata itself: a small blob.
    Inline(Bytes),
    /// In the blob store.
    Stored(BlobKey),
}

/// A blob of a repository, ready to be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobRecord {
    /// The sha256, whatever algorithm was asked for.
    pub sha256: Digest,
    /// Bytes.
    pub size: u64,
    /// Where the bytes are.
    pub place: BlobPlace,
    /// Whether the bytes are known to match the digest. Only imported blobs
    /// begin unverified.
    pub verified: bool,
}

/// The life of a blob row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobState {
    /// Normal.
    Live,
    /// Found to differ from its digest: not served, replaced by the next push.
    Damaged,
    /// No longer referenced; still readable, revived by any use.
    Condemned,
    /// Its key is being removed; the row is the tombstone.
    Deleting,
}

/// A finished upload (or another whole blob) to be made a member of a repository.
#[derive(Debug, Clone)]
pub struct PublishBlob {
    /// The repository, created if this is its first content.
    pub repository: RepositoryName,
    /// The verified sha256.
    pub sha256: Digest,
    /// The verified sha512, if the client used it: an alias of the same bytes.
    pub sha512: Option<Digest>,
    /// Bytes.
    pub size: u64,
    /// Where the new bytes are; `None` if they were dropped because the row
    /// was seen live.
    pub place: Option<BlobPlace>,
    /// The upload that this finishes: its row becomes `Finished` in the same
    /// transaction. [`crate::Refusal::UploadLost`], and nothing is written, if
    /// the row is not open any more or not of the version that was read.
    pub session: Option<ClosingUpload>,
    /// Now.
    pub at: Timestamp,
}

/// An upload that is being closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosingUpload {
    /// Its name.
    pub id: UploadId,
    /// The version of its row as it was read or written last; zero without a
    /// row.
    pub version: u64,
}

/// What a publish rule may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishFacts {
    /// The row of the digest, if any.
    pub existing: Option<BlobState>,
    /// Whether new bytes came along.
    pub has_bytes: bool,
}

/// What to do with the row of the digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishPlan {
    /// Keep the row's bytes (reviving it if condemned); the new bytes lose.
    KeepExisting,
    /// Make the new bytes the row's bytes.
    TakeNew,
}

/// How a publish ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// A key that no row holds now and that the caller must remove: the new key
    /// if it lost, or the old one of a buried row that was taken over. Other
    /// replaced keys are left for the collector.
    pub unlink: Option<BlobKey>,
}

/// A blob to be linked from another repository.
#[derive(Debug, Clone)]
pub struct MountBlob {
    /// The target repository.
    pub repository: RepositoryName,
    /// Any algorithm.
    pub digest: Digest,
    /// Only look here; `None` looks everywhere.
    pub from: Option<RepositoryName>,
    /// Now.
    pub at: Timestamp,
}

/// What a mount rule may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountFacts {
    /// Repositories that hold the blob live, the named one or up to 100 of
    /// all, in byte order.
    pub sources: Vec<RepositoryName>,
}

/// The parsed facts of a manifest that the store keeps beside its bytes.
#[derive(Debug, Clone)]
pub struct NewManifest {
    /// The sha256 of the bytes.
    pub sha256: Digest,
    /// The sha512 if the client used it.
    pub sha512: Option<Digest>,
    /// As pushed.
    pub media_type: MediaType,
    /// Exact.
    pub bytes: Bytes,
    /// Every descriptor found, without the subject.
    pub references: Vec<(Role, Digest)>,
    /// What it is attached to, present or not.
    pub subject: Option<Digest>,
    /// For the referrers list (R2), kept when there is a subject.
    pub artifact_type: Option<String>,
    /// JSON object of the manifest's annotations, kept when there is a subject.
    pub annotations: Option<String>,
}

/// A manifest to be stored and tagged.
#[derive(Debug, Clone)]
pub struct PutManifest {
    /// The repository, created if this is its first content.
    pub repository: RepositoryName,
    /// The manifest.
    pub manifest: NewManifest,
    /// Tags to move to it; empty for a push by digest.
    pub tags: Vec<Tag>,
    /// What the tags resolve to: the sha512 if it was pushed by that.
    pub tag_digest: Digest,
    /// Whether the rule wants to know which of the tags point elsewhere.
    pub asks_taken: bool,
    /// Who pushed, for the tag's history; `None` for anonymous.
    pub actor: Option<String>,
    /// Now.
    pub at: Timestamp,
}

/// Whether a referenced digest is in the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presence {
    /// How the manifest uses it.
    pub role: Role,
    /// The digest as the manifest names it.
    pub digest: Digest,
    /// A live or condemned blob of the repository.
    pub blob: bool,
    /// A manifest of the repository.
    pub manifest: bool,
}

/// What a manifest rule may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutManifestFacts {
    /// One per reference, in the manifest's order.
    pub presence: Vec<Presence>,
    /// Those of the tags that point elsewhere now, if they were asked for. A
    /// tag that comes to point elsewhere before the commit runs the rule again.
    pub taken: Vec<Tag>,
}

/// What a deletion took along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletedManifest {
    /// Tags that pointed to it.
    pub tags: Vec<Tag>,
}

/// A blob to be taken out of a repository.
#[derive(Debug, Clone)]
pub struct UnlinkBlob {
    /// The repository.
    pub repository: RepositoryName,
    /// Any algorithm.
    pub digest: Digest,
}

/// What an unlink rule may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnlinkFacts {
    /// Whether the blob is a member.
    pub linked: bool,
    /// One manifest of this repository that references it.
    pub needed_by: Option<Digest>,
}

/// A manifest attached to a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferrerRecord {
    /// Of the referrer, as pushed.
    pub digest: Digest,
    /// As pushed.
    pub media_type: MediaType,
    /// Bytes.
    pub size: u64,
    /// R2.
    pub artifact_type: Option<String>,
    /// JSON object.
    pub annotations: Option<String>,
}

/// Repositories and what is in them. Writes are durable on return.
#[async_trait]
pub trait ContentStore: Send + Sync + 'static {
    /// The manifest that a tag or digest names.
    async fn manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<ManifestRecord>, StoreError>;

    /// A member blob, by either algorithm; live and condemned rows only.
    async fn blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<BlobRecord>, StoreError>;

    /// The size of a member blob in bytes, for the same blobs as [`Self::blob`]
    /// but without a look at their content.
    async fn blob_size(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<u64>, StoreError>;

    /// The state of a digest's row in the whole store, to decide whether bytes
    /// must be written at all. Only the publish transaction decides for good.
    /// Blobs that are not verified count as `Damaged` here: bytes are welcome.
    async fn blob_state(&self, sha256: &Digest) -> Result<Option<BlobState>, StoreError>;

    /// Whether the repository has ever had content that was not all deleted
    /// with it: its row exists.
    async fn repository_exists(&self, repository: &RepositoryName) -> Result<bool, StoreError>;

    /// When the repository was emptied last: the time of the deletion, by a client
    /// or by the collector, that took its last manifest. That time stays when the
    /// repository is filled again. `None` if it never had a manifest, or never
    /// lost all of them.
    async fn emptied_at(
        &self,
        repository: &RepositoryName,
    ) -> Result<Option<Timestamp>, StoreError>;

    /// Repositories that have a manifest, in byte order.
    async fn repositories(&self, page: Page<String>) -> Result<Vec<RepositoryName>, StoreError>;

    /// Tags in byte order. `None` if the repository does not exist.
    async fn tags(
        &self,
        repository: &RepositoryName,
        page: Page<String>,
    ) -> Result<Option<Vec<Tag>>, StoreError>;

    /// Manifests whose subject is `subject` (by either algorithm), in order of
    /// their digests, after `page.after` if given.
    async fn referrers(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
        page: Page<Digest>,
    ) -> Result<Vec<ReferrerRecord>, StoreError>;

    /// Makes a blob a member of a repository.
    async fn publish_blob(
        &self,
        command: PublishBlob,
        rule: Rule<PublishFacts, PublishPlan>,
    ) -> Result<Published, WriteError>;

    /// Links a blob that another repository has. The rule refuses with
    /// [`crate::Refusal::BlobUnknown`] if no source will do.
    async fn mount_blob(
        &self,
        command: MountBlob,
        rule: Rule<MountFacts, ()>,
    ) -> Result<(), WriteError>;

    /// Takes a blob out of a repository.
    async fn unlink_blob(
        &self,
        command: UnlinkBlob,
        rule: Rule<UnlinkFacts, ()>,
    ) -> Result<(), WriteError>;

    /// Stores a manifest, its references and its tags; all or nothing.
    async fn put_manifest(
        &self,
        command: PutManifest,
        rule: Rule<PutManifestFacts, ()>,
    ) -> Result<(), WriteError>;

    /// Removes a manifest by either digest, with every tag on it. `None` if
    /// there is no such manifest. The last one of its repository empties that
    /// ([`Self::emptied_at`]).
    async fn delete_manifest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        actor: Option<String>,
        at: Timestamp,
    ) -> Result<Option<DeletedManifest>, StoreError>;

    /// Removes one tag and nothing else. `false` if there is no such tag.
    async fn delete_tag(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        actor: Option<String>,
        at: Timestamp,
    ) -> Result<bool, StoreError>;
}
