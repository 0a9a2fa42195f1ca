//! Ranges: exactly what was asked for, or an error.

use store::BlobStore;

use super::material::{assert_damaged, content, range, read, slot};

pub(super) async fn are_read_exactly(store: &dyn BlobStore) {
    let bytes = content("ranges", (1 << 20) + 13);
    let key = store.put(&slot(&bytes, "ranges", true), bytes.clone()).await.expect("a key");
    let chunk = 256 << 10;
    for (start, length) in [
        (0, 1),
        (0, 4096),
        (1, 4096),
        (4095, 2),
        (chunk - 1, 2),
        (7, chunk),
        (0, chunk + 1),
        (bytes.len() - 1, 1),
        (1000, bytes.len() - 1000),
    ] {
        let found = read(store, &key, range(start, length)).await.expect("the range");
        assert!(found == bytes.slice(start..start + length), "{length} bytes from {start}");
    }
}

pub(super) async fn beyond_the_end_are_damage(store: &dyn BlobStore) {
    let bytes = content("short", 1000);
    let key = store.put(&slot(&bytes, "short", true), bytes.clone()).await.expect("a key");
    assert_damaged(read(store, &key, range(0, 1001)).await, "one byte too many");
    assert_damaged(read(store, &key, range(5000, 1)).await, "far beyond the end");
}
