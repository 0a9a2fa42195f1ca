//! Work that runs in whichever process owns the store: the server, on behalf
//! of a command beside it, or the command itself.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use indicatif::BinaryBytes;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use workers::collect::{self, Collect, CollectOptions};
use workers::export::{self, Export};
use workers::import::{self, Import};
use workers::sweep::{self, OwnPlaces, Sweep, SweepOptions};
use workers::verify::{self, Verify};
use workers::{Observer, Shutdown, WorkError};

use crate::wire::Stores;

/// The lease for what only one process may do at a time, whichever of the commands
/// it is: they read and remove what the others write.
pub(crate) const MAINTENANCE: &str = "maintenance";

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "work")]
pub(crate) enum Work {
    /// `berth garbage-collect`.
    GarbageCollect {
        /// Only say what would be removed.
        dry_run: bool,
        /// Also remove manifests that nothing keeps.
        delete_untagged: bool,
    },
    /// `berth import`.
    Import,
    /// `berth export`.
    Export,
}

/// What phase two of an import has left to do in a running server: those who add to it, the duty
/// that works it off, and the metrics share this.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    /// Calls the duty.
    pub(crate) call: Arc<Notify>,
    /// Blobs and bytes; `None` until somebody has counted.
    left: Mutex<Option<(u64, u64)>>,
}

impl Backlog {
    /// So many blobs and bytes are left.
    pub(crate) fn note(&self, left: (u64, u64)) {
        *self.left.lock() = Some(left);
    }

    /// Blobs and bytes that are left; `None` if nobody has counted yet.
    pub(crate) fn left(&self) -> Option<(u64, u64)> {
        *self.left.lock()
    }
}

/// Whether somebody may push at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Others {
    /// A server serves the same stores.
    Present,
    /// The stores are ours alone.
    Absent,
}

/// Does it; the last line of the answer sums it up.
pub(crate) async fn perform(
    work: Work,
    stores: &Stores,
    others: Others,
    observer: &dyn Observer,
    shutdown: &Shutdown,
) -> Result<String, WorkError> {
    match work {
        Work::GarbageCollect { dry_run, delete_untagged } => {
            let options = CollectOptions { dry_run, delete_untagged, ..CollectOptions::default() };
            let report = collect::run(&collection(stores), options, observer, shutdown).await?;
            let mut options = SweepOptions { dry_run, ..SweepOptions::default() };
            if others == Others::Absent {
                options.settle = Duration::ZERO;
            }
            let swept = sweep::run(&thorough_sweep(stores), options, observer, shutdown).await?;
            let verb = if dry_run { "would be removed" } else { "removed" };
            Ok(format!(
                "{} manifests, {} links and {} blobs ({} bytes) {verb}, and {} left behind by crashes \
                 ({} bytes); {} could not be removed",
                report.manifests,
                report.links,
                report.blobs,
                report.bytes,
                swept.swept,
                swept.bytes,
                report.failed + swept.failed
            ))
        }
        Work::Import => {
            let report = import::run(&importing(stores), observer, shutdown).await?;
            let counts = report.counts;
            Ok(format!(
                "imported {} repositories: {} manifests, {} tags, {} blobs ({} bytes); {} findings",
                report.repositories,
                counts.manifests,
                counts.tags,
                counts.blobs,
                counts.bytes,
                report.findings.total()
            ))
        }
        Work::Export => {
            let report = export::run(&exporting(stores), observer, shutdown).await?;
            let done = report.exported;
            Ok(format!(
                "exported {} repositories: {} manifests, {} tags, {} blobs; {} files changed; {} findings",
                done.repositories,
                done.manifests,
                done.tags,
                done.blobs,
                done.changed,
                report.findings.total()
            ))
        }
    }
}

/// Hashes what was imported, as fast as it goes: phase two of an import.
pub(crate) async fn rehash(
    stores: &Stores,
    observer: &dyn Observer,
    shutdown: &Shutdown,
) -> Result<String, WorkError> {
    let report = verify::run(&verification(stores, None), observer, shutdown).await?;
    Ok(format!(
        "re-hashed {} blobs ({}); {} findings",
        report.verified + report.findings.total(),
        BinaryBytes(report.bytes),
        report.findings.total()
    ))
}

/// What waits for phase two, in words; `None` if nothing does.
pub(crate) async fn unverified(stores: &Stores) -> Result<Option<String>, WorkError> {
    Ok(in_words(stores.metadata.unverified_total().await?))
}

/// Blobs and bytes in words; `None` if there are none.
pub(crate) fn in_words((blobs, bytes): (u64, u64)) -> Option<String> {
    (blobs > 0).then(|| format!("{blobs} blobs ({})", BinaryBytes(bytes)))
}

/// The parts of phase two; `rate` is in bytes per second.
pub(crate) fn verification(stores: &Stores, rate: Option<NonZeroU64>) -> Verify {
    Verify {
        store: stores.metadata.clone(),
        blobs: stores.blobs.clone(),
        clock: stores.world.clock.clone(),
        rate,
    }
}

/// The parts of an import.
pub(crate) fn importing(stores: &Stores) -> Import {
    Import {
        tree: stores.tree.clone(),
        store: stores.metadata.clone(),
        settings: stores.metadata.clone(),
        clock: stores.world.clock.clone(),
    }
}

fn exporting(stores: &Stores) -> Export {
    Export {
        tree: stores.tree.clone(),
        walk: stores.metadata.clone(),
        content: stores.metadata.clone(),
        settings: stores.metadata.clone(),
    }
}

/// The parts of a sweep that knows every name that Berth gives and nobody else.
pub(crate) fn quick_sweep(stores: &Stores) -> Sweep {
    Sweep {
        blobs: stores.blobs.clone(),
        liveness: stores.metadata.clone(),
        uploads: stores.metadata.clone(),
        clock: stores.world.clock.clone(),
        own_places: None,
    }
}

/// The parts of a sweep that looks at the places of the original's tree too.
fn thorough_sweep(stores: &Stores) -> Sweep {
    let places = OwnPlaces {
        tree: stores.tree.clone(),
        content: stores.metadata.clone(),
        settings: stores.metadata.clone(),
    };
    Sweep { own_places: Some(places), ..quick_sweep(stores) }
}

fn collection(stores: &Stores) -> Collect {
    Collect {
        walk: stores.metadata.clone(),
        liveness: stores.metadata.clone(),
        blobs: stores.blobs.clone(),
        clock: stores.world.clock.clone(),
    }
}
