//! How often the store is asked for one blob: what a small push costs.

use std::sync::Arc;

use bytes::Bytes;
use store::{BlobStore, StagedBlob};

use super::{MIB, over, replica};
use crate::tests::{id, sha256, slot};
use crate::{Bucket, Call, Memory, ObjectBlobs};

struct House {
    memory: Memory,
    bucket: Arc<Bucket>,
    blobs: Arc<ObjectBlobs>,
}

impl House {
    async fn new() -> Self {
        let memory = Memory::good();
        let bucket = Bucket::in_memory(&memory, MIB);
        let blobs = replica(bucket.clone()).await;
        Self { memory, bucket, blobs }
    }

    /// Calls that `work` makes here and in `others`.
    fn count(&self, others: &[&Bucket]) -> u64 {
        self.bucket.calls().total() + others.iter().map(|other| other.calls().total()).sum::<u64>()
    }
}

fn bytes(length: usize) -> Bytes {
    (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

async fn staged(blobs: &ObjectBlobs, content: &Bytes) -> Box<dyn StagedBlob> {
    let mut staged = blobs.stage(&id("calls"), sha256()).await.unwrap();
    staged.append(content.clone()).await.unwrap();
    staged
}

#[tokio::test]
async fn a_small_blob_in_one_request_costs_one_call_and_gets_its_own_place() {
    let house = House::new().await;
    let content = bytes(200 << 10);
    let before = house.count(&[]);
    let mut upload = staged(&house.blobs, &content).await;
    upload.finish().await.unwrap();
    let key = upload.publish(&slot(&content, "calls")).await.unwrap();
    house.blobs.discard(&id("calls")).await.unwrap();
    assert_eq!(house.count(&[]) - before, 1);
    assert!(key.as_str().ends_with("/data"), "{key:?}");
}

#[tokio::test]
async fn a_small_blob_in_two_requests_costs_one_call() {
    let house = House::new().await;
    let content = bytes(200 << 10);
    let before = house.count(&[]);
    let mut upload = staged(&house.blobs, &content).await;
    upload.checkpoint(false).await.unwrap();
    // The closing request, which notes once more where it stands.
    upload.finish().await.unwrap();
    upload.checkpoint(false).await.unwrap();
    upload.publish(&slot(&content, "calls")).await.unwrap();
    house.blobs.discard(&id("calls")).await.unwrap();
    assert_eq!(house.count(&[]) - before, 1);
}

#[tokio::test]
async fn a_small_blob_that_two_replicas_receive_costs_two_calls() {
    let house = House::new().await;
    let second = Bucket::in_memory(&house.memory, MIB);
    let other = over(second.clone());
    let content = bytes(200 << 10);
    let before = house.count(&[&second]);
    let checkpoint = staged(&house.blobs, &content).await.checkpoint(true).await.unwrap();
    let mut upload = other.reopen(&id("calls"), checkpoint).await.unwrap().unwrap();
    upload.finish().await.unwrap();
    upload.checkpoint(false).await.unwrap();
    upload.publish(&slot(&content, "calls")).await.unwrap();
    other.discard(&id("calls")).await.unwrap();
    assert_eq!(house.count(&[&second]) - before, 2);
}

#[tokio::test]
async fn a_large_blob_costs_five_calls_beside_its_parts() {
    let house = House::new().await;
    let content = bytes(10 << 20);
    let calls = house.bucket.calls();
    let before = (calls.total(), calls.of(Call::Part), calls.of(Call::Get));
    let mut upload = staged(&house.blobs, &content).await;
    upload.finish().await.unwrap();
    upload.publish(&slot(&content, "calls")).await.unwrap();
    house.blobs.discard(&id("calls")).await.unwrap();
    assert_eq!(calls.of(Call::Part) - before.1, 10);
    assert_eq!(calls.of(Call::Get) - before.2, 0, "nothing is read again");
    assert_eq!(calls.total() - before.0, 10 + 5);
}

#[tokio::test]
async fn a_large_blob_in_two_requests_costs_seven_calls_beside_its_parts() {
    let house = House::new().await;
    let content = bytes((10 << 20) + 5);
    let before = house.count(&[]);
    let mut upload = staged(&house.blobs, &content).await;
    upload.checkpoint(false).await.unwrap();
    upload.finish().await.unwrap();
    upload.checkpoint(false).await.unwrap();
    upload.publish(&slot(&content, "calls")).await.unwrap();
    house.blobs.discard(&id("calls")).await.unwrap();
    assert_eq!(house.count(&[]) - before, 11 + 7);
}

#[tokio::test]
async fn a_large_blob_that_two_replicas_receive_costs_nine_calls_beside_its_parts() {
    let house = House::new().await;
    let second = Bucket::in_memory(&house.memory, MIB);
    let other = over(second.clone());
    let content = bytes((10 << 20) + 5);
    second.probe(&store::OsRandom).await.unwrap();
    let before = house.count(&[&second]);
    let checkpoint = staged(&house.blobs, &content).await.checkpoint(true).await.unwrap();
    let mut upload = other.reopen(&id("calls"), checkpoint).await.unwrap().unwrap();
    upload.finish().await.unwrap();
    upload.checkpoint(false).await.unwrap();
    upload.publish(&slot(&content, "calls")).await.unwrap();
    other.discard(&id("calls")).await.unwrap();
    assert_eq!(house.count(&[&second]) - before, 11 + 9);
    assert!(house.blobs.staged(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_was_staged_and_not_published_costs_one_list_to_discard() {
    let house = House::new().await;
    let content = bytes(200 << 10);
    drop(staged(&house.blobs, &content).await);
    let before = house.count(&[]);
    house.blobs.discard(&id("calls")).await.unwrap();
    assert_eq!(house.count(&[]) - before, 1);
}
