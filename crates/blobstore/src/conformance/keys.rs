//! Keys: one for each set of stored bytes, for ever.

use store::{BlobKey, BlobStore};

use super::material::{append, assert_damaged, assert_holds, content, range, read, slot, stage};

pub(super) async fn are_never_used_twice(store: &dyn BlobStore) {
    let bytes = content("twice", 10_000);
    let mut keys = Vec::new();
    for name in ["twice-1", "twice-2"] {
        let mut staged = stage(store, name).await;
        append(staged.as_mut(), &bytes, 4096).await;
        keys.push(staged.publish(&slot(&bytes, name, true)).await.expect("a key"));
    }
    for name in ["twice-3", "twice-4"] {
        keys.push(store.put(&slot(&bytes, name, true), bytes.clone()).await.expect("a key"));
    }
    for (index, key) in keys.iter().enumerate() {
        assert!(!keys.iter().skip(index + 1).any(|other| other == key), "{key:?} was used twice");
        assert_holds(store, key, &bytes).await;
    }
    for key in &keys {
        store.delete(key).await.expect("a removal");
        assert_damaged(read(store, key, range(0, 1)).await, "a removed key");
    }
}

pub(super) async fn are_unique_where_the_own_place_is_denied(store: &dyn BlobStore) {
    let bytes = content("denied", 100);
    let denied = store.put(&slot(&bytes, "denied-1", false), bytes.clone()).await.expect("a key");
    let own = store.put(&slot(&bytes, "denied-2", true), bytes.clone()).await.expect("a key");
    assert_ne!(denied, own);
    store.delete(&denied).await.expect("a removal");
    assert_holds(store, &own, &bytes).await;
}

pub(super) async fn are_removed_once_and_quietly_again(store: &dyn BlobStore) {
    let bytes = content("removed", 100);
    let key = store.put(&slot(&bytes, "removed-1", true), bytes.clone()).await.expect("a key");
    for _ in 0..2 {
        store.delete(&key).await.expect("a removal");
    }
    assert_damaged(read(store, &key, range(0, 1)).await, "a removed key");
    let again = store.put(&slot(&bytes, "removed-2", true), bytes.clone()).await.expect("a key");
    assert_holds(store, &again, &bytes).await;
}

pub(super) async fn from_elsewhere_reach_nothing(store: &dyn BlobStore) {
    for text in ["../../etc/passwd", "/etc/passwd", "", "docker/registry/v2/blobs/../../../x"] {
        let key = BlobKey::new(text);
        assert!(store.read(&key, range(0, 1)).await.is_err(), "read {text:?}");
        assert!(store.delete(&key).await.is_err(), "removed {text:?}");
    }
}
