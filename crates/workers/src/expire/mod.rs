//! Expiry of uploads: an upload that nobody goes on with ends, and its bytes go.
//!
//! Three things pile up. Open uploads whose client never came back: ended after
//! `uploadpurging.age`. Ended ones, kept for a while so that a client that asks again gets the same
//! answer: forgotten after an hour. Staging areas without a session row, left by a crash between
//! file and row: removed when nothing was written to them for an hour.
//!
//! Rows go before their bytes, and only those that nobody has written since they were listed: an
//! upload that goes on in between keeps its bytes. Whoever comes later finds no row and cannot go
//! on. An interrupted run leaves bytes without a row: staging areas are litter, for the next run;
//! what a bucket holds under a blob's name is swept.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use store::{BlobStore, Clock, StagingId, UploadId, UploadRow, UploadState, UploadStore};

use crate::{Observer, Shutdown, WorkError};

/// Rows that are ended in one transaction.
const PAGE: usize = 500;
/// Staging areas that one run looks at, oldest first.
const LITTER: usize = 10_000;

/// What expiry needs.
#[derive(Clone)]
pub struct Expire {
    /// Session rows.
    pub uploads: Arc<dyn UploadStore>,
    /// Staging areas.
    pub blobs: Arc<dyn BlobStore>,
    /// What age is measured with.
    pub clock: Arc<dyn Clock>,
}

/// When what expires; the `uploadpurging` section of the original's configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpireOptions {
    /// Age of an open upload, from when it was last heard of.
    pub age: Duration,
    /// Age of an ended one, and of a staging area without a row.
    pub ended_age: Duration,
    /// Only say what would be removed.
    pub dry_run: bool,
}

impl Default for ExpireOptions {
    fn default() -> Self {
        let hour = Duration::from_secs(3600);
        Self { age: 168 * hour, ended_age: hour, dry_run: false }
    }
}

/// What was removed, or in a dry run would be (of which a dry run looks at the first 500 uploads).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExpireReport {
    /// Open uploads that were ended.
    pub expired: u64,
    /// Rows of ended uploads.
    pub forgotten: u64,
    /// Staging areas without a row.
    pub litter: u64,
}

/// Expires once.
///
/// # Errors
/// When a store fails or the shutdown signal comes; the next run goes on.
pub async fn run(
    expire: &Expire,
    options: ExpireOptions,
    observer: &dyn Observer,
    shutdown: &Shutdown,
) -> Result<ExpireReport, WorkError> {
    let mut report = ExpireReport::default();
    rows(expire, options, observer, shutdown, &mut report).await?;
    litter(expire, options, observer, shutdown, &mut report).await?;
    Ok(report)
}

async fn rows(
    expire: &Expire,
    options: ExpireOptions,
    observer: &dyn Observer,
    shutdown: &Shutdown,
    report: &mut ExpireReport,
) -> Result<(), WorkError> {
    let now = expire.clock.now();
    let (open_before, ended_before) = (now.before(options.age), now.before(options.ended_age));
    loop {
        if shutdown.requested() {
            return Err(WorkError::Interrupted);
        }
        let rows = expire.uploads.stale_uploads(open_before, ended_before, PAGE).await?;
        let was_last = rows.len() < PAGE || options.dry_run;
        let ended = if options.dry_run { rows } else { removed(expire, rows).await? };
        for row in &ended {
            end(expire, options, observer, row, report).await?;
        }
        // A page that others are busy with comes again with the next run.
        if was_last || ended.is_empty() {
            return Ok(());
        }
    }
}

/// Removes the rows that are still what they were; these.
async fn removed(expire: &Expire, rows: Vec<UploadRow>) -> Result<Vec<UploadRow>, WorkError> {
    if rows.is_empty() {
        return Ok(rows);
    }
    let listed = rows.iter().map(|row| (row.id.clone(), row.version)).collect();
    let removed: HashSet<_> = expire.uploads.remove_uploads(listed).await?.into_iter().collect();
    Ok(rows.into_iter().filter(|row| removed.contains(&row.id)).collect())
}

async fn end(
    expire: &Expire,
    options: ExpireOptions,
    observer: &dyn Observer,
    row: &UploadRow,
    report: &mut ExpireReport,
) -> Result<(), WorkError> {
    if matches!(row.state, UploadState::Open { .. } | UploadState::Held(_)) {
        report.expired += 1;
        observer.line(&format!("{}: upload {} has expired", row.repository, row.id));
    } else {
        report.forgotten += 1;
    }
    // The bytes of a finished upload are a blob now, or the collector's. A cancelled one has no
    // staging area, unless the removal failed at that time.
    let is_finished = matches!(row.state, UploadState::Finished { .. });
    match StagingId::parse(row.id.as_str()) {
        Some(id) if !options.dry_run && !is_finished => Ok(expire.blobs.discard(&id).await?),
        _ => Ok(()),
    }
}

async fn litter(
    expire: &Expire,
    options: ExpireOptions,
    observer: &dyn Observer,
    shutdown: &Shutdown,
    report: &mut ExpireReport,
) -> Result<(), WorkError> {
    let before = expire.clock.now().before(options.ended_age);
    for area in expire.blobs.staged(LITTER).await? {
        if shutdown.requested() {
            return Err(WorkError::Interrupted);
        }
        if area.modified >= before {
            // Oldest first: the rest is younger still.
            break;
        }
        if expire.uploads.upload(&UploadId::new(area.id.as_str())).await?.is_some() {
            continue;
        }
        report.litter += 1;
        observer.line(&format!("staging area {} belongs to no upload", area.id));
        if !options.dry_run {
            expire.blobs.discard(&area.id).await?;
        }
    }
    Ok(())
}
