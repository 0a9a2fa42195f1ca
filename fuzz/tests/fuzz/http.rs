//! Whole requests against a running registry: paths, queries, every header
//! that is read. Whatever comes, the answer is no failure of ours, and the
//! registry goes on.

use std::time::Duration;

use fuzz::{config, hostile};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use testkit::{Request, TestRegistry, Wire};

const DIGEST: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

fn examples() -> Vec<Vec<u8>> {
    let get = |path: &str| Request::new("GET", path);
    let requests = [
        get("/v2/"),
        get("/v2/_catalog?n=5&last=a%2Fb"),
        get("/v2/a/b/tags/list?n=2&last=v1"),
        get("/v2/a/manifests/v1").with("Accept", "*/*").with("If-None-Match", "\"x\", W/\"y\""),
        get(&format!("/v2/a/blobs/{DIGEST}")).with("Range", "bytes=0-0,-1"),
        get(&format!("/v2/a/blobs/{DIGEST}")).with("If-Range", "\"x\"").with("Range", "bytes=1-"),
        get(&format!("/v2/a/referrers/{DIGEST}?artifactType=a%2Fb&artifactType=c")),
        get("/v2/a/tags/list").with("Authorization", "Basic YW5uOnNlY3JldA=="),
        get("/v2/").with("X-Forwarded-For", "1.2.3.4, ::1").with("Forwarded", "for=x;proto=https"),
        Request::new("POST", format!("/v2/a/blobs/uploads/?mount={DIGEST}&from=b")).body([]),
        Request::new("POST", format!("/v2/a/blobs/uploads/?digest={DIGEST}")).body(*b"{}"),
        Request::new("POST", "/v2/a/blobs/uploads/?digest-algorithm=sha512").body([]),
        Request::new("PATCH", "/v2/a/blobs/uploads/x").with("Content-Range", "0-1").body(*b"{}"),
        Request::new("PUT", format!("/v2/a/blobs/uploads/x?digest={DIGEST}")).body(*b"{}"),
        Request::new("PUT", format!("/v2/a/manifests/{DIGEST}?tag=v1&tag=v2"))
            .with("Content-Type", "application/vnd.oci.image.manifest.v1+json; x=y")
            .body(*b"{}"),
        Request::new("PATCH", "/v2/a/blobs/uploads/x").with("Transfer-Encoding", "chunked"),
        Request::new("DELETE", "/v2/a/manifests/v1"),
    ];
    let mut examples: Vec<Vec<u8>> = requests.iter().map(Request::bytes).collect();
    if let Some(chunked) = examples.iter_mut().find(|example| example.ends_with(b"chunked\r\n\r\n"))
    {
        chunked.extend_from_slice(b"2\r\n{}\r\n0\r\n\r\n");
    }
    examples
}

async fn survives(registry: &TestRegistry, request: &[u8]) {
    let mut wire = Wire::connect(registry.address()).await;
    if wire.send(request).await.is_err() {
        return;
    }
    // One answer, or the end; a request that is not whole is let go after a while.
    if let Some(answer) = wire.head().await {
        let text = String::from_utf8_lossy(request);
        assert!(answer.status < 500, "{} to {text:?}", answer.status);
    }
}

#[test]
fn no_request_makes_the_registry_fail() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let registry = runtime.block_on(
        TestRegistry::builder()
            .delete_enabled()
            .set(|options| {
                options.server.head_timeout = Duration::from_millis(20);
                options.server.idle_timeout = Duration::from_millis(20);
                options.server.upload_stall = Duration::from_millis(20);
                options.server.base_url = server::BaseUrl::FromRequest;
                options.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
            })
            .start(),
    );
    let mut runner = TestRunner::new(config(1500));
    let strategy = hostile(examples());
    for _ in 0..runner.config().cases {
        let request = strategy.new_tree(&mut runner).unwrap().current();
        runtime.block_on(survives(&registry, &request));
    }
    runtime.block_on(async { registry.client().get("/v2/").await.expect(200) });
}
