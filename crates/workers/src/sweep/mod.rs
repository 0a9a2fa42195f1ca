//! Sweep: removing bytes that have a place but no row.
//!
//! Bytes come before names, so a crash between the two leaves bytes that nothing knows. A collection
//! starts from rows and never meets them; this duty starts from what the blob store holds.
//!
//! **Two kinds of places.** Most keys can have been given by Berth alone, so bytes there without a
//! row are garbage. The places of the distribution tree ([`OwnPlaces`]) may hold what another
//! registry wrote: they are looked at only when the caller asks for it, only while the tree has no
//! link that the metadata has not seen, and of them only those go whose digest has no row of any
//! kind and is named by no link of the tree. So neither what an export wrote out (manifests, small
//! blobs, second names) goes, nor what an import found damaged but somebody may still repair.
//!
//! **The race with a push.** Bytes get their place first; then the transaction commits the row. In
//! between they look like garbage. What keeps the sweep away from them:
//! - their age: bytes younger than an hour are left alone. But a file bears the time of its last
//!   write and a multipart object that of its beginning, and a client may close an upload hours
//!   after that;
//! - the upload: bytes whose key tells of an upload that is open are left alone until it has ended;
//! - the second look: what was found is looked at again after a pause (`settle`), so whoever placed
//!   bytes before the first look has had that long to commit. The row is asked for after the upload:
//!   an upload that ended in between has committed by then.
//!
//! Keys of the first kind are never used twice, so a late removal hits nothing new and any number of
//! replicas may sweep. An own place may be taken again once it is empty: with [`OwnPlaces`] the
//! caller lets only one sweep run at a time, and no import or export of the same tree beside it.

mod places;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use store::{
    BlobStore, Clock, LivenessStore, StoreError, StoredRecord, UploadId, UploadState, UploadStore,
};

use crate::{Observer, Progress, Shutdown, WorkError};

pub use places::OwnPlaces;

/// Keys in one page.
const PAGE: usize = 500;
/// Keys that wait together for their second look; the rest comes after them.
const ROUND: usize = 10_000;
/// Keys that are removed after one second look.
const BATCH: usize = 64;
/// Removals under way.
const AT_ONCE: usize = 8;

/// What a sweep needs.
#[derive(Clone)]
pub struct Sweep {
    /// What is swept.
    pub blobs: Arc<dyn BlobStore>,
    /// Knows which keys have rows.
    pub liveness: Arc<dyn LivenessStore>,
    /// Knows which uploads are open.
    pub uploads: Arc<dyn UploadStore>,
    /// What age is measured with.
    pub clock: Arc<dyn Clock>,
    /// For looking at the places of the distribution tree too.
    pub own_places: Option<OwnPlaces>,
}

/// How to sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SweepOptions {
    /// Only say what would be removed.
    pub dry_run: bool,
    /// Whatever is younger is left alone.
    pub age: Duration,
    /// Pause between the two looks: longer than a push takes from placing its bytes to committing
    /// their row. Zero only where nobody pushes.
    pub settle: Duration,
}

impl Default for SweepOptions {
    fn default() -> Self {
        Self { dry_run: false, age: Duration::from_secs(3600), settle: Duration::from_secs(60) }
    }
}

/// What was removed, or in a dry run would be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Stored blobs looked at.
    pub looked_at: u64,
    /// Stored blobs that belong to nothing.
    pub swept: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Those that could not be removed now; the next run tries again.
    pub failed: u64,
}

/// Sweeps once.
///
/// # Errors
/// When a store fails or the shutdown signal comes; what was removed until then is gone, and the
/// next run begins at the front.
pub async fn run(
    sweep: &Sweep,
    options: SweepOptions,
    observer: &dyn Observer,
    shutdown: &Shutdown,
) -> Result<SweepReport, WorkError> {
    let tree = match &sweep.own_places {
        Some(places) => places.tree_names(observer, shutdown).await?,
        None => None,
    };
    let report = SweepReport::default();
    Run { sweep, options, observer, shutdown, tree, report }.whole().await
}

