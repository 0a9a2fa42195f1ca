//! A stop lets requests end and loses no upload.

use std::time::Duration;

use oci::Digest;
use testkit::{Request, TestRegistry, Wire, fixture};

#[tokio::test]
async fn an_upload_that_is_being_sent_goes_on_after_a_restart() {
    for size in [1000, 100_000, 700_000, 3_000_000] {
        let mut registry = TestRegistry::builder()
            .set(|options| options.server.drain_timeout = Duration::from_millis(50))
            .start()
            .await;
        let bytes = fixture::blob(size as u64, size);
        let client = registry.client();
        let upload = client.open_upload("a").await;
        client.patch(&upload, &bytes[..size / 4]).await.expect(202);
        let mut wire = client.wire().await;
        let length = (size - size / 4).to_string();
        let head = Request::new("PATCH", &upload).with("Content-Length", length).bytes();
        wire.send(head).await.unwrap();
        wire.send(&bytes[size / 4..size / 2]).await.unwrap();
        registry.restart().await;
        let client = registry.client();
        let status = client.get(&upload).await.expect(204);
        let end: usize = status.header("range").unwrap()[2..].parse().unwrap();
        assert!(end + 1 >= size / 4 && end < size / 2, "{end} of {size}");
        let digest = Digest::sha256(&bytes);
        client.close_upload(&upload, &digest, &bytes[end + 1..]).await.expect(201);
        assert!(client.blob("a", &digest).await.expect(200).body == bytes);
    }
}

#[tokio::test]
async fn a_request_that_has_begun_is_answered_during_a_stop() {
    let mut registry = TestRegistry::start().await;
    let index = fixture::index(&[]);
    let client = registry.client();
    let mut wire = client.wire().await;
    let put = Request::new("PUT", "/v2/a/manifests/v1")
        .with("Content-Type", index.media_type)
        .with("Expect", "100-continue")
        .with("Content-Length", index.bytes.len().to_string());
    wire.send(put.bytes()).await.unwrap();
    assert_eq!(wire.head().await.unwrap().status, 100);
    let app = registry.app();
    let stopping = tokio::spawn(async move {
        registry.restart().await;
        registry
    });
    while app.health.readiness() != server::Readiness::Stopping {
        tokio::task::yield_now().await;
    }
    wire.send(&index.bytes).await.unwrap();
    wire.answer(false).await.expect(201);
    let registry = stopping.await.unwrap();
    registry.client().manifest("a", "v1").await.expect(200);
}

/// As behind a balancer, which counts a request as lost that it sent to whom
/// it had connected: whoever the kernel has taken for us is answered.
#[tokio::test]
async fn who_connected_before_a_stop_is_answered() {
    for _ in 0..20 {
        let mut registry = TestRegistry::start().await;
        let address = registry.address();
        let connect = |_| std::net::TcpStream::connect(address).unwrap();
        let connected: Vec<_> = (0..30).map(connect).collect();
        let stopping = tokio::spawn(async move { registry.stop().await });
        for stream in connected {
            stream.set_nonblocking(true).unwrap();
            let mut wire = Wire::over(tokio::net::TcpStream::from_std(stream).unwrap());
            wire.send(Request::new("GET", "/v2/").bytes()).await.unwrap();
            wire.answer(false).await.expect(200);
        }
        stopping.await.unwrap();
    }
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_a_stop() {
    let mut registry = TestRegistry::start().await;
    let mut wire = registry.client().wire().await;
    wire.send(Request::new("GET", "/v2/").bytes()).await.unwrap();
    wire.answer(false).await.expect(200);
    let silent = registry.client().wire().await;
    // The drain time is 8 s.
    tokio::time::timeout(Duration::from_secs(4), registry.stop()).await.unwrap();
    assert!(wire.closed().await.is_empty());
    drop(silent);
}

#[tokio::test]
async fn a_registry_that_is_not_ready_says_so_and_lives() {
    let registry = TestRegistry::builder().set(|options| options.not_ready = true).start().await;
    let client = registry.client();
    client.get("/livez").await.expect(200);
    let ready = client.get("/readyz").await.expect(503);
    assert_eq!(ready.json()["status"], "opening the store");
    client.get("/startupz").await.expect(503);
    let answer = client.get("/v2/").await.expect(503);
    assert!(answer.header("retry-after").is_some());
    assert_eq!(answer.code(), "UNAVAILABLE");
}
