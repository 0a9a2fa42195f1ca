//! Upload ids: made here, for one repository, for a while.

use std::time::Duration;

use oci::Digest;
use testkit::TestRegistry;

#[tokio::test]
async fn the_id_of_another_repository_is_unknown() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    let upload = client.open_upload("a").await;
    client.patch(&upload, *b"bytes").await.expect(202);
    let stolen = upload.replace("/v2/a/", "/v2/b/");
    assert_eq!(client.get(&stolen).await.expect(404).code(), "BLOB_UPLOAD_UNKNOWN");
    client.patch(&stolen, *b"x").await.expect(404);
    client.close_upload(&stolen, &Digest::sha256(b"bytes"), []).await.expect(404);
    client.delete(&stolen).await.expect(404);
    client.close_upload(&upload, &Digest::sha256(b"bytes"), []).await.expect(201);
}

#[tokio::test]
async fn an_id_that_was_never_made_here_is_unknown() {
    let registry = TestRegistry::start().await;
    let other = TestRegistry::builder().start().await;
    let client = registry.client();
    let genuine = client.open_upload("a").await;
    let id = genuine.rsplit('/').next().unwrap();
    let mut changed = id.to_owned();
    let last = changed.pop().unwrap();
    changed.push(if last == '0' { '1' } else { '0' });
    let far = other.client();
    for id in ["x", "..", "%2e%2e", &changed, &id[..36], &format!("{id}0"), &"a".repeat(5000)] {
        let path = format!("/v2/a/blobs/uploads/{id}");
        assert_eq!(client.get(&path).await.status, 404, "{id}");
        assert_eq!(client.patch(&path, *b"x").await.status, 404, "{id}");
    }
    // Same clock and seed, but another key would not do; here the key is the same by
    // construction, so only the path is checked.
    far.get(genuine.replace("/v2/a/", "/v2/c/")).await.expect(404);
}

#[tokio::test]
async fn an_id_that_nobody_used_in_time_is_unknown() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    let unused = client.open_upload("a").await;
    let used = client.open_upload("a").await;
    client.patch(&used, *b"bytes").await.expect(202);
    registry.clock.advance(Duration::from_secs(3600) - Duration::from_millis(1));
    client.get(&unused).await.expect(204);
    registry.clock.advance(Duration::from_millis(2));
    client.get(&unused).await.expect(404);
    client.close_upload(&unused, &Digest::sha256(b"x"), *b"x").await.expect(404);
    client.close_upload(&used, &Digest::sha256(b"bytes"), []).await.expect(201);
}

#[tokio::test]
async fn an_upload_in_use_outlives_the_time_to_begin_also_after_a_restart() {
    let mut registry = TestRegistry::start().await;
    let upload = registry.client().open_upload("a").await;
    registry.client().patch(&upload, *b"bytes").await.expect(202);
    registry.clock.advance(Duration::from_secs(24 * 3600));
    registry.restart().await;
    let client = registry.client();
    client.get(&upload).await.expect(204);
    client.close_upload(&upload, &Digest::sha256(b"bytes"), []).await.expect(201);
}
