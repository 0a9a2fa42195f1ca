//! Bytes: where they are staged, published, read and removed.
//!
//! A blob store knows no repository and decides nothing: the metadata says
//! which key belongs to which digest. A key is opaque and never used twice, so
//! a late removal can never hit newer bytes.

use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream;
use oci::{ByteRange, Digest, Hasher};

use crate::{StoreError, Timestamp};

/// Where a stored blob lies; made by a [`BlobStore`], opaque to all others.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BlobKey(Arc<str>);

impl BlobKey {
    /// A key as it was read from the metadata.
    pub fn new(key: impl Into<Arc<str>>) -> Self {
        Self(key.into())
    }

    /// The text that the metadata keeps.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Names one staging area. Unique for ever; `[A-Za-z0-9-]{1,128}`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct StagingId(Arc<str>);

impl StagingId {
    /// `None` unless the text is 1 to 128 letters, digits and `-`.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=128).contains(&text.len());
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        (fits && plain).then(|| Self(text.into()))
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StagingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where published bytes are to go.
#[derive(Debug, Clone)]
pub struct BlobSlot {
    /// The verified sha256 of the bytes.
    pub sha256: Digest,
    /// Makes the key unique if the digest's own place is or was taken.
    pub unique: StagingId,
    /// Whether the metadata has neither a row nor a tombstone for the digest,
    /// so that the place of the distribution tree may be used. The store still
    /// never overwrites: if something lies there, it takes a unique key.
    pub own_place: bool,
}

/// The digests of finished bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digests {
    /// Always computed.
    pub sha256: Digest,
    /// Computed while receiving when it was hinted.
    pub sha512: Option<Digest>,
}

/// A point from which an upload can go on.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// Bytes that are kept, from the start.
    pub offset: u64,
    /// Hash states after `offset` bytes: sha256 first, then sha512 if hinted.
    pub hashers: Vec<Hasher>,
    /// What the store needs to find these bytes again, from whichever process;
    /// opaque to all others. Empty where the staging id is enough.
    pub place: Bytes,
}

/// Chunks of a blob in order. Ends early only with an error.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, StoreError>> + Send>>;

/// Who wants to be sent elsewhere for the bytes of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressRequest {
    /// Whether only the head is wanted: an address is good for one method.
    pub head: bool,
    /// From where the client asks, as far as it is known.
    pub client: Option<IpAddr>,
}

/// Bytes that lie in the store under a name that this store gives to blobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// Under which they would be read.
    pub key: BlobKey,
    /// The digest that the key itself tells, if it tells one. Not compared with
    /// the bytes.
    pub sha256: Option<Digest>,
    /// The staging area that they came from, if the key tells it: while its
    /// upload is open these bytes may be part of it.
    pub staging: Option<StagingId>,
    /// Bytes.
    pub size: u64,
    /// When they were written.
    pub modified: Timestamp,
}

/// A staging area that somebody left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagingRecord {
    /// Its name.
    pub id: StagingId,
    /// When it was last written.
    pub modified: Timestamp,
}

