//! A bucket that is not there is no upload and no blob that is gone.

use bytes::Bytes;
use oci::ByteRange;
use store::{BlobStore, Checkpoint, StoreError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::servers::connect;
use super::{MIB, over, replica};
use crate::tests::{id, sha256, slot};
use crate::{Bucket, BucketSettings, Memory, S3Credentials, S3Settings, Secret};

/// Answers as S3 does where the bucket is missing: to HEAD without a body.
async fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.windows(4).any(|window| window == b"\r\n\r\n") {
                if socket.read_buf(&mut request).await.unwrap_or(0) == 0 {
                    break;
                }
            }
            let body = "<?xml version=\"1.0\"?><Error><Code>NoSuchBucket</Code></Error>";
            let body = if request.starts_with(b"HEAD ") { "" } else { body };
            let length = body.len();
            let head = "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length:";
            let answer = format!("{head} {length}\r\n\r\n{body}");
            socket.write_all(answer.as_bytes()).await.ok();
        }
    });
    format!("http://{address}")
}

/// Checkpoints of each kind, as a bucket in memory made them.
async fn checkpoints() -> Vec<Checkpoint> {
    let blobs = replica(Bucket::in_memory(&Memory::good(), MIB)).await;
    let mut made = Vec::new();
    for length in [1000, 3 << 20] {
        let mut staged = blobs.stage(&id("nowhere"), sha256()).await.unwrap();
        staged.append(vec![1; length].into()).await.unwrap();
        made.push(staged.checkpoint(true).await.unwrap());
        staged.append(Bytes::from_static(b"more")).await.unwrap();
        made.push(staged.checkpoint(true).await.unwrap());
    }
    made
}

#[tokio::test]
async fn a_missing_bucket_fails_and_nothing_is_believed_gone() {
    let settings = S3Settings {
        region: Some("us-east-1".into()),
        region_endpoint: Some(server().await),
        path_style: true,
        credentials: S3Credentials::Keys {
            access_key: "key".into(),
            secret_key: Secret::new("secret"),
            session_token: None,
        },
        ..S3Settings::new("nowhere")
    };
    let blobs = over(connect(&BucketSettings::S3(settings)));
    for checkpoint in checkpoints().await {
        let answer = blobs.reopen(&id("nowhere"), checkpoint).await;
        let error = answer.err().expect("no answer is known");
        assert!(matches!(error, StoreError::Failed(_)), "{error}");
        assert!(error.to_string().contains("no such bucket"), "{error}");
    }
    let there = replica(Bucket::in_memory(&Memory::good(), MIB)).await;
    let key = there.put(&slot(b"x", "nowhere"), Bytes::from_static(b"x")).await.unwrap();
    let read = blobs.read(&key, ByteRange { start: 0, end_inclusive: 0 }).await;
    assert!(matches!(read.err(), Some(StoreError::Failed(_))));
    let discarded = blobs.discard(&id("nowhere")).await;
    assert!(matches!(discarded, Err(StoreError::Failed(_))));
}
