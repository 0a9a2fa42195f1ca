//! Clients that are slow or silent are let go in time, and nobody else is.

use std::time::Duration;

use oci::Digest;
use testkit::{Request, TestRegistry, Wire, fixture};
use tokio::time::{interval, timeout};

const SHORT: Duration = Duration::from_millis(150);
/// Far longer than any limit here, far shorter than the defaults.
const SOON: Duration = Duration::from_secs(8);

async fn short() -> TestRegistry {
    let builder = TestRegistry::builder().set(|options| {
        options.server.head_timeout = SHORT;
        options.server.idle_timeout = SHORT;
    });
    builder.start().await
}

async fn closed(wire: &mut Wire) -> Vec<u8> {
    timeout(SOON, wire.closed()).await.expect("the connection stays open")
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed() {
    let registry = short().await;
    let mut wire = registry.client().wire().await;
    assert!(closed(&mut wire).await.is_empty());
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed_where_http2_is_offered_too() {
    let registry = TestRegistry::builder()
        .set(|options| {
            options.server.idle_timeout = SHORT;
            options.server.h2c = true;
        })
        .start()
        .await;
    let mut wire = registry.client().wire().await;
    assert!(closed(&mut wire).await.is_empty());
}

#[tokio::test]
async fn a_connection_that_falls_silent_after_an_answer_is_closed() {
    let registry = short().await;
    let mut wire = registry.client().wire().await;
    wire.send(Request::new("GET", "/v2/").bytes()).await.unwrap();
    wire.answer(false).await.expect(200);
    assert!(closed(&mut wire).await.is_empty());
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_is_cut_off() {
    let registry =
        TestRegistry::builder().set(|options| options.server.head_timeout = SHORT).start().await;
    for begins_after in [0, 1] {
        let mut wire = registry.client().wire().await;
        for _ in 0..begins_after {
            wire.send(Request::new("GET", "/v2/").bytes()).await.unwrap();
            wire.answer(false).await.expect(200);
        }
        let trickle = async {
            let mut ticks = interval(Duration::from_millis(20));
            wire.send("GET /v2/ HTTP/1.1\r\nHost: x\r\nX: ").await?;
            loop {
                ticks.tick().await;
                wire.send("a").await?;
            }
        };
        let result: std::io::Result<()> = timeout(SOON, trickle).await.expect("it may go on");
        assert!(result.is_err());
    }
}

async fn stalling(stall: Duration) -> TestRegistry {
    TestRegistry::builder().set(|options| options.server.upload_stall = stall).start().await
}

#[tokio::test]
async fn an_upload_that_stalls_is_answered_and_kept() {
    let registry = stalling(Duration::from_millis(400)).await;
    let client = registry.client();
    for size in [1000, 400_000] {
        let bytes = fixture::blob(size as u64, size);
        let upload = client.open_upload("a").await;
        let mut wire = client.wire().await;
        let length = size.to_string();
        let mut begun = Request::new("PATCH", &upload).with("Content-Length", length).bytes();
        begun.extend_from_slice(&bytes[..size / 2]);
        wire.send(begun).await.unwrap();
        let answer = timeout(SOON, wire.answer(false)).await.unwrap().expect(408);
        assert!(!answer.code().is_empty());
        let status = client.get(&upload).await.expect(204);
        assert_eq!(status.header("range"), Some(format!("0-{}", size / 2 - 1).as_str()));
        let digest = Digest::sha256(&bytes);
        client.close_upload(&upload, &digest, &bytes[size / 2..]).await.expect(201);
    }
}

#[tokio::test]
async fn a_slow_upload_that_goes_on_is_not_cut_off() {
    let registry = stalling(Duration::from_secs(1)).await;
    let client = registry.client();
    let upload = client.open_upload("a").await;
    let mut wire = client.wire().await;
    let head = Request::new("PATCH", &upload).with("Content-Length", "15").bytes();
    wire.send(head).await.unwrap();
    let mut ticks = interval(Duration::from_millis(100));
    for _ in 0..15 {
        ticks.tick().await;
        wire.send("a").await.unwrap();
    }
    wire.answer(false).await.expect(202);
}

#[tokio::test]
async fn a_client_that_takes_no_bytes_is_let_go() {
    let builder = TestRegistry::builder().set(|options| options.server.download_stall = SHORT);
    let registry = builder.start().await;
    let client = registry.client();
    // More than socket buffers hold.
    let bytes = fixture::blob(1, 48 << 20);
    client.push_blob("a", &bytes).await.expect(201);
    let mut wire = client.wire().await;
    let path = format!("/v2/a/blobs/{}", Digest::sha256(&bytes));
    wire.send(Request::new("GET", path).bytes()).await.unwrap();
    let ended = async {
        let mut ticks = interval(Duration::from_millis(20));
        loop {
            ticks.tick().await;
            let text = registry.debug_client().get("/metrics").await.expect(200).body;
            let text = String::from_utf8(text).unwrap();
            let gone = "registry_http_in_flight_requests{handler=\"blob\"} 0";
            let seen =
                "registry_http_requests_total{handler=\"blob\",method=\"get\",code=\"200\"} 1";
            if text.contains(gone) && text.contains(seen) {
                return;
            }
        }
    };
    timeout(SOON, ended).await.expect("the download is still being served");
    assert!(!wire.answer(false).await.complete);
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_for_a_place() {
    let registry =
        TestRegistry::builder().set(|options| options.server.max_connections = 2).start().await;
    let client = registry.client();
    let mut first = client.wire().await;
    let mut second = client.wire().await;
    for wire in [&mut first, &mut second] {
        wire.send(Request::new("GET", "/v2/").bytes()).await.unwrap();
        wire.answer(false).await.expect(200);
    }
    let mut third = client.wire().await;
    third.send(Request::new("GET", "/v2/").bytes()).await.unwrap();
    assert!(timeout(SHORT, third.head()).await.is_err(), "a third connection is served");
    drop(first);
    assert_eq!(timeout(SOON, third.answer(false)).await.unwrap().status, 200);
}
