//! What an upload keeps beside its bytes: little, and young while it runs.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use store::{BlobStore, Objects, OsRandom};

use super::{MIB, replica};
use crate::tests::{id, sha256, slot};
use crate::{Bucket, Call, Memory, ObjectBlobs, ObjectBlobsOptions};

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn an_upload_of_many_small_chunks_keeps_few_objects_and_a_short_place() {
    let memory = Memory::good();
    let bucket = Bucket::in_memory(&memory, MIB);
    let stores = [replica(bucket.clone()).await, replica(Bucket::in_memory(&memory, MIB)).await];
    let chunk = Bytes::from(vec![7; 20 << 10]);
    let mut staged = stores[0].stage(&id("many"), sha256()).await.unwrap();
    let mut checkpoint = staged.checkpoint(true).await.unwrap();
    let (mut most, mut longest) = (0, 0);
    for turn in 0..200 {
        let store = &stores[turn % 2];
        let mut staged = store.reopen(&id("many"), checkpoint).await.unwrap().unwrap();
        staged.append(chunk.clone()).await.unwrap();
        checkpoint = staged.checkpoint(true).await.unwrap();
        most = most.max(bucket.list("berth/uploads/", None, 1000).await.unwrap().len());
        longest = longest.max(checkpoint.place.len());
    }
    // A marker, a tail of up to 16 pieces, and up to as many that were joined.
    assert!(most <= 40, "{most} objects");
    assert!(longest <= 5000, "a place of {longest} bytes");
    let blobs = bucket.list("berth/blobs/", None, 10).await.unwrap();
    assert_eq!(blobs.len(), 1, "one beginning that might have been the whole blob");

    let whole: Bytes = vec![7; 200 * (20 << 10)].into();
    let staged = stores[0].reopen(&id("many"), checkpoint).await.unwrap().unwrap();
    staged.publish(&slot(&whole, "many")).await.unwrap();
    stores[0].discard(&id("many")).await.unwrap();
    assert!(bucket.list("berth/uploads/", None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_upload_that_goes_on_for_long_renews_its_marker() {
    let memory = Memory::good();
    let bucket = Bucket::in_memory(&memory, MIB);
    let sign_of_life = Duration::from_millis(1);
    let options = ObjectBlobsOptions { sign_of_life, ..ObjectBlobsOptions::default() };
    let blobs = ObjectBlobs::new(Arc::clone(&bucket), Arc::new(OsRandom), options);
    let mut staged = blobs.stage(&id("long"), sha256()).await.unwrap();
    let writes = |bucket: &Bucket| bucket.calls().of(Call::Put);
    staged.append(vec![1; 2 << 20].into()).await.unwrap();
    let going_on = async {
        // The marker, and twice again; a part holds all that comes here.
        while writes(&bucket) < 3 {
            staged.append(Bytes::from_static(b"x")).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, going_on).await.unwrap();
    assert_eq!(bucket.list("berth/uploads/", None, 10).await.unwrap().len(), 1);
}
