//! What `registry:2` and `registry:3` had.

use oci::Digest;
use serde_json::json;
use testkit::{Request, TestRegistry, fixture};

use crate::access::world::World;

#[tokio::test]
async fn cve_2017_11468_a_manifest_is_read_only_up_to_its_limit() {
    let small = |options: &mut testkit::Options| options.registry.manifest_max_bytes = 10_000;
    let registry = TestRegistry::builder().set(small).start().await;
    let client = registry.client();
    let push = |length: usize| {
        let bytes = format!("{{\"schemaVersion\":2,\"x\":\"{}\"}}", "x".repeat(length));
        let client = client.clone();
        async move { client.push_manifest("a", "v1", oci::MediaType::OCI_INDEX, bytes.as_bytes()).await }
    };
    assert_eq!(push(20_000).await.expect(413).code(), "SIZE_INVALID");
    push(3_000_000).await.expect(413);
    // Nor is it believed that it is short.
    let request = Request::new("PUT", "/v2/a/manifests/v1").with("Content-Length", "4294967296");
    let mut wire = client.wire().await;
    wire.send(request.bytes()).await.unwrap();
    wire.send(vec![b' '; 20_000]).await.unwrap();
    wire.answer(false).await.expect(413);
    client.get("/v2/a/tags/list").await.expect(404);
}

#[tokio::test]
async fn ghsa_qq97_vm5h_rrhg_a_document_is_an_image_or_an_index_never_both() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    let image = fixture::image(1, 100);
    image.pushed(&client, "a", "v1").await;
    let mut both: serde_json::Value = serde_json::from_slice(&image.manifest.bytes).unwrap();
    both["manifests"] = json!([]);
    let bytes = serde_json::to_vec(&both).unwrap();
    for kind in [oci::MediaType::OCI_MANIFEST, oci::MediaType::OCI_INDEX] {
        let refused = client.push_manifest("a", "both", kind, &bytes).await.expect(400);
        assert_eq!(refused.code(), "MANIFEST_INVALID");
    }
    // What the head and the body call it must be the same.
    let as_index = oci::MediaType::OCI_INDEX;
    client.push_manifest("a", "other", as_index, &image.manifest.bytes).await.expect(400);
    client.manifest("a", "both").await.expect(404);
}

#[tokio::test]
async fn cve_2023_2253_the_wanted_page_size_is_no_size_of_memory() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    fixture::image(1, 100).pushed(&client, "a", "v1").await;
    for path in ["/v2/_catalog", "/v2/a/tags/list"] {
        for n in ["2147483648", "9223372036854775808", "1000000000000000000000000000000"] {
            client.get(format!("{path}?n={n}")).await.expect(200);
        }
        for n in ["-1", "1e9", "0x10", "%20", ""] {
            client.get(format!("{path}?n={n}")).await.expect(400);
        }
    }
}

#[tokio::test]
async fn cve_2026_35172_a_deleted_blob_is_not_back_when_another_repository_touches_it() {
    let registry = TestRegistry::builder().delete_enabled().start().await;
    let client = registry.client();
    let bytes = fixture::blob(1, 100_000);
    let digest = Digest::sha256(&bytes);
    for repository in ["a", "b"] {
        client.push_blob(repository, &bytes).await.expect(201);
        client.blob(repository, &digest).await.expect(200);
    }
    client.delete(format!("/v2/a/blobs/{digest}")).await.expect(202);
    client.blob("a", &digest).await.expect(404);
    // Reading, pushing again and mounting elsewhere change nothing here.
    client.blob("b", &digest).await.expect(200);
    client.push_blob("b", &bytes).await.expect(201);
    client.post(format!("/v2/c/blobs/uploads/?mount={digest}&from=b")).await.expect(201);
    client.blob("c", &digest).await.expect(200);
    client.blob("a", &digest).await.expect(404);
    client.head(format!("/v2/a/blobs/{digest}")).await.expect(404);
}

#[tokio::test]
async fn cve_2026_41888_a_tag_stays_where_deletion_is_off() {
    let world = World::with(|_, options| options.registry.delete_enabled = false).await;
    let root = world.user("root");
    let image = fixture::image(1, 100);
    image.pushed(&root, "a", "v1").await;
    for reference in ["v1".to_owned(), image.manifest.digest().to_string()] {
        let refused = root.delete(format!("/v2/a/manifests/{reference}")).await.expect(405);
        assert_eq!(refused.code(), "UNSUPPORTED");
    }
    root.manifest("a", "v1").await.expect(200);
}
