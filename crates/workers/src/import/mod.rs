//! Import: taking over a tree that the original registry wrote, in place.
//!
//! Blobs stay where they lie; what is written is metadata. Phase one, here, reads the links of
//! every repository, reads, hashes and parses its manifests, and notes the size of each blob, which
//! is recorded `unverified`. Phase two is [`crate::verify`], beside a serving registry.
//!
//! Facts are facts: a manifest that is whole is imported, also when something that it needs is
//! gone. What is damaged is reported by its path and left out. Nothing in the tree is changed.
//!
//! Repositories are worked off in the order of their names, a few at a time. The last one of which
//! all before are finished is kept as the cursor, so an interrupted import goes on there,
//! provided that the tree's [`Stamp`] is still the one it began with. Records merge: a second
//! import of the same tree changes nothing, one of a changed tree adds what is new and moves tags
//! whose link is newer. Nothing is ever deleted by an import.
//!
//! Lists of referrers that clients kept under fallback tags (`sha256-<hex>`) need no special care:
//! the manifests that they list lie in the repository like all others, are imported with their
//! `subject`, and so are referrers from then on.

mod batch;
mod cursor;
mod manifest;
mod needs;
mod repository;

use std::sync::Arc;

use futures_util::StreamExt;
use oci::RepositoryName;
use store::{Clock, ImportStore, SettingsStore};

use crate::tree::{Stamp, Tree};
use crate::{Findings, Observer, Progress, Shutdown, WorkError};

pub(crate) use cursor::{begin_export, end_export};
pub(crate) use manifest::infer;
pub use needs::{NeedsImport, needs_import, was_imported};
pub use repository::Counts;

/// Repositories that are worked on at once, so that their transactions share a sync.
const AT_ONCE: usize = 8;

/// Finished repositories after which the cursor is written.
const CURSOR_EVERY: u64 = 64;

/// Largest manifest that is read, in bytes.
pub const MAX_MANIFEST: u64 = 64 * 1024 * 1024;

/// What an import needs.
#[derive(Clone)]
pub struct Import {
    /// Where to read.
    pub tree: Arc<dyn Tree>,
    /// Where to write.
    pub store: Arc<dyn ImportStore>,
    /// Where cursor and stamp are kept.
    pub settings: Arc<dyn SettingsStore>,
    /// Gives what is imported its age for the garbage collector.
    pub clock: Arc<dyn Clock>,
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Repositories in the tree.
    pub repositories: u64,
    /// Repositories that an earlier, interrupted run had finished.
    pub resumed: u64,
    /// What was handed to the store in this run.
    pub counts: Counts,
    /// What is damaged or odd.
    pub findings: Findings,
}

/// Imports the whole tree: phase one.
///
/// # Errors
/// When the tree as a whole cannot be read, the store fails, or the shutdown signal comes. All that
/// was imported until then stays, and the next call goes on.
pub async fn run(
    import: &Import,
    observer: &dyn Observer,
    shutdown: &Shutdown,
) -> Result<ImportReport, WorkError> {
    // Before the first read: what is written while we read differs from this stamp afterwards.
    let stamp = import.tree.stamp().await?;
    let listing = import.tree.repositories().await?;
    let after = cursor::resume(import.settings.as_ref(), &stamp).await?;
    let mut run = Run { import, observer, report: ImportReport::default() };
    run.report.repositories = listing.items.len() as u64;
    run.report.findings.extend(listing.findings.into_iter().inspect(|f| observer.finding(f)));
    let is_open =
        |name: &RepositoryName| after.as_deref().is_none_or(|after| name.as_str() > after);
    let open: Vec<_> = listing.items.into_iter().filter(is_open).collect();
    run.report.resumed = run.report.repositories - open.len() as u64;
    run.repositories(open, &stamp, shutdown).await?;
    cursor::finish(import.settings.as_ref(), &stamp).await?;
    Ok(run.report)
}

/// One run under way.
struct Run<'a> {
    import: &'a Import,
    observer: &'a dyn Observer,
    report: ImportReport,
}

impl Run<'_> {
    async fn repositories(
        &mut self,
        open: Vec<RepositoryName>,
        stamp: &Stamp,
        shutdown: &Shutdown,
    ) -> Result<(), WorkError> {
        let import = self.import;
        let work = open.into_iter().map(|name| async move {
            if shutdown.requested() {
                return Err(WorkError::Interrupted);
            }
            let outcome = repository::import(import, &name, shutdown).await?;
            Ok((name, outcome))
        });
        // In order, so that the cursor has everything before it.
        let mut finished = futures_util::stream::iter(work).buffered(AT_ONCE);
        let mut done = self.report.resumed;
        self.tell(done, "");
        let mut last = None;
        while let Some(outcome) = finished.next().await {
            let (name, outcome) = match outcome {
                Ok(outcome) => outcome,
                Err(error) => {
                    self.keep(last.as_ref(), stamp).await?;
                    return Err(error);
                }
            };
            done += 1;
            self.report.counts.add(&outcome.counts);
            outcome.findings.iter().for_each(|finding| self.observer.finding(finding));
            self.report.findings.extend(outcome.findings);
            self.tell(done, name.as_str());
            last = Some(name);
            if done.is_multiple_of(CURSOR_EVERY) {
                self.keep(last.as_ref(), stamp).await?;
            }
        }
        Ok(())
    }

    async fn keep(&self, last: Option<&RepositoryName>, stamp: &Stamp) -> Result<(), WorkError> {
        match last {
            Some(last) => cursor::keep(self.import.settings.as_ref(), last, stamp).await,
            None => Ok(()),
        }
    }

    fn tell(&self, done: u64, message: &str) {
        self.observer.progress(&Progress {
            phase: "import",
            done,
            total: Some(self.report.repositories),
            bytes: self.report.counts.bytes,
            message: message.to_owned(),
        });
    }
}
