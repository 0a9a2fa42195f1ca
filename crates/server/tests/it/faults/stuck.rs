//! No upload is stuck after a failure.

use oci::{Algorithm, Digest};
use testkit::{Fault, TestRegistry, When, fixture};

/// Fails every store call of a closing PUT in turn; then goes on as a client
/// does that asks for the offset first.
async fn goes_on_or_is_unknown(size: usize, algorithm: Algorithm, when: When) {
    let registry = TestRegistry::start().await;
    let client = registry.client();
    for n in 0..80 {
        let bytes = fixture::blob((size + n) as u64, size);
        let digest = Digest::of(algorithm, &bytes);
        let upload = client.open_upload("a").await;
        client.patch(&upload, &bytes[..size / 2]).await.expect(202);
        registry.faults.fail_nth(n, Fault::Failed, when);
        client.close_upload(&upload, &digest, &bytes[size / 2..]).await;
        let calls = registry.faults.calls();
        registry.faults.clear();
        let status = client.get(&upload).await;
        if status.status == 204 {
            let end: usize = status.header("range").unwrap()[2..].parse().unwrap();
            let kept = if end == 0 { 0 } else { end + 1 };
            let put = client.close_upload(&upload, &digest, &bytes[kept..]).await;
            // A PUT that had its effect after all has moved the bytes on.
            assert!(matches!(put.status, 201 | 404), "{n} {when:?} {calls:?}: {}", put.status);
        } else {
            assert_eq!(status.status, 404, "{n} {when:?} {calls:?}");
        }
        assert_eq!(client.push_blob("a", &bytes).await.status, 201, "{n} {calls:?}");
        assert!(client.blob("a", &digest).await.body == bytes || algorithm == Algorithm::Sha512);
        if n >= calls.len() {
            return;
        }
    }
    panic!("a closing PUT makes more store calls than this test knows");
}

#[tokio::test]
async fn a_closing_put_that_fails_anywhere_leaves_an_upload_that_goes_on_or_is_unknown() {
    for when in [When::Before, When::After] {
        for size in [1000, 60_000, 150_000, 400_000] {
            goes_on_or_is_unknown(size, Algorithm::Sha256, when).await;
            goes_on_or_is_unknown(size, Algorithm::Sha512, when).await;
        }
    }
}
