//! Work that runs in whichever process owns the store: the server, on behalf
//! of a command beside it, or the command itself.

use serde::{Deserialize, Serialize};
use workers::collect::{self, Collect, CollectOptions};
use workers::export::{self, Export};
use workers::import::{self, Import};
use workers::{Observer, Shutdown, WorkError};

use crate::wire::Stores;

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

/// Does it; the last line of the answer sums it up.
pub(crate) async fn perform(
    work: Work,
    stores: &Stores,
    observer: &dyn Observer,
    shutdown: &Shutdown,
) -> Result<String, WorkError> {
    match work {
        Work::GarbageCollect { dry_run, delete_untagged } => {
            let options = CollectOptions { dry_run, delete_untagged, ..CollectOptions::default() };
            let report = collect::run(&collection(stores), options, observer, shutdown).await?;
            let verb = if dry_run { "would be removed" } else { "removed" };
            Ok(format!(
                "{} manifests, {} links and {} blobs ({} bytes) {verb}; {} blobs could not be removed",
                report.manifests, report.links, report.blobs, report.bytes, report.failed
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

fn collection(stores: &Stores) -> Collect {
    Collect {
        walk: stores.metadata.clone(),
        liveness: stores.metadata.clone(),
        blobs: stores.blobs.clone(),
        clock: stores.world.clock.clone(),
    }
}
