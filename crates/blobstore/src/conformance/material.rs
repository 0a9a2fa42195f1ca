//! Contents, ids and short ways to move them.

use std::future::poll_fn;

use bytes::{Bytes, BytesMut};
use oci::{Algorithm, ByteRange, Digest, Hasher};
use store::{
    BlobKey, BlobSlot, BlobStore, ByteStream, Checkpoint, StagedBlob, StagingId, StoreError,
};

/// Bytes that no other `label` has and in which no two blocks are alike.
pub(super) fn content(label: &str, length: usize) -> Bytes {
    let mut state = Digest::sha256(label.as_bytes())
        .as_bytes()
        .iter()
        .take(8)
        .fold(1_u64, |state, byte| state << 8 | u64::from(*byte))
        | 1;
    let mut bytes = BytesMut::with_capacity(length + 8);
    while bytes.len() < length {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes.freeze()
}

pub(super) fn id(text: &str) -> StagingId {
    StagingId::parse(text).expect("a plain id")
}

pub(super) fn slot(bytes: &[u8], unique: &str, own_place: bool) -> BlobSlot {
    BlobSlot { sha256: Digest::sha256(bytes), unique: id(unique), own_place }
}

pub(super) fn sha256() -> Vec<Hasher> {
    vec![Hasher::new(Algorithm::Sha256)]
}

pub(super) async fn stage(store: &dyn BlobStore, name: &str) -> Box<dyn StagedBlob> {
    store.stage(&id(name), sha256()).await.expect("a staging area")
}

/// The checkpoint as it comes back from the metadata.
pub(super) fn saved(checkpoint: &Checkpoint) -> Checkpoint {
    let restore = |hasher: &Hasher| Hasher::restore(&hasher.save()).expect("a restored hash");
    Checkpoint {
        offset: checkpoint.offset,
        hashers: checkpoint.hashers.iter().map(restore).collect(),
        place: Bytes::copy_from_slice(&checkpoint.place),
    }
}

/// Goes on from a checkpoint that is there.
pub(super) async fn reopen(
    store: &dyn BlobStore,
    name: &str,
    from: &Checkpoint,
) -> Box<dyn StagedBlob> {
    let opened = store.reopen(&id(name), saved(from)).await.expect("an opened area");
    opened.expect("an area that is there")
}

/// Appends in chunks of `size` bytes.
pub(super) async fn append(staged: &mut dyn StagedBlob, bytes: &Bytes, size: usize) {
    let mut rest = bytes.clone();
    while !rest.is_empty() {
        let chunk = rest.split_to(size.min(rest.len()));
        staged.append(chunk).await.expect("an append");
    }
}

pub(super) fn range(start: usize, length: usize) -> ByteRange {
    let start = start as u64;
    ByteRange { start, end_inclusive: start + length as u64 - 1 }
}

pub(super) async fn read(
    store: &dyn BlobStore,
    key: &BlobKey,
    range: ByteRange,
) -> Result<Bytes, StoreError> {
    collect(store.read(key, range).await?).await
}

pub(super) async fn collect(mut stream: ByteStream) -> Result<Bytes, StoreError> {
    let mut all = BytesMut::new();
    while let Some(chunk) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
        all.extend_from_slice(&chunk?);
    }
    Ok(all.freeze())
}

/// Asserts that a key holds exactly these bytes. An empty blob has no range.
pub(super) async fn assert_holds(store: &dyn BlobStore, key: &BlobKey, bytes: &Bytes) {
    if bytes.is_empty() {
        return;
    }
    let found = read(store, key, range(0, bytes.len())).await.expect("the whole blob");
    assert!(found == bytes, "{} holds other bytes", key.as_str());
}

pub(super) fn assert_damaged<T>(result: Result<T, StoreError>, what: &str) {
    match result {
        Err(StoreError::Damaged(_)) => {}
        Err(other) => panic!("{what}: expected damage, got {other}"),
        Ok(_) => panic!("{what}: expected damage, got a success"),
    }
}
