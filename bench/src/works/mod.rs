//! The work that is measured. A step is one kind of work on one store; it yields one or two rows of
//! the table.

mod bulk;
mod calls;
mod goals;
mod pages;
mod push;
mod read;

use std::net::SocketAddr;

use crate::backing::StoreKind;
use crate::clock::now;
use crate::content::LargeBlob;
use crate::drive::{Worker, drive};
use crate::options::Sizes;
use crate::process::own_cpu_seconds;
use crate::report::{Measured, Missed, Row};
use crate::running::Running;
use crate::seed::Kind;
use crate::servers::Server;

pub(crate) use calls::Traffic;

/// A group of steps, as named on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Work {
    Start,
    Memory,
    Push,
    PushChunked,
    Pull,
    Manifest,
    Head,
    Blobs,
    Images,
    Tags,
    Catalog,
    Calls,
}

/// One measurement of one server. Numbers are connections, or entries of a list.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Idle,
    Push { chunked: bool },
    FirstPull,
    Pull,
    Manifest(usize),
    Head(usize),
    Blobs(usize),
    Images(usize),
    WholeTagList,
    Page(Kind, Store),
    Calls(Traffic),
    Peak,
}

/// Which store a list is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    Small,
    Large,
}

/// A server at work, and what its store holds.
pub(crate) struct Subject {
    pub(crate) running: Running,
    /// Tags and repositories that were pushed for the lists.
    pub(crate) tags: u64,
    pub(crate) repositories: u64,
    pub(crate) has_large_blob: bool,
}

/// What all steps share.
pub(crate) struct Context {
    pub(crate) sizes: Sizes,
    pub(crate) store: StoreKind,
    pub(crate) large: LargeBlob,
    pub(crate) seed: u64,
}

impl Step {
    /// The steps on a small store after it was seeded, in the order in which they run.
    pub(crate) const SMALL: [(Work, Self); 23] = [
        (Work::Push, Self::Push { chunked: false }),
        (Work::PushChunked, Self::Push { chunked: true }),
        (Work::Pull, Self::FirstPull),
        (Work::Pull, Self::Pull),
        (Work::Manifest, Self::Manifest(1)),
        (Work::Manifest, Self::Manifest(16)),
        (Work::Manifest, Self::Manifest(64)),
        (Work::Head, Self::Head(16)),
        (Work::Blobs, Self::Blobs(1)),
        (Work::Blobs, Self::Blobs(16)),
        (Work::Blobs, Self::Blobs(64)),
        (Work::Images, Self::Images(16)),
        (Work::Tags, Self::WholeTagList),
        (Work::Tags, Self::Page(Kind::Tags, Store::Small)),
        (Work::Catalog, Self::Page(Kind::Repositories, Store::Small)),
        (Work::Calls, Self::Calls(Traffic::Push { kibibytes: 8 })),
        (Work::Calls, Self::Calls(Traffic::Push { kibibytes: 64 })),
        (Work::Calls, Self::Calls(Traffic::Push { kibibytes: 200 })),
        (Work::Calls, Self::Calls(Traffic::Image)),
        (Work::Calls, Self::Calls(Traffic::Pull)),
        (Work::Calls, Self::Calls(Traffic::List(Kind::Tags))),
        (Work::Calls, Self::Calls(Traffic::List(Kind::Repositories))),
        (Work::Memory, Self::Peak),
    ];

    /// The steps on a large store.
    pub(crate) const LARGE: [(Work, Self); 2] = [
        (Work::Tags, Self::Page(Kind::Tags, Store::Large)),
        (Work::Catalog, Self::Page(Kind::Repositories, Store::Large)),
    ];

    /// False where nginx or the store itself has nothing to show.
    pub(crate) fn applies_to(self, server: Server) -> bool {
        let bytes = matches!(self, Self::Idle | Self::Peak | Self::Pull);
        match server {
            Server::Nginx => bytes || matches!(self, Self::Manifest(_) | Self::Head(_)),
            Server::Minio => {
                let pushes = matches!(self, Self::Push { chunked: false } | Self::Blobs(_));
                bytes || pushes || matches!(self, Self::FirstPull)
            }
            _ => true,
        }
    }

    /// False for what is left out on a store: requests to count in files, and 64 connections where
    /// 16 are far beyond what the store takes.
    pub(crate) fn fits(self, store: StoreKind) -> bool {
        match store {
            StoreKind::Files => !matches!(self, Self::Calls(_)),
            StoreKind::Minio => !matches!(self, Self::Manifest(64) | Self::Blobs(64)),
        }
    }

    /// True if the disk is busy with what was written after the step has ended.
    pub(crate) fn writes(self) -> bool {
        matches!(self, Self::Push { .. } | Self::Blobs(_) | Self::Images(_))
    }

    /// The first row that the step yields.
    pub(crate) fn row(self, context: &Context) -> Row {
        let mut row = self.title(context);
        row.goals = goals::goals(self, context.store);
        row
    }

