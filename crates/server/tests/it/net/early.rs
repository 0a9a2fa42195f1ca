//! Answers that are sent before the body has ended reach the client.

use oci::MediaType;
use testkit::{Fault, Request, TestRegistry, Wire, fixture};
use tokio::io::AsyncWriteExt;

const BODY: usize = 64 << 20;

/// Sends all of the body before it looks for an answer, as many clients do.
async fn stream(wire: &mut Wire, request: Request, chunked: bool) -> std::io::Result<()> {
    let request = match chunked {
        true => request.with("Transfer-Encoding", "chunked"),
        false => request.with("Content-Length", BODY.to_string()),
    };
    wire.send(request.bytes()).await?;
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..BODY / piece.len() {
        if chunked {
            wire.send(format!("{:x}\r\n", piece.len())).await?;
        }
        wire.send(&piece).await?;
        if chunked {
            wire.send("\r\n").await?;
        }
    }
    if chunked { wire.send("0\r\n\r\n").await } else { Ok(()) }
}

async fn refused(registry: &TestRegistry, request: Request, status: u16) {
    for chunked in [false, true] {
        let mut wire = registry.client().wire().await;
        let sent = stream(&mut wire, request.clone(), chunked).await;
        assert!(sent.is_ok(), "the client met a broken pipe: {sent:?}");
        let answer = wire.answer(false).await.expect(status);
        assert!(answer.complete && !answer.code().is_empty());
    }
}

async fn with_accounts() -> TestRegistry {
    let directory = testkit::directory();
    let path = directory.path().join("htpasswd");
    tokio::fs::File::create(&path).await.unwrap().flush().await.unwrap();
    let registry =
        TestRegistry::builder().set(move |options| options.htpasswd = Some(path)).start().await;
    drop(directory);
    registry
}

#[tokio::test]
async fn a_refused_caller_that_streams_a_layer_reads_its_401() {
    let registry = with_accounts().await;
    refused(&registry, Request::new("PATCH", "/v2/a/blobs/uploads/x"), 401).await;
}

#[tokio::test]
async fn a_manifest_that_is_far_too_large_gets_its_413() {
    let registry = TestRegistry::start().await;
    let put = Request::new("PUT", "/v2/a/manifests/v1");
    refused(&registry, put.with("Content-Type", MediaType::OCI_MANIFEST), 413).await;
}

#[tokio::test]
async fn a_disk_that_is_full_in_the_middle_of_a_layer_is_told() {
    let registry = TestRegistry::start().await;
    registry.faults.fail_named(&["append"], Fault::Full);
    for _ in 0..2 {
        let upload = registry.client().open_upload("a").await;
        refused(&registry, Request::new("PATCH", upload), 507).await;
    }
}

#[tokio::test]
async fn an_unknown_upload_that_gets_a_layer_is_told() {
    let registry = TestRegistry::start().await;
    refused(&registry, Request::new("PATCH", "/v2/a/blobs/uploads/x"), 404).await;
}

#[tokio::test]
async fn a_client_that_asks_first_is_refused_before_it_sends() {
    let registry = with_accounts().await;
    let mut wire = registry.client().wire().await;
    let put = Request::new("PUT", "/v2/a/manifests/v1")
        .with("Expect", "100-continue")
        .with("Content-Length", "1000000");
    wire.send(put.bytes()).await.unwrap();
    assert_eq!(wire.head().await.unwrap().status, 401);
}

#[tokio::test]
async fn a_client_that_asks_first_is_told_to_go_on() {
    let registry = TestRegistry::start().await;
    let index = fixture::index(&[]);
    let mut wire = registry.client().wire().await;
    let put = Request::new("PUT", "/v2/a/manifests/v1")
        .with("Expect", "100-continue")
        .with("Content-Type", index.media_type)
        .with("Content-Length", index.bytes.len().to_string());
    wire.send(put.bytes()).await.unwrap();
    assert_eq!(wire.head().await.unwrap().status, 100);
    wire.send(&index.bytes).await.unwrap();
    wire.answer(false).await.expect(201);
}
