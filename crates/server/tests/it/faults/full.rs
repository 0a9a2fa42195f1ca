//! A full disk: 507, reads go on, and it passes without a restart.

use oci::Digest;
use testkit::{Fault, TestRegistry, fixture};

const WRITES: [&str; 9] = [
    "stage",
    "append",
    "checkpoint",
    "publish",
    "put",
    "publish_blob",
    "put_manifest",
    "mount_blob",
    "save_upload",
];

#[tokio::test]
async fn a_full_disk_refuses_pushes_and_serves_pulls_and_recovers() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    let old = fixture::image(1, 300_000);
    old.pushed(&client, "a", "old").await;
    registry.faults.fail_named(&WRITES, Fault::Full);
    for size in [100, 50_000, 300_000] {
        let answer = client.push_blob("a", &fixture::blob(size as u64, size)).await.expect(507);
        assert_eq!(answer.code(), "UNAVAILABLE");
        assert!(!answer.body.is_empty());
    }
    old.manifest.push(&client, "a", "again").await.expect(507);
    client.manifest("a", "again").await.expect(404);
    let layer = Digest::sha256(&old.layers[0]);
    assert!(client.blob("a", &layer).await.expect(200).body == old.layers[0]);
    assert_eq!(client.manifest("a", "old").await.expect(200).body, old.manifest.bytes);
    registry.faults.clear();
    let new = fixture::image(2, 300_000);
    new.pushed(&client, "a", "new").await;
    assert_eq!(client.manifest("a", "new").await.expect(200).body, new.manifest.bytes);
}

#[tokio::test]
async fn an_upload_that_met_a_full_disk_goes_on_when_there_is_room() {
    for (first, second) in [(1000, 300_000), (300_000, 300_000)] {
        let registry = TestRegistry::start().await;
        let client = registry.client();
        let bytes = fixture::blob(first as u64, first + second);
        let upload = client.open_upload("a").await;
        client.patch(&upload, &bytes[..first]).await.expect(202);
        registry.faults.fail_named(&WRITES, Fault::Full);
        client.patch(&upload, &bytes[first..]).await.expect(507);
        registry.faults.clear();
        let answer = client.get(&upload).await.expect(204);
        let end: usize = answer.header("range").unwrap()[2..].parse().unwrap();
        let kept = if end == 0 { 0 } else { end + 1 };
        let digest = Digest::sha256(&bytes);
        client.close_upload(&upload, &digest, &bytes[kept..]).await.expect(201);
        assert!(client.blob("a", &digest).await.expect(200).body == bytes);
    }
}

#[tokio::test]
async fn a_closing_put_that_met_a_full_disk_never_reports_a_wrong_digest() {
    for size in [1000, 50_000, 600_000] {
        let registry = TestRegistry::start().await;
        let client = registry.client();
        let bytes = fixture::blob(size as u64, size);
        let digest = Digest::sha256(&bytes);
        let upload = client.open_upload("a").await;
        client.patch(&upload, &bytes[..]).await.expect(202);
        registry.faults.fail_named(&["publish", "put", "publish_blob"], Fault::Full);
        client.close_upload(&upload, &digest, []).await.expect(507);
        registry.faults.clear();
        // Either the upload is still whole, or it is gone and says so.
        let again = client.close_upload(&upload, &digest, []).await;
        assert!(matches!(again.status, 201 | 404), "{size}: {}", again.status);
        if again.status == 201 {
            assert!(client.blob("a", &digest).await.expect(200).body == bytes);
        }
    }
}
