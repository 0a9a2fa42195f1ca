//! Blobs that are not what they should be.

use oci::{Digest, RepositoryName};
use store::{BlobKey, Clock, ImportBatch, ImportStore, ImportedBlob};
use testkit::{Fault, Request, TestRegistry, fixture};

/// Puts a file into the tree under `digest`, as another registry might have
/// left it, and imports it.
async fn plant(registry: &TestRegistry, digest: &Digest, bytes: &[u8]) {
    plant_as(registry, digest, None, bytes).await;
}

async fn plant_as(registry: &TestRegistry, digest: &Digest, sha512: Option<Digest>, bytes: &[u8]) {
    let hex = digest.hex();
    let key = format!("docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]);
    let path = registry.root().join(&key);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
    let size = bytes.len() as u64;
    let blob = ImportedBlob { sha256: *digest, sha512, size, key: BlobKey::new(key) };
    let batch = ImportBatch {
        repository: RepositoryName::parse("a").unwrap(),
        blobs: vec![blob],
        manifests: Vec::new(),
        tags: Vec::new(),
        at: registry.clock.now(),
    };
    registry.metadata().import(batch).await.unwrap();
}

#[tokio::test]
async fn an_imported_blob_that_is_whole_is_served() {
    let registry = TestRegistry::start().await;
    for size in [1, 5000, 1_000_000] {
        let bytes = fixture::blob(size as u64, size);
        let digest = Digest::sha256(&bytes);
        plant(&registry, &digest, &bytes).await;
        let read = registry.client().blob("a", &digest).await.expect(200);
        assert!(read.complete && read.body == bytes);
    }
}

#[tokio::test]
async fn an_imported_blob_with_wrong_bytes_is_never_complete() {
    let registry = TestRegistry::start().await;
    for size in [1, 5000, 1_000_000] {
        let mut bytes = fixture::blob(size as u64, size);
        let digest = Digest::sha256(&bytes);
        bytes[size / 2] ^= 1;
        plant(&registry, &digest, &bytes).await;
        let client = registry.client();
        let get = Request::new("GET", format!("/v2/a/blobs/{digest}"));
        for request in [get.clone(), get.with("Range", "bytes=0-")] {
            let read = client.send(request).await;
            let cut = !read.complete && read.body.len() < size;
            assert!(cut || read.status == 500, "{} {} of {size}", read.status, read.body.len());
        }
    }
}

#[tokio::test]
async fn an_imported_blob_without_bytes_is_damaged_unless_it_is_the_empty_one() {
    let registry = TestRegistry::start().await;
    let (empty, other) = (Digest::sha256(b""), Digest::sha256(b"other"));
    for digest in [&empty, &other] {
        plant(&registry, digest, b"").await;
    }
    registry.client().blob("a", &empty).await.expect(200);
    registry.client().blob("a", &other).await.expect(500);
}

#[tokio::test]
async fn a_push_replaces_an_imported_blob_with_wrong_bytes() {
    for size in [100, 1_000_000] {
        let registry = TestRegistry::start().await;
        let client = registry.client();
        let bytes = fixture::blob(size as u64, size);
        let digest = Digest::sha256(&bytes);
        plant(&registry, &digest, b"something else entirely").await;
        client.push_blob("a", &bytes).await.expect(201);
        let read = client.blob("a", &digest).await.expect(200);
        assert!(read.complete && read.body == bytes);
    }
}

#[tokio::test]
async fn a_blob_whose_file_is_gone_is_an_error_and_not_unknown() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    let bytes = fixture::blob(1, 100_000);
    let digest = Digest::sha256(&bytes);
    client.push_blob("a", &bytes).await.expect(201);
    let hex = digest.hex();
    let place = format!("docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]);
    std::fs::remove_file(registry.root().join(place)).unwrap();
    let answer = client.blob("a", &digest).await.expect(500);
    assert_eq!(answer.code(), "UNKNOWN");
    assert!(!String::from_utf8_lossy(&answer.body).contains("data"));
}

#[tokio::test]
async fn a_failing_store_is_never_not_found() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    let image = fixture::image(1, 100_000);
    image.pushed(&client, "a", "v1").await;
    let layer = Digest::sha256(&image.layers[0]);
    let paths = [
        format!("/v2/a/blobs/{layer}"),
        "/v2/a/manifests/v1".into(),
        "/v2/a/manifests/absent".into(),
        format!("/v2/a/manifests/{}", image.manifest.digest()),
        "/v2/a/tags/list".into(),
        "/v2/absent/tags/list".into(),
        "/v2/_catalog".into(),
        format!("/v2/a/referrers/{layer}"),
    ];
    let reads = ["blob", "manifest", "tags", "repositories", "referrers", "read"];
    for (fault, status) in [(Fault::Failed, 503), (Fault::Busy, 503), (Fault::Damaged, 500)] {
        registry.faults.fail_named(&reads, fault);
        for path in &paths {
            let answer = client.get(path).await;
            assert_eq!(answer.status, status, "{path} {fault:?}");
            assert_eq!(answer.header("retry-after").is_some(), status == 503, "{path}");
            assert!(!answer.code().is_empty());
            assert!(!String::from_utf8_lossy(&answer.body).contains("a test made"));
        }
    }
    registry.faults.clear();
    client.get(&paths[0]).await.expect(200);
}

#[tokio::test]
async fn an_imported_blob_under_a_wrong_sha512_is_not_served_by_it() {
    let registry = TestRegistry::start().await;
    let bytes = fixture::blob(1, 5000);
    let (sha256, wrong) = (Digest::sha256(&bytes), Digest::of(oci::Algorithm::Sha512, b"other"));
    plant_as(&registry, &sha256, Some(wrong), &bytes).await;
    registry.client().blob("a", &wrong).await.expect(500);
    registry.client().blob("a", &sha256).await.expect(200);
}
