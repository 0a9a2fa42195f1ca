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
    let registry = TestRegistry::start().await;
    let client = registry.client();
    let upload = client.open_upload("a").await;
    // A writer that takes its time, and a reader that waits for it.
    let mut writer = client.wire().await;
    let patch = testkit::Request::new("PATCH", &upload).with("Content-Length", "10");
    writer.send(patch.bytes()).await.unwrap();
    writer.send("12345").await.unwrap();
    in_flight(&registry, 1).await;
    let mut reader = client.wire().await;
    reader.send(testkit::Request::new("GET", &upload).bytes()).await.unwrap();
    in_flight(&registry, 2).await;
    drop(reader);
    in_flight(&registry, 1).await;
    writer.send("67890").await.unwrap();
    writer.answer(false).await.expect(202);
    in_flight(&registry, 0).await;
}

/// Waits until this many requests to the upload are in flight.
async fn in_flight(registry: &TestRegistry, count: usize) {
    let line = format!("registry_http_in_flight_requests{{handler=\"blob_upload_chunk\"}} {count}");
    for _ in 0..250 {
        if metrics(&registry.debug_client()).await.contains(&line) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("there are never {count} requests in flight");
}