/// One run under way.
struct Run<'a> {
    sweep: &'a Sweep,
    options: SweepOptions,
    observer: &'a dyn Observer,
    shutdown: &'a Shutdown,
    /// What the tree's links name; `None` if own places are left alone.
    tree: Option<places::TreeNames<'a>>,
    report: SweepReport,
}

impl Run<'_> {
    async fn whole(mut self) -> Result<SweepReport, WorkError> {
        let before = self.sweep.clock.now().before(self.options.age);
        let mut after = None;
        let mut found = Vec::new();
        loop {
            self.go_on()?;
            let page = self.sweep.blobs.stored(self.tree.is_some(), after.as_ref(), PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.key.clone());
            self.report.looked_at += page.len() as u64;
            let old = page.into_iter().filter(|record| record.modified < before).collect();
            found.extend(self.unneeded(old).await?);
            if found.len() >= ROUND {
                self.remove(std::mem::take(&mut found)).await?;
            }
            self.tell();
        }
        self.remove(found).await?;
        self.tell();
        Ok(self.report)
    }

    /// Those that belong to nothing as far as is known now.
    async fn unneeded(&self, records: Vec<StoredRecord>) -> Result<Vec<StoredRecord>, WorkError> {
        let mut unneeded = Vec::new();
        for record in self.unheld(records).await? {
            if !self.is_uploading(&record).await? {
                unneeded.push(record);
            }
        }
        match &self.tree {
            Some(tree) => tree.without_named(unneeded).await,
            None => Ok(unneeded),
        }
    }

    async fn unheld(&self, records: Vec<StoredRecord>) -> Result<Vec<StoredRecord>, StoreError> {
        match records.is_empty() {
            true => Ok(records),
            false => self.sweep.liveness.unheld(records).await,
        }
    }

    async fn is_uploading(&self, record: &StoredRecord) -> Result<bool, StoreError> {
        let Some(staging) = &record.staging else { return Ok(false) };
        let row = self.sweep.uploads.upload(&UploadId::new(staging.as_str())).await?;
        let state = row.map(|row| row.state);
        Ok(matches!(state, Some(UploadState::Open { .. } | UploadState::Held(_))))
    }

    /// Looks a second time and removes what is still needed by nothing.
    async fn remove(&mut self, found: Vec<StoredRecord>) -> Result<(), WorkError> {
        if self.options.dry_run {
            found.iter().for_each(|record| self.count(record));
            return Ok(());
        }
        let settle = self.options.settle;
        if !found.is_empty() && !settle.is_zero() && !self.shutdown.sleep(settle).await {
            return Err(WorkError::Interrupted);
        }
        for batch in found.chunks(BATCH) {
            self.go_on()?;
            let still = self.unneeded(batch.to_vec()).await?;
            // Once more after the uploads: one that has ended since has committed its row.
            let still = self.unheld(still).await?;
            let blobs = &self.sweep.blobs;
            let removals = still.into_iter().map(|record| async move {
                let removed = blobs.delete(&record.key).await;
                (record, removed)
            });
            let removals = futures_util::stream::iter(removals).buffered(AT_ONCE);
            let removed: Vec<_> = removals.collect().await;
            for (record, removed) in removed {
                match removed {
                    Ok(()) => self.count(&record),
                    Err(error) => {
                        let key = record.key.as_str();
                        tracing::warn!(key, %error, "bytes that belong to nothing were not removed");
                        self.report.failed += 1;
                    }
                }
            }
        }
        Ok(())
    }

    fn count(&mut self, record: &StoredRecord) {
        let (key, size) = (record.key.as_str(), record.size);
        self.observer.line(&format!("unknown bytes eligible for deletion: {key}, {size} bytes"));
        self.report.swept += 1;
        self.report.bytes += size;
    }

    fn tell(&self) {
        self.observer.progress(&Progress {
            phase: "sweep",
            done: self.report.looked_at,
            total: None,
            bytes: self.report.bytes,
            message: String::new(),
        });
    }

    fn go_on(&self) -> Result<(), WorkError> {
        match self.shutdown.requested() {
            true => Err(WorkError::Interrupted),
            false => Ok(()),
        }
    }
}