    fn title(self, context: &Context) -> Row {
        let size = match context.sizes.large {
            1024 => "1 GiB".to_owned(),
            mebibytes => format!("{mebibytes} MiB"),
        };
        match self {
            Self::Idle => Row::less("idle memory, empty store", "MiB"),
            Self::Peak => Row::less("peak memory after all of the above", "MiB"),
            Self::Push { chunked: false } => Row::more(format!("push {size}"), "MB/s"),
            Self::Push { chunked: true } => {
                Row::more(format!("push {size} in chunks of 32 KiB"), "MB/s")
            }
            Self::FirstPull => Row::more(format!("pull {size}, first time after the push"), "MB/s"),
            Self::Pull => Row::more(format!("pull {size}"), "MB/s"),
            Self::Manifest(connections) => at("manifest GET by tag", connections, "requests/s"),
            Self::Head(connections) => at("blob HEAD", connections, "requests/s"),
            Self::Blobs(connections) => at("push blobs of 64 KiB", connections, "blobs/s"),
            Self::Images(connections) => {
                at("push images of 8 layers of 4 KiB", connections, "images/s")
            }
            Self::WholeTagList => {
                let title = format!("list of {} tags", context.sizes.few);
                at(&title, pages::CONNECTIONS, "lists/s")
            }
            Self::Page(kind, store) => pages::row(kind, store, &context.sizes),
            Self::Calls(traffic) => traffic.row(),
        }
    }

    /// Measures.
    pub(crate) async fn run(
        self,
        context: &Context,
        subject: &mut Subject,
    ) -> Result<Vec<Measured>, Missed> {
        let row = self.row(context);
        let memory = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        match self {
            Self::Idle => Ok(vec![row.measured(memory(subject.running.memory().resident))]),
            Self::Peak => Ok(vec![row.measured(memory(subject.running.memory().peak))]),
            Self::Push { chunked } => bulk::push(context, subject, row, chunked).await,
            Self::FirstPull => bulk::first_pull(context, subject, row).await,
            Self::Pull => bulk::pull(context, subject, row).await,
            Self::Manifest(connections) => read::manifest(context, subject, row, connections).await,
            Self::Head(connections) => read::head(context, subject, row, connections).await,
            Self::Blobs(connections) => push::blobs(context, subject, row, connections).await,
            Self::Images(connections) => push::images(context, subject, row, connections).await,
            Self::WholeTagList => pages::whole_tag_list(context, subject, row).await,
            Self::Page(kind, _) => pages::page(context, subject, row, kind).await,
            Self::Calls(traffic) => calls::measure(context, subject, row, traffic).await,
        }
    }
}

impl Work {
    /// True if it is measured without being named.
    pub(crate) fn is_usual(self, store: StoreKind) -> bool {
        match self {
            Self::PushChunked => false,
            Self::Calls => store == StoreKind::Minio,
            // What the store has no part in.
            Self::Start | Self::Memory | Self::Manifest | Self::Head => store == StoreKind::Files,
            _ => true,
        }
    }
}

impl Subject {
    pub(crate) fn address(&self) -> SocketAddr {
        self.running.address
    }
}

fn at(title: &str, connections: usize, unit: &'static str) -> Row {
    Row::more(format!("{title}, c={connections}"), unit)
}

/// Warms up and measures a rate; the workers come back for a last check. The second row is the CPU
/// time of the server for one operation.
async fn rate<W: Worker>(
    context: &Context,
    subject: &Subject,
    row: Row,
    workers: Vec<W>,
) -> Result<(Vec<Measured>, Vec<W>), Missed> {
    rate_of(context, subject, row, workers, 0).await
}

/// A [`rate`] of at least so many operations, however long they take.
async fn rate_of<W: Worker>(
    context: &Context,
    subject: &Subject,
    row: Row,
    workers: Vec<W>,
    least: u64,
) -> Result<(Vec<Measured>, Vec<W>), Missed> {
    let warm = drive(workers, context.sizes.warm_up, 0).await?;
    let (server_cpu, own_cpu) = (subject.running.cpu_seconds(), own_cpu_seconds());
    let phase = drive(warm.workers, context.sizes.measure, least).await?;
    let seconds = phase.elapsed.as_secs_f64();
    let server_cpu = subject.running.cpu_seconds() - server_cpu;
    let own_share = (own_cpu_seconds() - own_cpu) / seconds;
    let operations = phase.operations as f64;
    let cpu = Row::cpu(&row.title, "µs").measured(server_cpu * 1e6 / operations.max(1.0));
    let rate = row.measured(operations / seconds).client_busy(own_share);
    Ok((vec![rate, cpu], phase.workers))
}

/// Runs one thing and yields its seconds and the CPU seconds of the server.
async fn timed<T>(
    subject: &Subject,
    work: impl Future<Output = Result<T, String>>,
) -> Result<(T, f64, f64), Missed> {
    let (cpu, begun) = (subject.running.cpu_seconds(), now());
    let value = work.await?;
    let seconds = (now() - begun).as_secs_f64();
    Ok((value, seconds, subject.running.cpu_seconds() - cpu))
}
