//! How often a push waits for PostgreSQL: requests that went out when no answer
//! was awaited, counted by a proxy between the pool and the server. The proxy
//! makes the server a distant one, so that what is sent together is seen to be.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use blobstore::{Bucket, Memory, ObjectBlobs, ObjectBlobsOptions};
use bytes::Bytes;
use metastore::{Postgres, PostgresOptions};
use oci::{Algorithm, Digest, MediaType, Reference, RepositoryName, Tag};
use store::{OsRandom, SystemClock};
use testkit::PostgresServer;

use super::{Source, SourceError, UploadHint, UploadKey};
use crate::access::{Access, Caller, Open, Push};
use crate::{Granted, Parts, Registry, Settings};

const KIB: usize = 1 << 10;
/// How long answers take.
const DISTANCE: Duration = Duration::from_millis(20);

/// A proxy that counts.
struct Meter {
    port: u16,
    trips: Arc<AtomicU64>,
}

impl Meter {
    fn before(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let trips = Arc::new(AtomicU64::new(0));
        let counted = trips.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                pass(client.unwrap(), TcpStream::connect(("127.0.0.1", server)).unwrap(), &counted);
            }
        });
        Self { port, trips }
    }

    fn trips(&self) -> u64 {
        self.trips.load(Ordering::SeqCst)
    }
}

/// Passes one connection on, both ways.
fn pass(client: TcpStream, server: TcpStream, trips: &Arc<AtomicU64>) {
    // The greeting awaits an answer as every request does.
    let awaited = Arc::new(AtomicU64::new(1));
    for stream in [&client, &server] {
        stream.set_nodelay(true).unwrap();
    }
    let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let (trips, asked, answered) = (trips.clone(), awaited.clone(), awaited);
    let mut is_within = false;
    thread::spawn(move || {
        pump(from, to, Messages::after_greeting(), Duration::ZERO, |kind, is_whole| {
            if !is_within && asked.load(Ordering::SeqCst) == 0 {
                trips.fetch_add(1, Ordering::SeqCst);
            }
            // A query, or the end of a row of messages: an answer follows.
            let is_end = is_whole && matches!(kind, b'Q' | b'S');
            is_within = !is_end;
            if is_end {
                asked.fetch_add(1, Ordering::SeqCst);
            }
        });
    });
    thread::spawn(move || {
        pump(server, client, Messages::default(), DISTANCE, |kind, is_whole| {
            if is_whole && kind == b'Z' {
                answered.fetch_sub(1, Ordering::SeqCst);
            }
        });
    });
}

