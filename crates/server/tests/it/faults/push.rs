//! For every store call of a push: let it fail, before or after its effect.

use oci::Digest;
use testkit::fixture::ImageFixture;
use testkit::{Answer, Client, Fault, TestRegistry, When, fixture};

/// Everything that was acknowledged can be read back exactly.
async fn holds(client: &Client, image: &ImageFixture, tag: &str, answers: &[Answer], what: &str) {
    let created = answers.iter().filter(|answer| answer.status == 201).count();
    for blob in image.blobs().take(created) {
        let read = client.blob("a", &Digest::sha256(blob)).await;
        assert!(read.status == 200 && read.complete && read.body == *blob, "{what}");
    }
    if created > image.blobs().count() {
        let read = client.manifest("a", tag).await;
        assert!(read.status == 200 && read.body == image.manifest.bytes, "{what}");
    }
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        assert!(matches!(answer.status, 500 | 503 | 507), "{what}: {}", answer.status);
        assert!(!answer.code().is_empty(), "{what}");
    }
}

async fn every_call_fails_once(layer: usize, fault: Fault, when: When) {
    let mut registry = TestRegistry::start().await;
    let client = registry.client();
    let mut kept = Vec::new();
    registry.faults.clear();
    fixture::image(1_000_000, layer).pushed(&client, "a", "all").await;
    let calls = registry.faults.calls();
    assert!(calls.contains(&"publish_blob") && calls.contains(&"put_manifest"), "{calls:?}");
    for n in 0..calls.len() {
        let what = format!("{fault:?} {when:?} call {n} of {calls:?}");
        let (image, tag) = (fixture::image(n as u64, layer), format!("t{n}"));
        registry.faults.fail_nth(n, fault, when);
        let answers = image.push(&client, "a", &tag).await;
        registry.faults.clear();
        holds(&client, &image, &tag, &answers, &what).await;
        let again = image.push(&client, "a", &tag).await;
        assert!(again.iter().all(|answer| answer.status == 201), "{what}: {again:?}");
        holds(&client, &image, &tag, &again, &what).await;
        kept.push((image, tag, again, what));
    }
    registry.crash().await;
    for (image, tag, answers, what) in kept {
        holds(&registry.client(), &image, &tag, &answers, &what).await;
    }
}

#[tokio::test]
async fn a_push_of_small_layers_survives_every_failure() {
    for fault in [Fault::Full, Fault::Failed] {
        every_call_fails_once(1000, fault, When::Before).await;
        every_call_fails_once(1000, fault, When::After).await;
    }
}

#[tokio::test]
async fn a_push_of_middling_layers_survives_every_failure() {
    for fault in [Fault::Full, Fault::Failed] {
        every_call_fails_once(60_000, fault, When::Before).await;
        every_call_fails_once(60_000, fault, When::After).await;
    }
}

#[tokio::test]
async fn a_push_of_staged_layers_survives_every_failure() {
    for fault in [Fault::Full, Fault::Failed, Fault::Busy] {
        every_call_fails_once(400_000, fault, When::Before).await;
        every_call_fails_once(400_000, fault, When::After).await;
    }
}
