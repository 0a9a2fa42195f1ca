//! What the operator decides about HTTP.

use oci::Digest;
use server::BaseUrl;
use testkit::{Client, Request, TestRegistry, fixture};

#[tokio::test]
async fn a_read_only_registry_reads_and_refuses_every_write() {
    let mut registry = TestRegistry::builder().delete_enabled().start().await;
    let image = fixture::image(1, 1000);
    image.pushed(&registry.client(), "a", "v1").await;
    let upload = registry.client().open_upload("a").await;
    registry.decide(|options| options.server.read_only = true);
    registry.restart().await;
    let client = registry.client();
    client.manifest("a", "v1").await.expect(200);
    let digest = Digest::sha256(&image.config);
    client.blob("a", &digest).await.expect(200);
    client.get("/v2/a/tags/list").await.expect(200);
    let writes = [
        ("POST", "/v2/a/blobs/uploads/".into()),
        ("PATCH", upload.clone()),
        ("PUT", format!("{upload}?digest={digest}")),
        ("DELETE", upload),
        ("PUT", "/v2/a/manifests/v2".into()),
        ("DELETE", "/v2/a/manifests/v1".into()),
        ("DELETE", format!("/v2/a/blobs/{digest}")),
    ];
    for (method, path) in writes {
        let answer = client.send(Request::new(method, path).body([])).await.expect(405);
        assert_eq!(answer.code(), "UNSUPPORTED");
        assert!(answer.json()["errors"][0]["message"].as_str().unwrap().contains("readonly"));
        assert!(answer.header("allow").is_some_and(|allow| !allow.contains(method)));
    }
    client.manifest("a", "v1").await.expect(200);
}

#[tokio::test]
async fn a_prefix_is_in_front_of_every_path_and_every_link() {
    let registry =
        TestRegistry::builder().set(|options| options.server.prefix = "/reg".into()).start().await;
    let client = registry.client();
    client.get("/v2/").await.expect(404);
    client.get("/reg/v2/").await.expect(200);
    client.get("/livez").await.expect(200);
    let redirect = client.get("/reg/v2").await.expect(301);
    assert_eq!(redirect.location(), "/reg/v2/");
    let opened = client.post("/reg/v2/a/blobs/uploads/").await.expect(202);
    assert!(opened.location().starts_with("/reg/v2/a/blobs/uploads/"));
    let digest = Digest::sha256(b"x");
    let closed = client.close_upload(opened.location(), &digest, *b"x").await.expect(201);
    assert_eq!(closed.location(), format!("/reg/v2/a/blobs/{digest}"));
    let index = fixture::index(&[]);
    for tag in ["v1", "v2"] {
        let put = Request::new("PUT", format!("/reg/v2/a/manifests/{tag}"));
        client.send(put.with("Content-Type", index.media_type).body(&index.bytes[..])).await;
    }
    let page = client.get("/reg/v2/a/tags/list?n=1").await.expect(200);
    assert_eq!(page.header("link"), Some("</reg/v2/a/tags/list?last=v1&n=1>; rel=\"next\""));
}

#[tokio::test]
async fn configured_headers_are_on_every_answer_of_the_api() {
    let registry = TestRegistry::builder()
        .set(|options| {
            let nosniff = ("x-content-type-options".parse().unwrap(), "nosniff".parse().unwrap());
            let more = ["a", "b"].map(|v| ("x-more".parse().unwrap(), v.parse().unwrap()));
            options.server.headers = [nosniff].into_iter().chain(more).collect();
        })
        .start()
        .await;
    for path in ["/v2/", "/v2/_catalog", "/v2/a/tags/list", "/v2/A/tags/list", "/v2/x"] {
        let answer = registry.client().get(path).await;
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.all("x-more"), ["a", "b"], "{path}");
    }
}

async fn location(client: &Client, headers: &[(&str, &str)]) -> String {
    let mut post = Request::new("POST", "/v2/a/blobs/uploads/").body([]);
    for (name, value) in headers {
        post = post.with(name, *value);
    }
    client.send(post).await.expect(202).location().to_owned()
}

