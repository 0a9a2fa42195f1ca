//! Who is sent to the CDN, and who to the bucket itself.

use std::sync::Arc;
use std::time::Duration;

use oci::Digest;
use store::{AddressRequest, BlobKey, BlobStore, OsRandom, SystemClock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::servers::connect;
use crate::{
    AmazonClients, BucketSettings, CloudFront, CloudFrontSettings, ObjectBlobs, ObjectBlobsOptions,
    RedirectRule, RedirectSettings, S3Credentials, S3Settings, Secret, Through,
};

/// Answers every request with a list of networks.
async fn list() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let body = r#"{"prefixes": [{"ip_prefix": "10.1.0.0/16", "region": "eu-west-1"}]}"#;
        let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length:";
        let answer = format!("{head} {}\r\n\r\n{body}", body.len());
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = socket.read(&mut request).await;
            socket.write_all(answer.as_bytes()).await.ok();
        }
    });
    format!("http://{address}/ip-ranges.json")
}

#[tokio::test]
async fn clients_go_to_the_cdn_and_those_on_amazons_networks_to_the_bucket() {
    let settings = S3Settings {
        region: Some("eu-west-1".into()),
        credentials: S3Credentials::Keys {
            access_key: "key".into(),
            secret_key: Secret::new("secret"),
            session_token: None,
        },
        root: "/some/root".into(),
        ..S3Settings::new("bucket")
    };
    let direct = AmazonClients { regions: vec![], url: list().await, every: Duration::MAX };
    let cdn = CloudFrontSettings {
        base_url: "https://cdn.example.org".to_owned(),
        private_key: Secret::new(include_str!("../../objects/cloudfront/tests/p256.pem")),
        key_pair_id: "K1".to_owned(),
        lifetime: Duration::from_secs(60),
        direct: Some(direct),
    };
    let cdn = CloudFront::new(cdn, Arc::new(SystemClock::new())).unwrap();
    let redirect = RedirectSettings {
        rule: RedirectRule::Always,
        through: Some(Through::CloudFront(Arc::new(cdn))),
        ..RedirectSettings::default()
    };
    let options = ObjectBlobsOptions { redirect, ..ObjectBlobsOptions::default() };
    let bucket = connect(&BucketSettings::S3(settings));
    let blobs = ObjectBlobs::new(bucket, Arc::new(OsRandom), options);
    let hex = Digest::sha256(b"x").hex();
    let path = format!("docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]);
    let key = BlobKey::new(path.clone());
    let address = async |client: &str| {
        let client = Some(client.parse().unwrap());
        blobs.address(&key, AddressRequest { head: false, client }).await.unwrap().unwrap()
    };
    let at_cdn = format!("https://cdn.example.org/some/root/{path}?Expires=");
    let at_bucket = format!("https://bucket.s3.eu-west-1.amazonaws.com/some/root/{path}?X-Amz-");
    assert!(address("8.8.8.8").await.starts_with(&at_cdn));
    let fetched = async {
        while !address("10.1.2.3").await.starts_with(&at_bucket) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), fetched).await.unwrap();
    assert!(address("10.2.0.0").await.starts_with(&at_cdn));
}
