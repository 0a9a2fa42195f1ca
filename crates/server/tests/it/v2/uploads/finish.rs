//! Closing: the same PUT again, wrong digests, cancelled uploads.

use oci::Digest;
use testkit::{TestRegistry, fixture};

#[tokio::test]
async fn the_same_put_again_gets_the_same_answer_also_after_a_restart() {
    for size in [0, 100, 50_000, 1 << 20] {
        let mut registry = TestRegistry::start().await;
        let bytes = fixture::blob(size as u64, size);
        let digest = Digest::sha256(&bytes);
        let upload = registry.client().open_upload("a").await;
        let first = registry.client().close_upload(&upload, &digest, &bytes[..]).await.expect(201);
        let again = registry.client().close_upload(&upload, &digest, &bytes[..]).await.expect(201);
        assert_eq!(first.location(), again.location());
        registry.restart().await;
        let late = registry.client().close_upload(&upload, &digest, []).await.expect(201);
        assert_eq!(late.header("docker-content-digest"), Some(digest.to_string().as_str()));
        assert!(registry.client().blob("a", &digest).await.expect(200).body == bytes);
    }
}

#[tokio::test]
async fn a_finished_upload_is_unknown_to_everything_but_its_own_put() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    let digest = Digest::sha256(b"done");
    let upload = client.open_upload("a").await;
    client.close_upload(&upload, &digest, *b"done").await.expect(201);
    let other = Digest::sha256(b"other");
    assert_eq!(client.get(&upload).await.expect(404).code(), "BLOB_UPLOAD_UNKNOWN");
    assert_eq!(client.patch(&upload, *b"x").await.expect(404).code(), "BLOB_UPLOAD_UNKNOWN");
    client.close_upload(&upload, &other, *b"other").await.expect(404);
    client.delete(&upload).await.expect(404);
}

#[tokio::test]
async fn a_wrong_digest_ends_the_upload_and_stores_nothing() {
    for size in [10, 300_000] {
        let registry = TestRegistry::start().await;
        let client = registry.client();
        let bytes = fixture::blob(1, size);
        let wrong = Digest::sha256(b"something else");
        let upload = client.open_upload("a").await;
        let answer = client.close_upload(&upload, &wrong, &bytes[..]).await.expect(400);
        assert_eq!(answer.code(), "DIGEST_INVALID");
        client.blob("a", &wrong).await.expect(404);
        client.blob("a", &Digest::sha256(&bytes)).await.expect(404);
        client.get(&upload).await.expect(404);
        assert_eq!(std::fs::read_dir(registry.root().join("berth/staging")).unwrap().count(), 0);
    }
}

#[tokio::test]
async fn a_cancelled_upload_stays_unknown_after_a_restart() {
    for size in [10, 300_000] {
        let mut registry = TestRegistry::start().await;
        let upload = registry.client().open_upload("a").await;
        registry.client().patch(&upload, fixture::blob(2, size)).await.expect(202);
        registry.client().delete(&upload).await.expect(204);
        registry.client().get(&upload).await.expect(404);
        assert_eq!(std::fs::read_dir(registry.root().join("berth/staging")).unwrap().count(), 0);
        registry.restart().await;
        registry.client().get(&upload).await.expect(404);
        registry.client().patch(&upload, *b"x").await.expect(404);
    }
}

#[tokio::test]
async fn an_upload_alone_makes_no_repository() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    let upload = client.open_upload("a").await;
    client.patch(&upload, *b"some bytes").await.expect(202);
    assert_eq!(client.get("/v2/a/tags/list").await.expect(404).code(), "NAME_UNKNOWN");
    client.close_upload(&upload, &Digest::sha256(b"some bytes"), []).await.expect(201);
    let list = client.get("/v2/a/tags/list").await.expect(200).json();
    assert_eq!(list, serde_json::json!({ "name": "a", "tags": [] }));
    let catalog = client.get("/v2/_catalog").await.expect(200).json();
    assert_eq!(catalog, serde_json::json!({ "repositories": [] }));
}
