//! Transfer: moving a whole registry to other stores, such as from SQLite and files to PostgreSQL
//! and a bucket, or back.
//!
//! The source is walked repository by repository beside its walk through the target, both in order
//! of keys, and what differs is copied: bytes, then links, manifests and tags, with their times, and
//! the history of tags. Accounts, what they may do and the log of it come along with their numbers.
//! Bytes are hashed on the way, before anything in the target names them, so a blob that nobody had
//! verified is verified by its move, and one that is damaged is reported and left out.
//!
//! A source that serves is copied while it does, again and again until little is left; then it is
//! frozen, and a last pass also removes what the source no longer has. In the end both sides are
//! walked once more and must agree. An interrupted transfer is run again and goes on: what the
//! target has already is not read. The content of the source is never changed.
//!
//! Not moved are uploads that nobody has finished, and lines of the log that are written after the
//! freeze: they tell of what the old registry did then.

mod access;
mod access_rows;
mod bytes;
mod cursor;
mod error;
mod gate;
mod history;
mod left_out;
mod lines;
mod links;
mod manifests;
mod pass;
mod record;
mod sum;
mod tags;
mod tally;
mod twin;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use store::{
    AccountWalk, BlobStore, Clock, ContentStore, CounterStore, HistoryStore, ImportStore, Random,
    SettingsStore, StoreError, WalkStore,
};

use crate::{Findings, Observer, Shutdown};

pub use error::{Difference, TransferError};
pub use gate::Gate;
pub use sum::Sum;

use pass::{Pass, Run};

/// Passes over a source that goes on serving, at most: a source that changes faster than it can be
/// copied is frozen in the end.
const LIVE_PASSES: u32 = 4;
/// Bytes that a pass may leave to the frozen one.
const LITTLE: u64 = 64 << 20;
/// Objects that a pass may leave to the frozen one.
const FEW: u64 = 1000;

/// Everything that one registry keeps.
#[derive(Clone)]
pub struct Side {
    /// Lists what there is.
    pub walk: Arc<dyn WalkStore>,
    /// Says where the bytes of a blob are, and takes blobs.
    pub content: Arc<dyn ContentStore>,
    /// Takes manifests and tags with their times.
    pub import: Arc<dyn ImportStore>,
    /// Takes pulls.
    pub counters: Arc<dyn CounterStore>,
    /// Knows where tags have been.
    pub history: Arc<dyn HistoryStore>,
    /// Accounts, what they may do, and the log of it.
    pub accounts: Arc<dyn AccountWalk>,
    /// Keeps what the registry knows of itself, and of its last transfer.
    pub settings: Arc<dyn SettingsStore>,
    /// Keeps the bytes.
    pub blobs: Arc<dyn BlobStore>,
}

/// Whether anybody writes to the source meanwhile.
#[derive(Clone)]
pub enum Source {
    /// Nobody does: one pass is enough.
    Still,
    /// It serves, and can be told to take no more writes.
    Serving(Arc<dyn Freeze>),
}

/// Stops the writes of a serving registry.
#[async_trait]
pub trait Freeze: Send + Sync + 'static {
    /// No content changes any more once this has returned: later writes are refused, and those
    /// that were begun have ended.
    ///
    /// # Errors
    /// If that cannot be; the registry then serves as before.
    async fn freeze(&self) -> Result<(), StoreError>;

    /// Called when everything has been proven to be in the target: the source stays frozen, also
    /// when this process has ended.
    ///
    /// # Errors
    /// If content may have changed since [`Self::freeze`] has returned.
    async fn stay(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Content may change again.
    async fn thaw(&self);
}

/// What a transfer needs.
#[derive(Clone)]
pub struct Transfer {
    /// Where everything is.
    pub from: Side,
    /// Where everything is to be. Nobody else uses it meanwhile.
    pub to: Side,
    /// Whether the source serves.
    pub source: Source,
    /// Whether the target may be one that an earlier transfer between the two has filled.
    pub resume: bool,
    /// Settings that move along, such as the key of upload ids.
    pub settings: Vec<&'static str>,
    /// Says when the target's own records were made, and how fast it goes.
    pub clock: Arc<dyn Clock>,
    /// Makes names for staging areas and stores.
    pub random: Arc<dyn Random>,
}

