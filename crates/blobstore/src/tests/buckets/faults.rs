//! A store behind a line that loses, cuts and delays: a proxy that does to
//! chosen requests what networks and busy stores do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use oci::{ByteRange, Digest};
use store::{BlobKey, BlobStore, Objects, OsRandom, StagedBlob, StoreError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::servers::{connect, s3};
use super::{MIB, over};
use crate::tests::{id, sha256, slot};
use crate::{Bucket, BucketSettings, ObjectBlobs, S3Settings};

/// What happens to a request.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Nothing,
    /// 503 SlowDown, and the store never sees it.
    SlowDown,
    /// The answer ends after so many bytes of its body.
    Cut(usize),
    /// The store does it, and the answer is lost.
    LoseAnswer,
    /// 200 with an error in its body; the store never sees it.
    ErrorBody,
    /// The store does it, and the answer is 200 with an error in its body.
    ErrorBodyAfterwards,
}

type Rule = Box<dyn Fn(&str) -> Fault + Send + Sync>;

/// Listens on a port of its own and forwards to the server.
async fn proxy(upstream: String, rule: Rule) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let rule = Arc::new(rule);
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let (upstream, rule) = (upstream.clone(), rule.clone());
            tokio::spawn(async move { forward(socket, &upstream, &rule).await });
        }
    });
    format!("http://{address}")
}

/// One request; `None` if the client went away.
async fn forward(mut client: TcpStream, upstream: &str, rule: &Rule) -> Option<()> {
    let (head, mut body) = head(&mut client).await?;
    let length = field(&head, "content-length").map_or(0, |text| text.parse().unwrap());
    while body.len() < length {
        client.read_buf(&mut body).await.ok().filter(|read| *read > 0)?;
    }
    let fault = rule(head.lines().next()?);
    let error = "<?xml version=\"1.0\"?><Error><Code>InternalError</Code></Error>";
    match fault {
        Fault::SlowDown => {
            return say(&mut client, "503 Slow Down", "<Error><Code>SlowDown</Code></Error>").await;
        }
        Fault::ErrorBody => return say(&mut client, "200 OK", error).await,
        _ => {}
    }
    let (line, fields) = head.split_once("\r\n")?;
    let mut server = TcpStream::connect(upstream).await.unwrap();
    server.write_all(format!("{line}\r\nConnection: close\r\n{fields}").as_bytes()).await.unwrap();
    server.write_all(&body).await.ok()?;
    let (answer, rest) = self::head(&mut server).await?;
    let (line, fields) = answer.split_once("\r\n")?;
    let answer = format!("{line}\r\nConnection: close\r\n{fields}");
    match fault {
        Fault::LoseAnswer | Fault::ErrorBodyAfterwards => {
            let mut all = rest;
            server.read_to_end(&mut all).await.unwrap();
            if matches!(fault, Fault::LoseAnswer) {
                return None;
            }
            say(&mut client, "200 OK", error).await
        }
        Fault::Cut(after) => {
            client.write_all(answer.as_bytes()).await.ok()?;
            client.write_all(&rest[..rest.len().min(after)]).await.ok()?;
            let left = after.saturating_sub(rest.len()) as u64;
            tokio::io::copy(&mut server.take(left), &mut client).await.ok().map(drop)
        }
        _ => {
            client.write_all(answer.as_bytes()).await.ok()?;
            client.write_all(&rest).await.ok()?;
            tokio::io::copy(&mut server, &mut client).await.ok().map(drop)
        }
    }
}

async fn say(client: &mut TcpStream, status: &str, body: &str) -> Option<()> {
    let length = body.len();
    let answer =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    client.write_all(answer.as_bytes()).await.ok()
}

