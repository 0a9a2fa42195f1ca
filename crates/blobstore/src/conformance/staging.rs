//! Staging areas: seen by nobody who reads, found by who cleans up.

use std::collections::BTreeSet;

use bytes::Bytes;
use store::{BlobStore, Checkpoint};

use super::material::{append, content, id, sha256, slot, stage};

async fn listed(store: &dyn BlobStore) -> BTreeSet<String> {
    let records = store.staged(10_000).await.expect("a list");
    assert!(records.is_sorted_by_key(|record| record.modified), "oldest first");
    records.into_iter().map(|record| record.id.as_str().to_owned()).collect()
}

pub(super) async fn is_gone_once_published(store: &dyn BlobStore) {
    let bytes = content("published", 5000);
    let mut staged = stage(store, "published").await;
    append(staged.as_mut(), &bytes, 999).await;
    staged.publish(&slot(&bytes, "published", true)).await.expect("a key");
    let start = Checkpoint { offset: 0, hashers: sha256() };
    assert!(store.reopen(&id("published"), start).await.expect("an answer").is_none());
    assert!(!listed(store).await.contains("published"));
}

pub(super) async fn is_listed_until_discarded(store: &dyn BlobStore) {
    let before = listed(store).await.len();
    for name in ["left-1", "left-2"] {
        stage(store, name).await.checkpoint(true).await.expect("a checkpoint");
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
}

pub(super) async fn shows_the_first_bytes(store: &dyn BlobStore) {
    let mut staged = stage(store, "first-bytes").await;
    staged.append(Bytes::from_static(b"layers")).await.expect("an append");
    staged.finish().await.expect("digests");
    assert_eq!(staged.bytes(100).await.expect("bytes"), "layers");
    assert_eq!(staged.bytes(5).await.expect("bytes"), "layer");
    assert_eq!(staged.bytes(0).await.expect("bytes"), "");
}
