//! The local cache before a bucket in memory: what is kept, what goes, and what
//! happens when store or disk do not do what they should.

mod crowd;
mod damage;
mod keeping;
mod origin;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use oci::ByteRange;
use store::{BlobKey, BlobStore, ByteStream, OsRandom, StoreError, SystemClock};
use tempfile::TempDir;

use super::slot;
use crate::{CacheFigures, CacheSettings, Cached, Origin};

use origin::Watched;

const MIB: usize = 1 << 20;

/// What is kept in these tests unless they say otherwise.
fn settings(directory: &Path) -> CacheSettings {
    let directory = directory.to_owned();
    CacheSettings { directory, size: 64 << 20, smallest: 1, largest: 32 << 20 }
}

/// A cache that is ready.
async fn cached(origin: Arc<dyn Origin>, settings: CacheSettings) -> Arc<Cached> {
    let cached = Cached::new(origin, settings, Arc::new(SystemClock::new()), &OsRandom);
    cached.begin();
    until(&cached, |figures| figures.ready).await;
    cached
}

/// Waits until the figures are as wanted.
async fn until(cached: &Cached, wanted: impl Fn(&CacheFigures) -> bool) {
    let waiting = async {
        while !wanted(&cached.figures()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), waiting).await;
    assert!(waited.is_ok(), "{:?}", cached.figures());
}

/// Bytes of which no two blocks are alike.
fn content(seed: u64, length: usize) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = BytesMut::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes.freeze()
}

async fn put(store: &dyn BlobStore, bytes: &Bytes) -> BlobKey {
    store.put(&slot(bytes, "one"), bytes.clone()).await.unwrap()
}

fn all(bytes: &Bytes) -> ByteRange {
    ByteRange { start: 0, end_inclusive: bytes.len() as u64 - 1 }
}

async fn collect(mut stream: ByteStream) -> Result<Bytes, StoreError> {
    let mut bytes = BytesMut::new();
    while let Some(piece) = stream.next().await {
        bytes.extend_from_slice(&piece?);
    }
    Ok(bytes.freeze())
}

async fn read(store: &dyn BlobStore, key: &BlobKey, range: ByteRange) -> Result<Bytes, StoreError> {
    collect(store.read(key, range).await?).await
}

/// Reads a blob until it comes from the disk.
async fn warm(cached: &Cached, key: &BlobKey, bytes: &Bytes) {
    let hits = cached.figures().hits;
    for _ in 0..3 {
        assert_eq!(read(cached, key, all(bytes)).await.unwrap(), bytes);
        until(cached, |figures| figures.filling == 0).await;
        if cached.figures().hits > hits {
            return;
        }
    }
    panic!("three reads and no hit: {:?}", cached.figures());
}

/// Files of entries and fills in a directory.
fn files(directory: &TempDir) -> Vec<std::path::PathBuf> {
    let list = std::fs::read_dir(directory.path()).unwrap();
    let mut files: Vec<_> = list.map(|item| item.unwrap().path()).collect();
    files.retain(|file| !file.ends_with("lock"));
    files.sort();
    files
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cached_bucket_keeps_the_contract() {
    let directory = TempDir::new().unwrap();
    let cached = cached(Watched::new().await, settings(directory.path())).await;
    crate::conformance::all(cached).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a server that speaks S3"]
async fn s3_behind_a_cache_serves() {
    let bucket = crate::Bucket::connect(&super::buckets::s3()).unwrap();
    bucket.probe(&OsRandom).await.unwrap();
    let options = crate::ObjectBlobsOptions::default();
    let blobs = crate::ObjectBlobs::new(bucket, Arc::new(OsRandom), options);
    let directory = TempDir::new().unwrap();
    let cached = cached(blobs, settings(directory.path())).await;
    crate::conformance::all(cached.clone()).await;
    let bytes = content(1, 12 * MIB);
    let mut staged = cached.stage(&super::id("large"), super::sha256()).await.unwrap();
    staged.append(bytes.clone()).await.unwrap();
    staged.finish().await.unwrap();
    let key = staged.publish(&slot(&bytes, "large")).await.unwrap();
    warm(&cached, &key, &bytes).await;
}
