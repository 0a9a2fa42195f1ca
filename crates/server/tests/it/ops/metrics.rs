//! Prometheus metrics.

use testkit::{Client, TestRegistry, fixture};

async fn metrics(debug: &Client) -> String {
    let answer = debug.get("/metrics").await.expect(200);
    assert!(answer.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    String::from_utf8(answer.body).unwrap()
}

#[tokio::test]
async fn requests_are_counted_by_handler_method_and_code() {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    fixture::image(1, 1000).pushed(&client, "secret/name", "v1").await;
    client.manifest("secret/name", "v1").await.expect(200);
    client.manifest("secret/name", "absent").await.expect(404);
    client.send(testkit::Request::new("BREW", "/v2/")).await.expect(405);
    let text = metrics(&registry.debug_client()).await;
    for line in [
        "registry_http_requests_total{handler=\"manifest\",method=\"put\",code=\"201\"} 1",
        "registry_http_requests_total{handler=\"manifest\",method=\"get\",code=\"200\"} 1",
        "registry_http_requests_total{handler=\"manifest\",method=\"get\",code=\"404\"} 1",
        "registry_http_requests_total{handler=\"blob_upload\",method=\"post\",code=\"202\"} 2",
        "registry_http_requests_total{handler=\"base\",method=\"other\",code=\"405\"} 1",
        "registry_http_in_flight_requests{handler=\"manifest\"} 0",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("secret"));
    assert!(text.ends_with("# EOF\n"));
}

#[tokio::test]
async fn requests_that_clients_give_up_are_no_longer_in_flight() {
    let registry = TestRegistry::builder()
        .set(|options| options.server.upload_stall = std::time::Duration::from_millis(100))
        .start()
        .await;
    let client = registry.client();
    let upload = client.open_upload("a").await;
    for method in ["GET", "PATCH"] {
        let mut wire = client.wire().await;
        let request = testkit::Request::new(method, &upload).with("Content-Length", "10");
        wire.send(request.bytes()).await.unwrap();
        wire.send("12345").await.unwrap();
        drop(wire);
    }
    let mut text = String::new();
    for _ in 0..200 {
        text = metrics(&registry.debug_client()).await;
        if text.contains("registry_http_in_flight_requests{handler=\"blob_upload_chunk\"} 0") {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{text}");
}
