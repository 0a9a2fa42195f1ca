//! Pulls while the metadata is away, if the operator wants that.

use std::time::Duration;

use oci::Digest;
use testkit::{Answer, Fault, TestRegistry, fixture};

const TERM: Duration = Duration::from_secs(60);
const READS: &[&str] = &["manifest", "blob", "blob_size", "tags", "repositories", "referrers"];

async fn start(term: Duration) -> TestRegistry {
    TestRegistry::builder().delete_enabled().set(|o| o.registry.stale_reads = term).start().await
}

fn is_stale(answer: &Answer) -> bool {
    answer.header("warning") == Some("110 berth \"Response is Stale\"")
}

#[tokio::test]
async fn pulls_of_known_digests_go_on_for_the_stated_time_and_no_longer() {
    let registry = start(TERM).await;
    let client = registry.client();
    let image = fixture::image(1, 100_000);
    image.pushed(&client, "a", "v1").await;
    let manifest = format!("/v2/a/manifests/{}", image.manifest.digest());
    let layer = format!("/v2/a/blobs/{}", Digest::sha256(&image.layers[0]));
    let config = format!("/v2/a/blobs/{}", Digest::sha256(&image.config));
    let known = [&manifest, &layer, &config];
    // By its tag: the digest is known after that.
    client.manifest("a", "v1").await.expect(200);
    for path in [&layer, &config] {
        let answer = client.get(path).await;
        assert!(!is_stale(&answer.expect(200)), "{path}");
    }
    for fault in [Fault::Busy, Fault::Failed] {
        registry.faults.fail_named(READS, fault);
        for path in known {
            let stale = client.get(path).await;
            assert!(is_stale(&stale) && stale.status == 200, "{path}: {stale:?}");
            let head = client.head(path).await;
            assert!(is_stale(&head) && head.status == 200, "{path}: {head:?}");
            assert_eq!(head.header("content-length"), stale.header("content-length"));
        }
        assert_eq!(client.get(&layer).await.body, image.layers[0]);
        assert_eq!(client.get(&manifest).await.body, image.manifest.bytes);
        // Tags are exact, and what nobody pulled is not known.
        let unknown = format!("/v2/b/blobs/{}", Digest::sha256(&image.config));
        for path in ["/v2/a/manifests/v1", "/v2/a/tags/list", "/v2/_catalog", &unknown] {
            let answer = client.get(path).await;
            assert_eq!((answer.status, is_stale(&answer)), (503, false), "{path}");
            assert!(answer.header("retry-after").is_some(), "{path}");
        }
    }
    assert_eq!(registry.registry().stale_reads(), 2 * (2 * 3 + 2));
    registry.clock.advance(TERM);
    client.get(&manifest).await.expect(200);
    registry.clock.advance(Duration::from_millis(1));
    for path in known {
        client.get(path).await.expect(503);
        client.head(path).await.expect(503);
    }
    registry.faults.clear();
    for path in known {
        assert!(!is_stale(&client.get(path).await.expect(200)));
    }
}

#[tokio::test]
async fn nothing_is_remembered_unless_it_is_asked_for() {
    let registry = start(Duration::ZERO).await;
    let client = registry.client();
    let image = fixture::image(1, 1000);
    image.pushed(&client, "a", "v1").await;
    let digest = image.manifest.digest().to_string();
    client.manifest("a", &digest).await.expect(200);
    registry.faults.fail_named(READS, Fault::Busy);
    client.manifest("a", &digest).await.expect(503);
}

#[tokio::test]
async fn what_is_deleted_or_found_gone_or_damaged_is_not_remembered() {
    let registry = start(TERM).await;
    let client = registry.client();
    let image = fixture::image(1, 1000);
    let away = || registry.faults.fail_named(READS, Fault::Busy);
    let digest = image.manifest.digest().to_string();
    let blob = fixture::blob(9, 1000);
    let blob = (Digest::sha256(&blob), blob);

    // Deleted here.
    image.pushed(&client, "a", "v1").await;
    client.push_blob("a", &blob.1).await.expect(201);
    client.manifest("a", &digest).await.expect(200);
    client.blob("a", &blob.0).await.expect(200);
    client.delete(format!("/v2/a/manifests/{digest}")).await.expect(202);
    client.delete(format!("/v2/a/blobs/{}", blob.0)).await.expect(202);
    away();
    client.manifest("a", &digest).await.expect(503);
    client.blob("a", &blob.0).await.expect(503);
    registry.faults.clear();

    // Deleted elsewhere, which this process has heard of.
    image.pushed(&client, "a", "v1").await;
    client.manifest("a", &digest).await.expect(200);
    let (repository, at) = (oci::RepositoryName::parse("a").unwrap(), store::Timestamp::default());
    let metadata = registry.metadata();
    let parsed = image.manifest.digest();
    let gone = store::ContentStore::delete_manifest(&*metadata, &repository, &parsed, None, at);
    assert!(gone.await.unwrap().is_some());
    client.manifest("a", &digest).await.expect(404);
    away();
    client.manifest("a", &digest).await.expect(503);
    registry.faults.clear();

    // A store that says that its content is wrong is not away.
    image.pushed(&client, "a", "v1").await;
    client.manifest("a", &digest).await.expect(200);
    registry.faults.fail_named(READS, Fault::Damaged);
    client.manifest("a", &digest).await.expect(500);
}
