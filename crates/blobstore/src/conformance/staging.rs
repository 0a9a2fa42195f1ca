//! Staging areas: seen by nobody who reads, found by who cleans up.

use std::collections::BTreeSet;

use bytes::Bytes;
use store::{BlobStore, Checkpoint};

use super::material::{append, assert_holds, content, id, reopen, sha256, slot, stage};

/// More than fits any buffer, so that the store knows of the area.
const LARGE: usize = 12 << 20;

async fn listed(store: &dyn BlobStore) -> BTreeSet<String> {
    let records = store.staged(10_000).await.expect("a list");
    assert!(records.is_sorted_by_key(|record| record.modified), "oldest first");
    records.into_iter().map(|record| record.id.as_str().to_owned()).collect()
}

pub(super) async fn is_gone_once_published_and_discarded(store: &dyn BlobStore) {
    for (name, length) in [("published-small", 5000), ("published-large", LARGE + 5)] {
        let bytes = content(name, length);
        let mut staged = stage(store, name).await;
        append(staged.as_mut(), &bytes, 99_999).await;
        staged.checkpoint(true).await.expect("a checkpoint");
        staged.publish(&slot(&bytes, name, true)).await.expect("a key");
        store.discard(&id(name)).await.expect("a quiet removal");
        let start = Checkpoint { offset: 0, hashers: sha256(), place: Bytes::new() };
        assert!(store.reopen(&id(name), start).await.expect("an answer").is_none());
        assert!(!listed(store).await.contains(name));
    }
}

pub(super) async fn is_listed_until_discarded(store: &dyn BlobStore) {
    let before = listed(store).await.len();
    let mut checkpoints = Vec::new();
    for name in ["left-1", "left-2"] {
        let mut staged = stage(store, name).await;
        append(staged.as_mut(), &content(name, LARGE), 1 << 20).await;
        checkpoints.push(staged.checkpoint(true).await.expect("a checkpoint"));
    }
    let after = listed(store).await;
    assert!(after.contains("left-1") && after.contains("left-2"));
    assert_eq!(after.len(), before + 2);
    assert_eq!(store.staged(1).await.expect("a list").len(), 1);

    for _ in 0..2 {
        store.discard(&id("left-1")).await.expect("a quiet removal");
    }
    let after = listed(store).await;
    assert!(!after.contains("left-1") && after.contains("left-2"));
    let gone = store.reopen(&id("left-1"), checkpoints.swap_remove(0)).await.expect("an answer");
    assert!(gone.is_none(), "a discarded area was opened");
    store.discard(&id("left-2")).await.expect("a quiet removal");
}

pub(super) async fn is_no_harm_to_a_blob_once_published(store: &dyn BlobStore) {
    for (name, length) in [("harmless-small", 200_000), ("harmless-large", LARGE)] {
        let bytes = content(name, length);
        let mut staged = stage(store, name).await;
        append(staged.as_mut(), &bytes, 99_999).await;
        staged.checkpoint(true).await.expect("a checkpoint");
        let key = staged.publish(&slot(&bytes, name, true)).await.expect("a key");
        store.discard(&id(name)).await.expect("a quiet removal");
        assert_holds(store, &key, &bytes).await;
    }
}

pub(super) async fn goes_on_after_it_was_finished(store: &dyn BlobStore) {
    for (name, length) in [("finished-small", 200_000), ("finished-large", LARGE)] {
        let bytes = content(name, length);
        let mut staged = stage(store, name).await;
        append(staged.as_mut(), &bytes, 99_999).await;
        staged.finish().await.expect("digests");
        // What is kept for the case that publishing fails.
        let checkpoint = staged.checkpoint(false).await.expect("a checkpoint");
        drop(staged);
        for _ in 0..2 {
            let mut staged = reopen(store, name, &checkpoint).await;
            let digests = staged.finish().await.expect("digests");
            assert_eq!(digests.sha256, oci::Digest::sha256(&bytes));
        }
        let staged = reopen(store, name, &checkpoint).await;
        let key = staged.publish(&slot(&bytes, name, true)).await.expect("a key");
        assert_holds(store, &key, &bytes).await;
    }
}

pub(super) async fn shows_the_first_bytes(store: &dyn BlobStore) {
    let mut staged = stage(store, "first-bytes").await;
    staged.append(Bytes::from_static(b"layers")).await.expect("an append");
    staged.finish().await.expect("digests");
    assert_eq!(staged.bytes(100).await.expect("bytes"), "layers");
    assert_eq!(staged.bytes(5).await.expect("bytes"), "layer");
    assert_eq!(staged.bytes(0).await.expect("bytes"), "");
}
