//! Buckets in memory, as several replicas share one.

mod calls;
mod cdn;
mod faults;
mod litter;
mod nowhere;
mod servers;

use std::sync::Arc;

use store::{BlobStore, OsRandom};

use crate::{Bucket, Memory, ObjectBlobs, ObjectBlobsOptions, Probe};

const MIB: u64 = 1 << 20;

/// A replica over a bucket that keeps its promises.
async fn replica(bucket: Arc<Bucket>) -> Arc<ObjectBlobs> {
    bucket.probe(&OsRandom).await.unwrap();
    over(bucket)
}

fn over(bucket: Arc<Bucket>) -> Arc<ObjectBlobs> {
    ObjectBlobs::new(bucket, Arc::new(OsRandom), ObjectBlobsOptions::default())
}

/// Runs both suites on two replicas.
async fn keeps_the_contract(buckets: [Arc<Bucket>; 2]) {
    let [one, other] = buckets;
    let stores: [Arc<dyn BlobStore>; 2] = [replica(one).await, replica(other).await];
    crate::conformance::all(stores[0].clone()).await;
    crate::conformance::shared(stores).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn buckets_in_memory_keep_the_contract() {
    let memory = Memory::good();
    keeps_the_contract([Bucket::in_memory(&memory, MIB), Bucket::in_memory(&memory, MIB)]).await;
}

#[tokio::test]
async fn buckets_without_memory_to_spare_keep_the_contract() {
    let memory = Memory::good();
    let bucket = Bucket::in_memory(&memory, 3 * MIB);
    bucket.probe(&OsRandom).await.unwrap();
    let options = ObjectBlobsOptions { buffers: 0, in_flight: 1, ..ObjectBlobsOptions::default() };
    let blobs = ObjectBlobs::new(bucket, Arc::new(OsRandom), options);
    crate::conformance::all(blobs).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn buckets_that_mix_parts_keep_the_contract() {
    let memory = Memory::that_mixes_parts();
    keeps_the_contract([Bucket::in_memory(&memory, MIB), Bucket::in_memory(&memory, MIB)]).await;
}

#[tokio::test]
async fn a_probe_finds_out_what_a_store_can_do() {
    let good = Bucket::in_memory(&Memory::good(), MIB).probe(&OsRandom).await.unwrap();
    assert_eq!(good, Probe { creates: true, tells_parts: true, signs: false });
    let memory = Memory::that_mixes_parts();
    let mixing = Bucket::in_memory(&memory, MIB).probe(&OsRandom).await.unwrap();
    assert!(!mixing.tells_parts);
}

/// The bucket that the environment names.
pub(super) fn s3() -> crate::BucketSettings {
    crate::BucketSettings::S3(servers::s3())
}