/// What was written to the target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moved {
    /// Blobs whose bytes were copied, those in the metadata among them.
    pub blobs: u64,
    /// Bytes of these blobs.
    pub bytes: u64,
    /// Memberships of blobs in repositories.
    pub links: u64,
    /// Manifests.
    pub manifests: u64,
    /// Tags.
    pub tags: u64,
    /// Links, manifests and tags that were removed, being gone from the source.
    pub removed: u64,
    /// Accounts, tokens, teams, roles, grants and visibilities that were written or removed.
    pub access: u64,
    /// Lines of the audit log.
    pub lines: u64,
}

impl Moved {
    /// How many writes these were.
    fn objects(&self) -> u64 {
        self.links + self.manifests + self.tags + self.removed + self.lines
    }

    /// What came on top of `before`.
    fn since(&self, before: &Self) -> Self {
        Self {
            blobs: self.blobs - before.blobs,
            bytes: self.bytes - before.bytes,
            links: self.links - before.links,
            manifests: self.manifests - before.manifests,
            tags: self.tags - before.tags,
            removed: self.removed - before.removed,
            access: self.access - before.access,
            lines: self.lines - before.lines,
        }
    }
}

/// What a transfer did. Source and target agree, but for what the findings name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferReport {
    /// Passes over the source.
    pub passes: u32,
    /// What they wrote, all together.
    pub moved: Moved,
    /// What the target holds now.
    pub holds: Sum,
    /// Lines of the audit log that it holds.
    pub lines: u64,
    /// How long the source has been frozen until now; zero if it did not serve.
    pub frozen: Duration,
    /// What is damaged in the source and was left out.
    pub findings: Findings,
}

/// Moves everything. A source that serves stays frozen after a success and serves on after a
/// failure.
///
/// # Errors
/// When the target is not one that may be written to, when a store fails, when the shutdown signal
/// comes, and when source and target do not agree in the end. What was copied stays; a transfer
/// with `resume` goes on.
pub async fn run(
    transfer: &Transfer,
    observer: &dyn Observer,
    shutdown: &Shutdown,
) -> Result<TransferReport, TransferError> {
    twin::admit(transfer, shutdown).await?;
    let mut run = Run::new(transfer, observer, shutdown);
    run.foretell().await?;
    let Source::Serving(freeze) = &transfer.source else {
        let (holds, lines) = settle(&mut run, Pass::ONLY, None).await?;
        return Ok(run.report(holds, lines, Duration::ZERO));
    };
    let mut last = run.pass(Pass::FIRST).await?;
    while run.passes < LIVE_PASSES && !is_little(&last) {
        last = run.pass(Pass::AGAIN).await?;
    }
    freeze.freeze().await.map_err(crate::WorkError::from)?;
    let accounts = &transfer.from.accounts;
    accounts.hold_access().await;
    observer.line("the source takes no more writes");
    let since = transfer.clock.elapsed();
    match settle(&mut run, Pass::LAST, Some((&**freeze, since))).await {
        Ok((holds, lines)) => {
            Ok(run.report(holds, lines, transfer.clock.elapsed().saturating_sub(since)))
        }
        Err(error) => {
            accounts.release_access().await;
            freeze.thaw().await;
            observer.line("the source takes writes again");
            Err(error)
        }
    }
}

/// Whether what comes in during a pass like this one is copied within moments.
fn is_little(moved: &Moved) -> bool {
    moved.bytes <= LITTLE && moved.objects() <= FEW
}

/// The last pass, over a source that nobody changes, and the proof. The source may have been frozen
/// at a moment, on the clock's `elapsed` scale.
async fn settle(
    run: &mut Run<'_>,
    pass: Pass,
    frozen: Option<(&dyn Freeze, Duration)>,
) -> Result<(Sum, u64), TransferError> {
    run.pass(pass).await?;
    run.access().await?;
    run.carry_settings().await?;
    if let Some((_, since)) = frozen {
        run.await_lines(since).await?;
    }
    run.lines().await?;
    let (from, to) = run.compare().await?;
    let lines = run.compare_lines().await?;
    if let Some((freeze, _)) = frozen {
        freeze.stay().await.map_err(crate::WorkError::from)?;
    }
    twin::seal(run.porter.transfer, &from, &to).await?;
    Ok((to, lines))
}
