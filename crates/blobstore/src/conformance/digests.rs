//! Digests that a store computes while it receives.

use oci::{Algorithm, Digest, Hasher};
use store::{BlobStore, Digests};

use super::material::{append, assert_holds, content, id, reopen, sha256, slot};

const MIB: usize = 1 << 20;

pub(super) async fn of_whole_uploads_are_right_around_buffer_edges(store: &dyn BlobStore) {
    let lengths =
        [0, 1, 4095, 4096, 4097, MIB - 1, MIB, MIB + 1, 3 * MIB + 7, 12 * MIB, 20 * MIB + 4095];
    for length in lengths {
        for chunk in [64 << 10, 100_003, 5 * MIB + 1] {
            let name = format!("edge-{length}-{chunk}");
            let bytes = content(&name, length);
            let mut staged = store.stage(&id(&name), sha256()).await.expect("a staging area");
            append(staged.as_mut(), &bytes, chunk).await;
            assert_eq!(staged.offset(), length as u64, "{name}");
            let digests = staged.finish().await.expect("digests");
            assert_eq!(digests, Digests { sha256: Digest::sha256(&bytes), sha512: None }, "{name}");
            let key = staged.publish(&slot(&bytes, &name, true)).await.expect("a key");
            assert_holds(store, &key, &bytes).await;

            let put = store.put(&slot(&bytes, &format!("{name}-put"), false), bytes.clone()).await;
            assert_holds(store, &put.expect("a key"), &bytes).await;
        }
    }
}

pub(super) async fn of_sha512_are_right_hinted_or_read_back(store: &dyn BlobStore) {
    let bytes = content("sha512", 2 * MIB + 77);
    let expected = Digest::of(Algorithm::Sha512, &bytes);

    let hashers = vec![Hasher::new(Algorithm::Sha256), Hasher::new(Algorithm::Sha512)];
    let mut hinted = store.stage(&id("sha512-hinted"), hashers).await.expect("a staging area");
    append(hinted.as_mut(), &bytes, 70_001).await;
    let digests = hinted.finish().await.expect("digests");
    assert_eq!(digests, Digests { sha256: Digest::sha256(&bytes), sha512: Some(expected) });

    let mut plain = store.stage(&id("sha512-plain"), sha256()).await.expect("a staging area");
    append(plain.as_mut(), &bytes, 70_001).await;
    assert_eq!(plain.sha512().await.expect("a digest"), expected);

    let bytes = content("sha512-large", 11 * MIB);
    let mut large = store.stage(&id("sha512-large"), sha256()).await.expect("a staging area");
    append(large.as_mut(), &bytes, MIB).await;
    assert_eq!(large.finish().await.expect("digests").sha256, Digest::sha256(&bytes));
    let digest = large.sha512().await.expect("a digest");
    assert_eq!(digest, Digest::of(Algorithm::Sha512, &bytes));
    let checkpoint = large.checkpoint(false).await.expect("a checkpoint");
    drop(large);
    let again = reopen(store, "sha512-large", &checkpoint).await;
    let key = again.publish(&slot(&bytes, "sha512-large", true)).await.expect("a key");
    assert_holds(store, &key, &bytes).await;
}
