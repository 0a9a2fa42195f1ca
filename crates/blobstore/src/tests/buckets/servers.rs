//! Real servers. Where they are is told by the environment; each test makes a
//! folder of its own in the bucket that is named.

use std::sync::Arc;

use bytes::Bytes;
use store::{AddressRequest, BlobStore, Objects, OsRandom, Random};

use super::{MIB, keeps_the_contract, replica};
use crate::tests::slot;
use crate::{
    AzureCredentials, AzureSettings, Bucket, BucketSettings, GcsCredentials, GcsSettings,
    ObjectBlobs, ObjectBlobsOptions, RedirectRule, RedirectSettings, S3Credentials, S3Settings,
    Secret,
};

fn var(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

fn folder() -> String {
    let mut bytes = [0; 8];
    OsRandom.fill(&mut bytes);
    format!("/test/{:x}", u64::from_le_bytes(bytes))
}

/// `BERTH_TEST_S3` (address), `_REGION`, `_BUCKET`, `_ACCESS_KEY`, `_SECRET_KEY`.
pub(super) fn s3() -> S3Settings {
    S3Settings {
        region: Some(var("BERTH_TEST_S3_REGION")),
        region_endpoint: Some(var("BERTH_TEST_S3")),
        path_style: true,
        credentials: S3Credentials::Keys {
            access_key: var("BERTH_TEST_S3_ACCESS_KEY"),
            secret_key: Secret::new(var("BERTH_TEST_S3_SECRET_KEY")),
            session_token: None,
        },
        chunk_size: 5 * MIB,
        root: folder(),
        ..S3Settings::new(var("BERTH_TEST_S3_BUCKET"))
    }
}

/// `BERTH_TEST_GCS` (address), `_BUCKET`: a server that speaks the XML protocol,
/// with uploads in parts, without signatures. MinIO with a bucket that is open
/// to all does; fake-gcs-server knows no uploads in parts.
fn gcs() -> GcsSettings {
    GcsSettings {
        credentials: GcsCredentials::Anonymous,
        endpoint: Some(var("BERTH_TEST_GCS")),
        chunk_size: 5 * MIB,
        root: folder(),
        ..GcsSettings::new(var("BERTH_TEST_GCS_BUCKET"))
    }
}

/// `BERTH_TEST_AZURE` (address with the account), `_CONTAINER`, `_ACCOUNT`, `_KEY`.
fn azure() -> AzureSettings {
    AzureSettings {
        credentials: AzureCredentials::SharedKey(Secret::new(var("BERTH_TEST_AZURE_KEY"))),
        service_url: Some(var("BERTH_TEST_AZURE")),
        chunk_size: 5 * MIB,
        root: folder(),
        ..AzureSettings::new(var("BERTH_TEST_AZURE_ACCOUNT"), var("BERTH_TEST_AZURE_CONTAINER"))
    }
}

pub(super) fn connect(settings: &BucketSettings) -> Arc<Bucket> {
    Bucket::connect(settings).unwrap()
}

/// The suites, the tree and what the probe says.
async fn serves(settings: &BucketSettings) {
    let bucket = connect(settings);
    let probe = bucket.probe(&OsRandom).await.unwrap();
    println!("{}: {probe:?}", bucket.name());
    objects_are_named_and_listed(&bucket).await;
    // Google's name of a copy's source is its own.
    if !matches!(settings, BucketSettings::Gcs(_)) {
        objects_are_copied(&bucket).await;
    }
    keeps_the_contract([connect(settings), connect(settings)]).await;
}

async fn objects_are_named_and_listed(bucket: &Bucket) {
    let names = ["t/0", "t/a-b/x", "t/a/x", "t/a_b/x", "t/b", "u"];
    for name in names {
        bucket.put(name, Bytes::from(name.to_owned())).await.unwrap();
    }
    for limit in 1..=7 {
        let (mut all, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = bucket.list("t/", after.as_deref(), limit).await.unwrap();
            all.extend(page.iter().map(|record| record.key.clone()));
            after = page.last().map(|record| record.key.clone());
            if page.len() < limit {
                break;
            }
        }
        assert_eq!(all, names[..5], "{limit} at a time");
    }
    let some = bucket.list("t/a-", None, 10).await.unwrap();
    assert_eq!(some.len(), 1, "a prefix may end within a name");
    assert_eq!(bucket.folders("t/").await.unwrap(), ["a", "a-b", "a_b"]);
    assert!(bucket.get("t/none", 10).await.unwrap().is_none());
    assert!(bucket.look("t/none").await.unwrap().is_none());
    assert!(bucket.get("t/a-b/x", 3).await.is_err(), "too large");
    for name in names.into_iter().chain(names) {
        bucket.remove(name).await.unwrap();
    }
    assert!(bucket.list("t/", None, 10).await.unwrap().is_empty());
}

async fn objects_are_copied(bucket: &Bucket) {
    bucket.put("t/b", Bytes::from_static(b"t/b")).await.unwrap();
    assert!(bucket.copy("t/b", "v/b").await.unwrap());
    assert!(!bucket.copy("t/none", "v/none").await.unwrap());
    assert_eq!(bucket.get("v/b", 10).await.unwrap().unwrap(), "t/b");
    for name in ["t/b", "v/b"] {
        bucket.remove(name).await.unwrap();
    }
}

#[tokio::test]
async fn objects_in_memory_are_named_listed_and_copied() {
    let bucket = Bucket::in_memory(&crate::Memory::good(), MIB);
    objects_are_named_and_listed(&bucket).await;
    objects_are_copied(&bucket).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a server that speaks S3"]
async fn s3_serves() {
    serves(&BucketSettings::S3(s3())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a server that speaks the XML protocol of Google Cloud Storage"]
async fn gcs_serves() {
    serves(&BucketSettings::Gcs(gcs())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Azurite"]
async fn azure_serves() {
    serves(&BucketSettings::Azure(azure())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a server that speaks S3"]
async fn s3_copies_in_parts_what_is_too_large_for_one_call() {
    let settings = S3Settings { copy_threshold: MIB, copy_chunk_size: 5 * MIB, ..s3() };
    let bucket = connect(&BucketSettings::S3(settings));
    let content: Bytes = (0..12 << 20).map(|at: u32| at.to_le_bytes()[1]).collect();
    bucket.put("large", content.clone()).await.unwrap();
    assert!(bucket.copy("large", "copy").await.unwrap());
    assert_eq!(bucket.get("copy", 1 << 30).await.unwrap().unwrap(), content);
    assert_eq!(bucket.calls().of(crate::Call::Copy), 3);
    for key in ["large", "copy"] {
        bucket.remove(key).await.unwrap();
    }
}

#[tokio::test]
#[ignore = "needs a server that speaks S3"]
async fn s3_addresses_are_good_for_their_method_alone() {
    let bucket = connect(&BucketSettings::S3(s3()));
    let blobs = replica(bucket.clone()).await;
    let content = Bytes::from_static(b"served by the store itself");
    let key = blobs.put(&slot(&content, "addressed"), content.clone()).await.unwrap();
    let request = |head| AddressRequest { head, client: None };
    let near = blobs.address(&key, request(false)).await.unwrap();
    assert!(near.is_none(), "nobody is sent to a loopback address unasked");

    let redirect = RedirectSettings { rule: RedirectRule::Always, ..RedirectSettings::default() };
    let options = ObjectBlobsOptions { redirect, ..ObjectBlobsOptions::default() };
    let blobs = ObjectBlobs::new(bucket, Arc::new(OsRandom), options);
    for head in [false, true] {
        let url = blobs.address(&key, request(head)).await.unwrap().unwrap();
        let (good, bad) = if head { ("HEAD", "GET") } else { ("GET", "HEAD") };
        assert_eq!(super::faults::status(good, &url).await, 200, "{good}");
        assert_eq!(super::faults::status(bad, &url).await, 403, "{bad}");
    }
    blobs.delete(&key).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a server that speaks S3"]
async fn s3_with_a_wrong_key_says_what_to_check() {
    let credentials = S3Credentials::Keys {
        access_key: var("BERTH_TEST_S3_ACCESS_KEY"),
        secret_key: Secret::new("wrong-and-secret"),
        session_token: None,
    };
    let bucket = connect(&BucketSettings::S3(S3Settings { credentials, ..s3() }));
    let error = bucket.probe(&OsRandom).await.unwrap_err().to_string();
    assert!(error.contains("check the secret key"), "{error}");
    assert!(!error.contains("wrong-and-secret"), "{error}");
}
