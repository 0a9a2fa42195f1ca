//! What a store holds before it is measured, pushed through the API as a client would.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::Outcome;
use crate::content::{UniqueBlob, UniqueBlobs};
use crate::drive::{Worker, drive};
use crate::http::{Connection, mount_blob, push_blob, push_manifest};

/// The media type of the manifests that are measured.
pub(crate) const IMAGE_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Holds the manifest whose GET is measured, under the tag `latest`.
pub(crate) const IMAGE_REPOSITORY: &str = "bench/image";

/// Holds the tags whose lists are measured.
pub(crate) const TAGS_REPOSITORY: &str = "bench/tags";

const CONNECTIONS: u64 = 16;

/// An image of a config and three layers, the same in every run.
pub(crate) struct Image {
    pub(crate) config: UniqueBlob,
    layers: Vec<UniqueBlob>,
    pub(crate) manifest: Vec<u8>,
}

impl Image {
    pub(crate) fn new() -> Self {
        let mut blobs = UniqueBlobs::new(4096, 0);
        let config = blobs.next();
        let layers = vec![blobs.next(), blobs.next(), blobs.next()];
        let manifest = image_manifest(&config, &layers);
        Self { config, layers, manifest }
    }
}

/// The manifest of an image.
pub(crate) fn image_manifest(config: &UniqueBlob, layers: &[UniqueBlob]) -> Vec<u8> {
    let descriptor = |blob: &UniqueBlob, kind: &str| {
        let media_type = format!("application/vnd.oci.image.{kind}");
        json!({ "mediaType": media_type, "digest": blob.digest, "size": blob.size() })
    };
    json!({
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "config": descriptor(config, "config.v1+json"),
        "layers": layers.iter().map(|layer| descriptor(layer, "layer.v1.tar+gzip")).collect::<Vec<_>>(),
    })
    .to_string()
    .into_bytes()
}

/// The name of the tag or repository at a place of its list; the order of bytes is that of numbers.
pub(crate) fn entry_name(kind: Kind, place: u64) -> String {
    match kind {
        Kind::Tags => format!("t{place:07}"),
        Kind::Repositories => format!("many/r{place:07}"),
    }
}

/// What a list lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Tags,
    Repositories,
}

impl Kind {
    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::Tags => "tags",
            Self::Repositories => "repositories",
        }
    }
}

/// Pushes the image under `latest`.
pub(crate) async fn push_image(address: SocketAddr, repository: &str) -> Outcome<()> {
    let image = Image::new();
    let mut connection = Connection::open(address).await?;
    for blob in image.layers.iter().chain([&image.config]) {
        push_blob(&mut connection, repository, blob).await?;
    }
    push_manifest(&mut connection, repository, "latest", IMAGE_MANIFEST, &image.manifest).await
}

/// Pushes up to `count` entries for at most `time`; yields how many there are then.
pub(crate) async fn push_entries(
    address: SocketAddr,
    kind: Kind,
    count: u64,
    time: Duration,
) -> Outcome<u64> {
    let image = Image::new();
    let (source, manifest) = match kind {
        Kind::Tags => (TAGS_REPOSITORY, image.manifest),
        Kind::Repositories => (IMAGE_REPOSITORY, image_manifest(&image.config, &[])),
    };
    push_image(address, source).await?;
    let next = Arc::new(AtomicU64::new(0));
    let mut fillers = Vec::new();
    for _ in 0..CONNECTIONS {
        let (connection, next) = (Connection::open(address).await?, Arc::clone(&next));
        let (config, manifest) = (image.config.digest.clone(), manifest.clone());
        fillers.push(Filler { connection, kind, next, count, config, manifest });
    }
    Ok(drive(fillers, time, 0).await?.operations)
}

struct Filler {
    connection: Connection,
    kind: Kind,
    next: Arc<AtomicU64>,
    count: u64,
    config: String,
    manifest: Vec<u8>,
}

impl Worker for Filler {
    async fn step(&mut self) -> Outcome<bool> {
        let place = self.next.fetch_add(1, Ordering::Relaxed);
        if place >= self.count {
            return Ok(false);
        }
        let name = entry_name(self.kind, place);
        let connection = &mut self.connection;
        let (repository, tag) = match self.kind {
            Kind::Tags => (TAGS_REPOSITORY, name.as_str()),
            Kind::Repositories => {
                // Without a blob of its own, docker-registry does not list a repository.
                mount_blob(connection, &name, &self.config, IMAGE_REPOSITORY).await?;
                (name.as_str(), "latest")
            }
        };
        push_manifest(connection, repository, tag, IMAGE_MANIFEST, &self.manifest).await?;
        Ok(true)
    }
}