/// Keeps content-addressed bytes.
#[async_trait]
pub trait BlobStore: Send + Sync + 'static {
    /// Opens an empty staging area. `hashers` are the hash states to carry
    /// along: fresh ones, sha256 first. An area of that name that a crash left
    /// behind is emptied: nobody noted a point in it to go on from.
    async fn stage(
        &self,
        id: &StagingId,
        hashers: Vec<Hasher>,
    ) -> Result<Box<dyn StagedBlob>, StoreError>;

    /// Opens a staging area again and cuts it back to the checkpoint. `None` if
    /// it is gone or holds fewer bytes than the checkpoint says; it is gone too
    /// once a sync of it has failed.
    async fn reopen(
        &self,
        id: &StagingId,
        from: Checkpoint,
    ) -> Result<Option<Box<dyn StagedBlob>>, StoreError>;

    /// Removes a staging area; quietly does nothing if there is none. Never
    /// touches bytes that [`StagedBlob::publish`] has given a key: whether a
    /// published key is needed only the metadata knows.
    async fn discard(&self, id: &StagingId) -> Result<(), StoreError>;

    /// Up to `limit` staging areas, oldest first.
    async fn staged(&self, limit: usize) -> Result<Vec<StagingRecord>, StoreError>;

    /// Stores a whole small blob whose digest the caller has computed.
    /// Durable on return: bytes, name and directories.
    async fn put(&self, slot: &BlobSlot, bytes: Bytes) -> Result<BlobKey, StoreError>;

    /// Reads a range of a blob: exactly as many bytes as asked for or an error.
    /// A key that the metadata holds but the store does not is
    /// [`StoreError::Damaged`].
    async fn read(&self, key: &BlobKey, range: ByteRange) -> Result<ByteStream, StoreError>;

    /// An address from which the client may fetch the blob by itself for a
    /// short while; `None` where it is to be read here. Only for bytes that are
    /// known to match their digest.
    async fn address(
        &self,
        key: &BlobKey,
        request: AddressRequest,
    ) -> Result<Option<String>, StoreError>;

    /// Up to `limit` stored blobs in the order of their keys, after `after` if
    /// given, whether or not anybody knows them: for finding bytes that a crash
    /// left without a row. Only names that nobody but this store can have
    /// given are listed, unless `own_places` asks for those of the distribution
    /// tree as well, where another registry may have written.
    async fn stored(
        &self,
        own_places: bool,
        after: Option<&BlobKey>,
        limit: usize,
    ) -> Result<Vec<StoredRecord>, StoreError>;

    /// Removes a blob, durably. A key that is gone already is a success.
    async fn delete(&self, key: &BlobKey) -> Result<(), StoreError>;
}

/// Bytes on their way in: appended and hashed, seen by nobody.
#[async_trait]
pub trait StagedBlob: Send {
    /// Bytes appended so far.
    fn offset(&self) -> u64;

    /// Appends a chunk. Hashing and writing may lag behind by a bounded number
    /// of buffers; a failure may show at a later call. After an error the area
    /// may only be dropped and opened again from its last checkpoint.
    async fn append(&mut self, chunk: Bytes) -> Result<(), StoreError>;

    /// The newest point that hashing and writing have both passed on their way,
    /// for noting it while bytes flow: from it an upload can go on after a
    /// crash of the process. Waits for nothing, so it lies some buffers behind
    /// [`StagedBlob::offset`]. `None` before the first such point, after each
    /// [`StagedBlob::checkpoint`] until there is a newer one, and for ever
    /// where a store knows no such points.
    fn passed(&self) -> Option<Checkpoint>;

    /// Waits until everything appended is hashed and written and makes the
    /// data survive a crash of the process; with `durable` also a power cut.
    ///
    /// If the sync behind `durable` fails the staging area is removed: the
    /// kernel may forget bytes that it could not write and call the file clean.
    async fn checkpoint(&mut self, durable: bool) -> Result<Checkpoint, StoreError>;

    /// Waits for all bytes and returns their digests.
    async fn finish(&mut self) -> Result<Digests, StoreError>;

    /// Reads everything back and hashes it with sha512: for an upload whose
    /// algorithm was revealed only when it closed.
    async fn sha512(&mut self) -> Result<Digest, StoreError>;

    /// Gives the bytes their final place. Durable on return: file, name and
    /// every directory that was made. What is left of the staging area goes
    /// with [`BlobStore::discard`], which is called once the metadata knows the
    /// blob: until then another process may come back for the same bytes. The
    /// area is gone if a sync failed; after any other failure it still exists.
    async fn publish(self: Box<Self>, slot: &BlobSlot) -> Result<BlobKey, StoreError>;

    /// The first `limit` bytes, for keeping a small blob elsewhere. Call after
    /// `finish`.
    async fn bytes(&mut self, limit: usize) -> Result<Bytes, StoreError>;
}