fn pump(
    mut from: TcpStream,
    mut to: TcpStream,
    mut messages: Messages,
    distance: Duration,
    mut see: impl FnMut(u8, bool),
) {
    let mut buffer = vec![0; 1 << 20];
    while let Ok(length) = from.read(&mut buffer) {
        if length == 0 {
            break;
        }
        thread::sleep(distance);
        messages.read(&buffer[..length], &mut see);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    drop(to.shutdown(Shutdown::Write));
}

/// Finds the messages in a stream: a letter, four bytes of length, the rest.
#[derive(Default)]
struct Messages {
    /// The first message has no letter.
    greets: bool,
    head: Vec<u8>,
    /// Bytes that the message still has.
    left: usize,
}

impl Messages {
    fn after_greeting() -> Self {
        Self { greets: true, ..Self::default() }
    }

    /// Tells of each message twice: of its first byte and of its last.
    fn read(&mut self, bytes: &[u8], see: &mut impl FnMut(u8, bool)) {
        let mut bytes = bytes;
        while let Some((&byte, rest)) = bytes.split_first() {
            if self.left > 0 {
                let now = self.left.min(bytes.len());
                self.left -= now;
                bytes = &bytes[now..];
                self.ended(see);
                continue;
            }
            if self.head.is_empty() && self.greets {
                self.head.push(0);
            }
            if self.head.is_empty() {
                see(byte, false);
            }
            self.head.push(byte);
            bytes = rest;
            if let [_, length @ ..] = self.head.as_slice()
                && let Ok(length) = <[u8; 4]>::try_from(length)
            {
                self.left = u32::from_be_bytes(length) as usize - 4;
                self.ended(see);
            }
        }
    }

    fn ended(&mut self, see: &mut impl FnMut(u8, bool)) {
        if self.left == 0 {
            let kind = self.head[0];
            self.head.clear();
            if !std::mem::take(&mut self.greets) {
                see(kind, true);
            }
        }
    }
}

/// A body in chunks.
struct Chunks(VecDeque<Bytes>);

impl Chunks {
    fn of(bytes: &Bytes) -> Self {
        Self(bytes.chunks(64 * KIB).map(|chunk| bytes.slice_ref(chunk)).collect())
    }
}

#[async_trait]
impl Source for Chunks {
    async fn chunk(&mut self) -> Result<Option<Bytes>, SourceError> {
        Ok(self.0.pop_front())
    }
}

/// One replica and what it does for a client.
struct House {
    registry: Registry,
    access: Access,
    meter: Meter,
    _server: PostgresServer,
}

impl House {
    async fn new() -> Self {
        let server = PostgresServer::start();
        let meter = Meter::before(server.port());
        let url = format!("postgres://berth@127.0.0.1:{}/postgres?sslmode=disable", meter.port);
        let metadata = Postgres::open(PostgresOptions::from_url(&url).unwrap()).await.unwrap();
        let bucket = Bucket::in_memory(&Memory::good(), 5 << 20);
        let parts = Parts {
            content: metadata.clone(),
            uploads: metadata,
            blobs: ObjectBlobs::new(bucket, Arc::new(OsRandom), ObjectBlobsOptions::default()),
            clock: Arc::new(SystemClock::new()),
            random: Arc::new(OsRandom),
        };
        let settings = Settings { shared: true, ..Settings::default() };
        let registry = Registry::new(parts, settings, UploadKey::new(b"key"));
        Self { registry, access: Access::new(Arc::new(Open)), meter, _server: server }
    }

    fn push(&self, name: &str) -> Granted<Push> {
        let name = RepositoryName::parse(name).unwrap();
        self.access.push(&Caller::anonymous(), name).unwrap()
    }

    /// POST, PATCH, PUT, as docker sends them.
    async fn layer(&self, name: &str, bytes: &Bytes) -> Digest {
        let (granted, digest) = (self.push(name), Digest::sha256(bytes));
        let id = self.registry.start_upload(&granted, UploadHint(Algorithm::Sha256));
        self.registry.append(&granted, &id, None, &mut Chunks::of(bytes)).await.unwrap();
        let mut nothing = Chunks(VecDeque::new());
        self.registry.finish_upload(&granted, &id, None, &mut nothing, digest).await.unwrap();
        digest
    }

    /// POST and one PUT with the whole blob.
    async fn whole(&self, name: &str, bytes: &Bytes) {
        let granted = self.push(name);
        let id = self.registry.start_upload(&granted, UploadHint(Algorithm::Sha256));
        let digest = Digest::sha256(bytes);
        let body = &mut Chunks::of(bytes);
        self.registry.finish_upload(&granted, &id, None, body, digest).await.unwrap();
    }

    async fn mount(&self, name: &str, digest: Digest) {
        let from = Some(RepositoryName::parse("a").unwrap());
        let granted = self.push(name);
        let mounted = self.registry.mount_blob(&granted, &self.access, digest, from).await;
        assert!(mounted.unwrap());
    }

    async fn manifest(&self, config: &Bytes, layers: &[Bytes], tag: &str) {
        let describe = |bytes: &Bytes, kind: &str| {
            let (digest, size) = (Digest::sha256(bytes), bytes.len());
            format!(r#"{{"mediaType":"{kind}","digest":"{digest}","size":{size}}}"#)
        };
        let config = describe(config, MediaType::OCI_CONFIG);
        let layers: Vec<_> = layers.iter().map(|l| describe(l, MediaType::OCI_LAYER)).collect();
        let (kind, layers) = (MediaType::OCI_MANIFEST, layers.join(","));
        let body = format!(
            r#"{{"schemaVersion":2,"mediaType":"{kind}","config":{config},"layers":[{layers}]}}"#
        );
        let reference = Reference::Tag(Tag::parse(tag).unwrap());
        let kind = MediaType::parse(kind).unwrap();
        let granted = self.push("a");
        let pushed =
            self.registry.push_manifest(&granted, &reference, vec![], Some(kind), body.into());
        pushed.await.unwrap();
    }

    /// Trips of each kind of work, on blobs of which each is new.
    async fn round(&self, seed: u8) -> Vec<(&'static str, u64)> {
        let mut counts = Vec::new();
        let mut last = self.meter.trips();
        let mut note = |what| {
            let now = self.meter.trips();
            counts.push((what, now - last));
            last = now;
        };
        let new = |length: usize| Bytes::from([vec![seed], vec![7; length - 1]].concat());
        let layers = [8 * KIB, 64 * KIB, 200 * KIB].map(new);
        self.layer("a", &layers[0]).await;
        note("layer of 8 KiB");
        self.layer("a", &layers[1]).await;
        note("layer of 64 KiB");
        let large = self.layer("a", &layers[2]).await;
        note("layer of 200 KiB");
        let config = new(4 * KIB);
        self.whole("a", &config).await;
        note("config in one PUT");
        self.mount("b", large).await;
        note("mount");
        self.manifest(&config, &layers, "latest").await;
        note("manifest");
        counts
    }
}

/// Trips that each kind of work takes, and took before statements travelled
/// together.
const TRIPS: [(&str, u64, u64); 6] = [
    ("layer of 8 KiB", 4, 8),
    ("layer of 64 KiB", 4, 8),
    ("layer of 200 KiB", 4, 8),
    ("config in one PUT", 2, 5),
    ("mount", 2, 3),
    ("manifest", 2, 8),
];

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_push_waits_for_the_database_as_seldom_as_it_can() {
    let house = House::new().await;
    // The first ones prepare their statements, and one makes the repositories.
    for seed in 0..3 {
        house.round(seed).await;
    }
    let rounds = [house.round(3).await, house.round(4).await, house.round(5).await];
    for (number, (what, most, before)) in TRIPS.into_iter().enumerate() {
        // A machine that is busy with others makes one of them look like two.
        let counted = rounds.iter().map(|round| round[number]).min().unwrap();
        assert_eq!(counted.0, what);
        eprintln!("{what}: {} trips to the database, {before} before", counted.1);
        assert_eq!(counted.1, most, "{what}: {rounds:?}");
    }
}
