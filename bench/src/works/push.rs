//! Many small pushes, each of contents that the store has never seen.

use super::read::open;
use super::{Context, Subject, rate, rate_of};
use crate::Outcome;
use crate::backing::signed;
use crate::content::{UniqueBlob, UniqueBlobs};
use crate::drive::Worker;
use crate::http::{Connection, push_blob, push_manifest, put_object, request};
use crate::report::{Measured, Missed, Row};
use crate::seed::{IMAGE_MANIFEST, image_manifest};
use crate::servers::Server;

/// Not named after a part of the protocol's paths: some registries refuse such names.
const REPOSITORY: &str = "bench/small";
const LAYERS: usize = 8;

/// Single blobs of 64 KiB, all in one repository; at the store itself, one PUT of an object each.
pub(super) async fn blobs(
    context: &Context,
    subject: &Subject,
    row: Row,
    connections: usize,
) -> Result<Vec<Measured>, Missed> {
    let mut number = 0;
    let pushers = open(subject, connections, |connection| {
        number += 1;
        let blobs = UniqueBlobs::new(64 << 10, seed(context, connections, number));
        let to_store = subject.running.server == Server::Minio;
        BlobPusher { connection, blobs, last: None, to_store }
    });
    let least = context.sizes.least_pushes;
    let (measured, pushers) = rate_of(context, subject, row, pushers.await?, least).await?;
    for mut pusher in pushers {
        if let Some(last) = pusher.last.take() {
            let get = match pusher.to_store {
                true => signed("GET", &object(&last), 0),
                false => get(REPOSITORY, &last),
            };
            verify(&mut pusher.connection, &get, &last).await?;
        }
    }
    Ok(measured)
}

/// Whole images: layers and config one after the other, then the manifest under a tag of its own.
pub(super) async fn images(
    context: &Context,
    subject: &Subject,
    row: Row,
    connections: usize,
) -> Result<Vec<Measured>, Missed> {
    let mut number = 0;
    let pushers = open(subject, connections, |connection| {
        number += 1;
        ImagePusher {
            connection,
            blobs: UniqueBlobs::new(4 << 10, seed(context, connections, number + 1000)),
            repository: format!("bench/images-{number:02}"),
            pushed: 0,
            last: None,
        }
    });
    let (measured, pushers) = rate(context, subject, row, pushers.await?).await?;
    for mut pusher in pushers {
        if let Some(last) = pusher.last.take() {
            let get = get(&pusher.repository, &last);
            verify(&mut pusher.connection, &get, &last).await?;
        }
    }
    Ok(measured)
}

struct BlobPusher {
    connection: Connection,
    blobs: UniqueBlobs,
    last: Option<UniqueBlob>,
    to_store: bool,
}

impl Worker for BlobPusher {
    async fn step(&mut self) -> Outcome<bool> {
        let blob = self.blobs.next();
        if self.to_store {
            let head = signed("PUT", &object(&blob), blob.size() as u64);
            let parts = [&*blob.beginning, &blob.end];
            put_object(&mut self.connection, &head, parts.into_iter()).await?;
        } else {
            push_blob(&mut self.connection, REPOSITORY, &blob).await?;
        }
        self.last = Some(blob);
        Ok(true)
    }
}

struct ImagePusher {
    connection: Connection,
    blobs: UniqueBlobs,
    repository: String,
    pushed: u64,
    last: Option<UniqueBlob>,
}

impl Worker for ImagePusher {
    async fn step(&mut self) -> Outcome<bool> {
        let layers: Vec<_> = (0..LAYERS).map(|_| self.blobs.next()).collect();
        let config = self.blobs.next();
        for blob in layers.iter().chain([&config]) {
            push_blob(&mut self.connection, &self.repository, blob).await?;
        }
        let manifest = image_manifest(&config, &layers);
        let tag = format!("i{}", self.pushed);
        push_manifest(&mut self.connection, &self.repository, &tag, IMAGE_MANIFEST, &manifest)
            .await?;
        self.pushed += 1;
        self.last = Some(config);
        Ok(true)
    }
}

/// Other contents for each connection of each step, the same for every server.
fn seed(context: &Context, connections: usize, number: u64) -> u64 {
    context.seed.wrapping_mul(1_000_003) ^ ((connections as u64) << 32) ^ number
}

fn get(repository: &str, blob: &UniqueBlob) -> String {
    request("GET", &format!("/v2/{repository}/blobs/{}", blob.digest), "")
}

/// The name of a blob in the store itself.
fn object(blob: &UniqueBlob) -> String {
    format!("small/{}", blob.digest.trim_start_matches("sha256:"))
}

/// Pulls what was pushed last and compares every byte.
async fn verify(connection: &mut Connection, get: &str, blob: &UniqueBlob) -> Outcome<()> {
    connection.exchange(get.as_bytes()).await?;
    if connection.body() == blob.bytes() {
        return Ok(());
    }
    Err(format!("{} is not what was pushed: {}", blob.digest, connection.describe()))
}