/// The head of a message and what came with it.
async fn head(from: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            return Some((String::from_utf8(bytes).unwrap(), rest));
        }
        from.read_buf(&mut bytes).await.ok().filter(|read| *read > 0)?;
    }
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// The status of a plain request.
pub(super) async fn status(method: &str, url: &str) -> u16 {
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_at(rest.find('/').unwrap());
    let mut socket = TcpStream::connect(host).await.unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let (head, _) = head(&mut socket).await.unwrap();
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

/// A replica whose requests pass a proxy with this rule, and one beside it.
struct House {
    plain: Arc<Bucket>,
    blobs: Arc<ObjectBlobs>,
}

impl House {
    async fn new(rule: Rule) -> Self {
        let settings = s3();
        let plain = connect(&BucketSettings::S3(settings.clone()));
        let probe = plain.probe(&OsRandom).await.unwrap();
        let upstream = settings.region_endpoint.clone().unwrap();
        let upstream = upstream.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let endpoint = Some(proxy(upstream, rule).await);
        let behind = S3Settings { region_endpoint: endpoint, ..settings };
        let bucket = connect(&BucketSettings::S3(behind));
        bucket.learned(probe.creates, probe.tells_parts);
        Self { plain, blobs: over(bucket) }
    }

    /// Every byte of the blob, read without the proxy.
    async fn assert_holds(&self, key: &BlobKey, content: &Bytes) {
        let found = self.plain.get(key.as_str(), 1 << 30).await.unwrap().unwrap();
        assert!(found == *content, "{key:?} holds other bytes");
    }
}

fn content(length: u64) -> Bytes {
    (0..length).flat_map(|at| (at / 7).to_le_bytes().into_iter().take(1)).collect()
}

async fn upload(blobs: &ObjectBlobs, name: &str, content: &Bytes) -> Box<dyn StagedBlob> {
    let mut staged = blobs.stage(&id(name), sha256()).await.unwrap();
    let mut rest = content.clone();
    while !rest.is_empty() {
        staged.append(rest.split_to(rest.len().min(100_000))).await.unwrap();
    }
    assert_eq!(staged.finish().await.unwrap().sha256, Digest::sha256(content));
    staged
}

fn is_complete(line: &str) -> bool {
    line.starts_with("POST ") && line.contains("uploadId=")
}

/// The rule for the first `times` requests that `of` takes.
fn first(times: usize, fault: Fault, of: fn(&str) -> bool) -> Rule {
    let seen = AtomicUsize::new(0);
    Box::new(move |line| {
        let is_one = of(line) && seen.fetch_add(1, Ordering::Relaxed) < times;
        if is_one { fault } else { Fault::Nothing }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a server that speaks S3"]
async fn an_upload_survives_whatever_becomes_of_the_answer_to_its_completion() {
    let content = content(12 * MIB);
    for (fault, times) in [
        (Fault::LoseAnswer, 1),
        (Fault::LoseAnswer, 100),
        (Fault::ErrorBodyAfterwards, 1),
        (Fault::ErrorBodyAfterwards, 100),
        (Fault::ErrorBody, 1),
        (Fault::SlowDown, 2),
    ] {
        let house = House::new(first(times, fault, is_complete)).await;
        let staged = upload(&house.blobs, "answer", &content).await;
        let key = staged.publish(&slot(&content, "answer")).await.unwrap();
        house.assert_holds(&key, &content).await;
        println!("{fault:?} {times} times: published");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a server that speaks S3"]
async fn an_upload_that_is_never_completed_fails_and_can_be_gone_on_with() {
    let content = content(12 * MIB);
    let house = House::new(first(1000, Fault::ErrorBody, is_complete)).await;
    let mut staged = upload(&house.blobs, "never", &content).await;
    let checkpoint = staged.checkpoint(false).await.unwrap();
    let error = staged.publish(&slot(&content, "never")).await.unwrap_err();
    assert!(matches!(error, StoreError::Busy(_)), "{error}");

    let direct = over(house.plain.clone());
    let staged = direct.reopen(&id("never"), checkpoint).await.unwrap().unwrap();
    let key = staged.publish(&slot(&content, "never")).await.unwrap();
    house.assert_holds(&key, &content).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a server that speaks S3"]
async fn parts_and_small_blobs_survive_a_store_that_is_busy_or_loses_answers() {
    let content = content(12 * MIB);
    for fault in [Fault::SlowDown, Fault::LoseAnswer] {
        let house = House::new(first(4, fault, |line| line.starts_with("PUT "))).await;
        let staged = upload(&house.blobs, "busy", &content).await;
        let key = staged.publish(&slot(&content, "busy")).await.unwrap();
        house.assert_holds(&key, &content).await;

        let house = House::new(first(2, fault, |line| line.starts_with("PUT "))).await;
        let small = content.slice(..100_000);
        let key = house.blobs.put(&slot(&small, "busy"), small.clone()).await.unwrap();
        house.assert_holds(&key, &small).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a server that speaks S3"]
async fn a_store_that_stays_busy_is_busy_and_a_read_that_breaks_off_goes_on() {
    let house = House::new(Box::new(|_| Fault::SlowDown)).await;
    let small = content(1000);
    let error = house.blobs.put(&slot(&small, "full"), small.clone()).await.unwrap_err();
    assert!(matches!(error, StoreError::Busy(_)), "{error}");

    let whole = content(3 * MIB);
    for fault in [Fault::Cut(0), Fault::Cut(1_000_000), Fault::LoseAnswer, Fault::SlowDown] {
        let house = House::new(first(3, fault, |line| line.starts_with("GET "))).await;
        let direct = over(house.plain.clone());
        let key = direct.put(&slot(&whole, "cut"), whole.clone()).await.unwrap();
        let range = ByteRange { start: 5, end_inclusive: 3 * MIB - 1 };
        let stream = house.blobs.read(&key, range).await.unwrap();
        let found = futures_util::TryStreamExt::try_collect::<Vec<Bytes>>(stream).await.unwrap();
        assert!(found.concat() == whole.slice(5..), "{fault:?}");
    }
    // One that never comes to its end is an error, and not a short body.
    let house = House::new(first(1000, Fault::Cut(0), |line| line.starts_with("GET "))).await;
    let direct = over(house.plain.clone());
    let key = direct.put(&slot(&whole, "cut"), whole.clone()).await.unwrap();
    let stream = house.blobs.read(&key, ByteRange { start: 0, end_inclusive: 9 }).await;
    let Ok(stream) = stream else { return };
    let found = futures_util::TryStreamExt::try_collect::<Vec<Bytes>>(stream).await;
    assert!(found.is_err());
}

#[tokio::test]
#[ignore = "needs a server that speaks S3"]
async fn a_store_that_is_not_there_is_busy() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Some(format!("http://{}", listener.local_addr().unwrap()));
    drop(listener);
    let bucket = connect(&BucketSettings::S3(S3Settings { region_endpoint: endpoint, ..s3() }));
    let error = bucket.head("any").await.unwrap_err();
    assert!(matches!(error, StoreError::Busy(_)), "{error}");
}
