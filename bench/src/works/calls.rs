//! How many requests a registry makes of its object store for what a client asks of it, one operation
//! after the other, by the store's own count.

use super::{Context, Subject};
use crate::Outcome;
use crate::backing::{Calls, Minio};
use crate::content::{UniqueBlob, UniqueBlobs};
use crate::http::{Connection, push_blob, push_manifest, request};
use crate::report::{Measured, Missed, Row};
use crate::seed::{IMAGE_MANIFEST, Kind, TAGS_REPOSITORY, image_manifest};

const REPOSITORY: &str = "bench/calls";
const OPERATIONS: u64 = 10;
const LAYERS: usize = 5;
/// Of a layer that is pulled, and of those of an image.
const KIBIBYTES: usize = 64;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// POST, PATCH and PUT of a layer.
    Push { kibibytes: usize },
    /// Five layers of 64 KiB, a config of 4 KiB, a manifest under a new tag.
    Image,
    /// GET of a layer of 64 KiB that was pushed before.
    Pull,
    /// A whole list.
    List(Kind),
}

impl Traffic {
    pub(super) fn row(self) -> Row {
        let what = match self {
            Self::Push { kibibytes } => format!("push a layer of {kibibytes} KiB"),
            Self::Image => format!("push an image of {LAYERS} layers of {KIBIBYTES} KiB"),
            Self::Pull => format!("pull a layer of {KIBIBYTES} KiB"),
            Self::List(Kind::Tags) => "tag list".into(),
            Self::List(Kind::Repositories) => "catalog".into(),
        };
        row(&what)
    }
}

fn row(what: &str) -> Row {
    Row::less(format!("store calls: {what}"), "calls")
}

/// Does the operation once for the sake of what is made only once, then counts.
pub(super) async fn measure(
    context: &Context,
    subject: &Subject,
    row: Row,
    traffic: Traffic,
) -> Result<Vec<Measured>, Missed> {
    let minio = subject.running.backing.minio.as_ref();
    let Some(minio) = minio else {
        return Err(Missed::Unsupported("has no store of its own behind it".into()));
    };
    let connection = Connection::open(subject.address()).await?;
    let mut client = Client::new(context, connection, traffic);
    client.step(0).await?;
    let before = minio.calls().await?;
    for number in 1..=OPERATIONS {
        client.step(number).await?;
    }
    let calls = minio.calls().await?.since(&before);
    Ok(vec![measured(row, &calls, OPERATIONS)])
}

/// The calls of one piece of work that is measured for its time as well.
pub(super) struct Count<'a> {
    minio: Option<&'a Minio>,
    before: Calls,
}

impl<'a> Count<'a> {
    pub(super) async fn begin(minio: Option<&'a Minio>) -> Outcome<Self> {
        let before = match minio {
            Some(minio) => minio.calls().await?,
            None => Calls::default(),
        };
        Ok(Self { minio, before })
    }

    /// None where no store is behind the server.
    pub(super) async fn end(self, what: &str) -> Outcome<Option<Measured>> {
        let Some(minio) = self.minio else { return Ok(None) };
        let calls = minio.calls().await?.since(&self.before);
        Ok(Some(measured(row(what), &calls, 1)))
    }
}

fn measured(row: Row, calls: &Calls, operations: u64) -> Measured {
    let each = calls.total() as f64 / operations as f64;
    Measured { note: calls.describe(operations), ..row.measured(each) }
}

struct Client {
    connection: Connection,
    traffic: Traffic,
    blobs: UniqueBlobs,
    pushed: Option<UniqueBlob>,
}

impl Client {
    fn new(context: &Context, connection: Connection, traffic: Traffic) -> Self {
        let (kibibytes, number) = match traffic {
            Traffic::Push { kibibytes } => (kibibytes, 0),
            Traffic::Image => (KIBIBYTES, 1),
            Traffic::Pull | Traffic::List(_) => (KIBIBYTES, 2),
        };
        // Far from the seeds of the other pushes.
        let seed = context.seed ^ (1 << 60) ^ (number << 40) ^ kibibytes as u64;
        Self { connection, traffic, blobs: UniqueBlobs::new(kibibytes << 10, seed), pushed: None }
    }

    async fn step(&mut self, number: u64) -> Outcome<()> {
        match self.traffic {
            Traffic::Push { .. } => self.push().await.map(drop),
            Traffic::Image => self.push_image(number).await,
            Traffic::Pull => self.pull().await,
            Traffic::List(Kind::Tags) => {
                self.get(&format!("/v2/{TAGS_REPOSITORY}/tags/list")).await
            }
            Traffic::List(Kind::Repositories) => self.get("/v2/_catalog").await,
        }
    }

    async fn push(&mut self) -> Outcome<UniqueBlob> {
        let blob = self.blobs.next();
        push_blob(&mut self.connection, REPOSITORY, &blob).await?;
        Ok(blob)
    }

    async fn push_image(&mut self, number: u64) -> Outcome<()> {
        let mut layers = Vec::with_capacity(LAYERS);
        for _ in 0..LAYERS {
            layers.push(self.push().await?);
        }
        let config = UniqueBlobs::new(4 << 10, number ^ (1 << 61)).next();
        let connection = &mut self.connection;
        push_blob(connection, REPOSITORY, &config).await?;
        let manifest = image_manifest(&config, &layers);
        push_manifest(connection, REPOSITORY, &format!("i{number}"), IMAGE_MANIFEST, &manifest)
            .await
    }

    async fn pull(&mut self) -> Outcome<()> {
        let blob = match self.pushed.take() {
            Some(blob) => blob,
            None => self.push().await?,
        };
        self.get(&format!("/v2/{REPOSITORY}/blobs/{}", blob.digest)).await?;
        let is_same = self.connection.body() == blob.bytes();
        self.pushed = Some(blob);
        if is_same { Ok(()) } else { Err("a layer is not what was pushed".into()) }
    }

    async fn get(&mut self, target: &str) -> Outcome<()> {
        match self.connection.exchange(request("GET", target, "").as_bytes()).await? {
            200 => Ok(()),
            _ => Err(format!("{target}: {}", self.connection.describe())),
        }
    }
}
