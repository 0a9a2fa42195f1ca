//! Small reads: the manifest behind a tag, and the existence of a blob.

use super::{Context, Subject, rate};
use crate::Outcome;
use crate::content::digest;
use crate::drive::Worker;
use crate::http::{Connection, request};
use crate::report::{Measured, Missed, Row};
use crate::seed::{IMAGE_MANIFEST, IMAGE_REPOSITORY, Image};
use crate::servers::{self, Server};

/// GET of the manifest by its tag.
pub(super) async fn manifest(
    context: &Context,
    subject: &Subject,
    row: Row,
    connections: usize,
) -> Result<Vec<Measured>, Missed> {
    let image = Image::new();
    let accept = format!("Accept: {IMAGE_MANIFEST}\r\n");
    let request = request("GET", servers::MANIFEST_TARGET, &accept);
    let mut connection = Connection::open(subject.address()).await?;
    connection.exchange(request.as_bytes()).await?;
    if connection.body() != image.manifest {
        return Err(Missed::Failed(format!("GET of the manifest: {}", connection.describe())));
    }
    if let Some(found) = connection.field("docker-content-digest")
        && found != digest(&image.manifest)
    {
        return Err(Missed::Failed(format!("the manifest's digest is given as {found}")));
    }
    let reader = |connection| Reader {
        connection,
        request: request.clone(),
        head: false,
        length: image.manifest.len(),
    };
    let readers = open(subject, connections, reader).await?;
    Ok(rate(context, subject, row, readers).await?.0)
}

/// HEAD of the image's config; of the manifest's file where nginx has no blob.
pub(super) async fn head(
    context: &Context,
    subject: &Subject,
    row: Row,
    connections: usize,
) -> Result<Vec<Measured>, Missed> {
    let image = Image::new();
    let (target, length) = match subject.running.server {
        Server::Nginx => (servers::MANIFEST_TARGET.to_owned(), image.manifest.len()),
        _ => (format!("/v2/{IMAGE_REPOSITORY}/blobs/{}", image.config.digest), image.config.size()),
    };
    let request = request("HEAD", &target, "");
    let mut connection = Connection::open(subject.address()).await?;
    let status = connection.exchange_head(request.as_bytes()).await?;
    let found = connection.field("content-length").and_then(|length| length.parse().ok());
    if (status, found) != (200, Some(length)) {
        return Err(Missed::Failed(format!("HEAD of a blob: {}", connection.describe())));
    }
    let reader =
        |connection| Reader { connection, request: request.clone(), head: true, length: 0 };
    let readers = open(subject, connections, reader).await?;
    Ok(rate(context, subject, row, readers).await?.0)
}

/// Sends one request again and again and checks status and length.
pub(super) struct Reader {
    pub(super) connection: Connection,
    pub(super) request: String,
    pub(super) head: bool,
    /// Of the body, in bytes.
    pub(super) length: usize,
}

impl Worker for Reader {
    async fn step(&mut self) -> Outcome<bool> {
        let request = self.request.as_bytes();
        let status = if self.head {
            self.connection.exchange_head(request).await?
        } else {
            self.connection.exchange(request).await?
        };
        if status == 200 && self.connection.body().len() == self.length {
            return Ok(true);
        }
        Err(format!("expected {} bytes, found {}", self.length, self.connection.describe()))
    }
}

/// One worker for each of `connections`.
pub(super) async fn open<W>(
    subject: &Subject,
    connections: usize,
    mut worker: impl FnMut(Connection) -> W,
) -> Outcome<Vec<W>> {
    let mut workers = Vec::with_capacity(connections);
    for _ in 0..connections {
        workers.push(worker(Connection::open(subject.address()).await?));
    }
    Ok(workers)
}