const FORGED: [(&str, &str); 4] = [
    ("Host", "registry.test:5000"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "evil.example"),
    ("Forwarded", "proto=https;host=evil.example"),
];

#[tokio::test]
async fn links_are_paths_by_default_whatever_a_client_claims() {
    let registry = TestRegistry::start().await;
    assert!(location(&registry.client(), &FORGED).await.starts_with("/v2/a/blobs/uploads/"));
}

#[tokio::test]
async fn forged_headers_do_not_change_an_absolute_link() {
    let registry = TestRegistry::builder()
        .set(|options| {
            options.server.base_url = BaseUrl::FromRequest;
            options.server.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
        })
        .start()
        .await;
    let link = location(&registry.client(), &FORGED).await;
    assert!(link.starts_with("http://registry.test:5000/v2/a/"), "{link}");
}

#[tokio::test]
async fn a_trusted_proxy_decides_about_an_absolute_link() {
    let registry = TestRegistry::builder()
        .set(|options| {
            options.server.base_url = BaseUrl::FromRequest;
            options.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        })
        .start()
        .await;
    let client = registry.client();
    let said = [("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "pub.example")];
    let link = location(&client, &said).await;
    assert!(link.starts_with("https://pub.example/v2/a/"), "{link}");
    for broken in ["javascript", "", "HTTPS\tx"] {
        let link = location(&client, &[("X-Forwarded-Proto", broken)]).await;
        assert!(link.starts_with("http://registry.test/v2/"), "{link}");
    }
    for broken in ["a/b", "a b", "user@evil", "a?b", "a#b", "<x>"] {
        let link = location(&client, &[("X-Forwarded-Host", broken)]).await;
        assert!(link.starts_with("http://registry.test/v2/"), "{broken}: {link}");
    }
}

#[tokio::test]
async fn a_fixed_host_beats_everything() {
    let registry = TestRegistry::builder()
        .set(|options| {
            options.server.base_url = BaseUrl::Fixed("https://hub.example".into());
            options.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        })
        .start()
        .await;
    let link = location(&registry.client(), &FORGED).await;
    assert!(link.starts_with("https://hub.example/v2/a/"), "{link}");
}

#[tokio::test]
async fn sparse_repositories_take_manifests_without_what_they_reference() {
    let registry = TestRegistry::builder()
        .set(|options| {
            let repositories = registry::RepositoryPattern::new("sparse/.*").unwrap();
            let rule = registry::rules::SparseRule { repositories, sparse: true };
            options.registry.manifest_rules.sparse = vec![rule];
        })
        .start()
        .await;
    let client = registry.client();
    let child = fixture::image(1, 10).manifest;
    for index in [fixture::index(&[&child]), fixture::docker_list(&[&child])] {
        let answer = index.push(&client, "whole", "v1").await.expect(400);
        assert_eq!(answer.code(), "MANIFEST_BLOB_UNKNOWN");
        index.push(&client, "sparse/x", "v1").await.expect(201);
    }
    child.push(&client, "whole", "v2").await.expect(400);
    child.push(&client, "sparse/x", "v2").await.expect(201);
}

#[tokio::test]
async fn a_manifest_may_be_as_large_as_allowed_and_no_larger() {
    let registry = TestRegistry::builder()
        .set(|options| options.registry.manifest_max_bytes = 1000)
        .start()
        .await;
    let client = registry.client();
    let padded = |length: usize| {
        let mut bytes = fixture::index(&[]).bytes;
        bytes.resize(length, b' ');
        bytes
    };
    let kind = oci::MediaType::OCI_INDEX;
    client.push_manifest("a", "v1", kind, &padded(1000)).await.expect(201);
    client.push_manifest("a", "v1", kind, &padded(1001)).await.expect(413);
    assert_eq!(client.manifest("a", "v1").await.expect(200).body.len(), 1000);
}
