//! Garbage collection: removing what nobody needs, beside a serving registry.
//!
//! **Garbage** is, in this order: with `delete_untagged`, a manifest that no tag names, no index of
//! its repository holds and whose subject is not in its repository (so a signature lives as long as
//! what it signs); the link of a blob that no manifest of the repository references; a blob without
//! a link anywhere. All only when older than the grace period: a blob that was pushed a moment ago
//! waits for its manifest. Without `delete_untagged` no manifest is touched.
//!
//! Names go before bytes. Every removal is decided again inside its transaction, so a push that
//! comes in between wins. A blob is first marked as buried, then its bytes are removed, then it is
//! forgotten; an interrupted run leaves buried blobs, which the next one finishes. Nothing is held
//! still meanwhile and no cache has to be told, since none decides about existence.

mod bytes;
mod forecast;
mod names;

use std::sync::Arc;
use std::time::Duration;

use oci::RepositoryName;
use store::{BlobStore, Clock, LivenessStore, Page, Timestamp, WalkStore};

use crate::{Observer, Progress, Shutdown, WorkError};

/// Records in one page and one transaction.
const PAGE: usize = 500;

/// What a collection needs.
#[derive(Clone)]
pub struct Collect {
    /// Lists repositories and, for a forecast, what is in them.
    pub walk: Arc<dyn WalkStore>,
    /// Says what is dead, and buries it.
    pub liveness: Arc<dyn LivenessStore>,
    /// Where bytes are removed.
    pub blobs: Arc<dyn BlobStore>,
    /// What age is measured with.
    pub clock: Arc<dyn Clock>,
}

/// How to collect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CollectOptions {
    /// Only say what would be removed.
    pub dry_run: bool,
    /// Also remove manifests that nothing names.
    pub delete_untagged: bool,
    /// Whatever is younger is left alone.
    pub grace: Duration,
}

impl Default for CollectOptions {
    fn default() -> Self {
        Self { dry_run: false, delete_untagged: false, grace: Duration::from_secs(3600) }
    }
}

/// What was removed, or in a dry run would be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CollectReport {
    /// Repositories looked at.
    pub repositories: u64,
    /// Manifests.
    pub manifests: u64,
    /// Links of blobs into repositories.
    pub links: u64,
    /// Blobs.
    pub blobs: u64,
    /// Bytes of these blobs.
    pub bytes: u64,
    /// Blobs whose bytes could not be removed now; the next run tries again.
    pub failed: u64,
}

/// One run under way.
struct Run<'a> {
    collect: &'a Collect,
    observer: &'a dyn Observer,
    shutdown: &'a Shutdown,
    options: CollectOptions,
    before: Timestamp,
    report: CollectReport,
}

/// Collects once. Lines for people are like those of the original's `garbage-collect`.
///
/// # Errors
/// When a metadata store fails or the shutdown signal comes; what was removed until then is gone,
/// and the next run goes on.
pub async fn run(
    collect: &Collect,
    options: CollectOptions,
    observer: &dyn Observer,
    shutdown: &Shutdown,
) -> Result<CollectReport, WorkError> {
    let before = collect.clock.now().before(options.grace);
    let report = CollectReport::default();
    let mut run = Run { collect, observer, shutdown, options, before, report };
    match options.dry_run {
        true => run.forecast().await?,
        false => {
            run.names().await?;
            run.bytes().await?;
        }
    }
    let CollectReport { blobs, manifests, bytes, .. } = run.report;
    observer.line(&format!(
        "\n{blobs} blobs and {manifests} manifests eligible for deletion, {bytes} bytes"
    ));
    Ok(run.report)
}

impl Run<'_> {
    async fn repositories(&self, page: Page<String>) -> Result<Vec<RepositoryName>, WorkError> {
        if self.shutdown.requested() {
            return Err(WorkError::Interrupted);
        }
        Ok(self.collect.walk.walk_repositories(page).await?)
    }

    fn begin(&mut self, name: &RepositoryName) {
        self.report.repositories += 1;
        self.observer.line(name.as_str());
        self.tell(name.as_str());
    }

    fn tell(&self, message: &str) {
        self.observer.progress(&Progress {
            phase: "garbage-collect",
            done: self.report.repositories,
            total: None,
            bytes: self.report.bytes,
            message: message.to_owned(),
        });
    }

    fn manifest_line(&self, name: &RepositoryName, digest: &oci::Digest) {
        self.observer.line(&format!("manifest eligible for deletion: {name}@{digest}"));
    }

    fn link_line(&self, name: &RepositoryName, digest: &oci::Digest) {
        self.observer.line(&format!("{name}: layer link eligible for deletion: {digest}"));
    }

    fn blob_line(&self, digest: &oci::Digest) {
        self.observer.line(&format!("blob eligible for deletion: {digest}"));
    }
}
