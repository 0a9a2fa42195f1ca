//! Verification: hashing blobs that were imported and that nobody has hashed since.
//!
//! This is phase two of an import. It runs beside serving, at a bounded rate, in order of digests;
//! results are noted as it goes, so it can end at any moment and goes on where it was. A blob that
//! differs from its digest, or whose bytes are gone, is noted as damaged: it is not served any
//! more, and the next push of it replaces it. A blob that merely could not be read now stays
//! unverified and is tried again by the next run.

mod hash;
mod tally;

use std::num::NonZeroU64;
use std::sync::Arc;

use oci::Digest;
use store::{BlobStore, Clock, ImportStore, Page, UnverifiedBlob};

use crate::{Finding, Findings, Observer, Problem, Shutdown, Throttle, WorkError};
use tally::Tally;

/// Blobs asked for at once.
const PAGE: usize = 100;
/// Bytes after which results are noted, so that an interruption costs little.
const NOTE_EVERY: u64 = 1 << 30;

/// What verification needs.
#[derive(Clone)]
pub struct Verify {
    /// Says what is unverified, and is told.
    pub store: Arc<dyn ImportStore>,
    /// Where bytes are read.
    pub blobs: Arc<dyn BlobStore>,
    /// What the rate is measured with.
    pub clock: Arc<dyn Clock>,
    /// Most bytes per second; `None` is as fast as it goes.
    pub rate: Option<NonZeroU64>,
}

/// What was verified.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Blobs that are what they should be.
    pub verified: u64,
    /// Bytes that were hashed.
    pub bytes: u64,
    /// Blobs that are not, or could not be read.
    pub findings: Findings,
}

/// Verifies everything that is unverified.
///
/// # Errors
/// When the metadata store fails or the shutdown signal comes; the next run goes on.
pub async fn run(
    verify: &Verify,
    observer: &dyn Observer,
    shutdown: &Shutdown,
) -> Result<VerifyReport, WorkError> {
    let throttle = Throttle::new(Arc::clone(&verify.clock), verify.rate);
    let total = verify.store.unverified_total().await?;
    let tally = Tally::new(Arc::clone(&verify.clock), observer, total);
    let report = VerifyReport::default();
    let pending = Vec::new();
    let mut run = Run { verify, observer, shutdown, throttle, tally, report, pending, unnoted: 0 };
    let outcome = run.all().await;
    // What is known is noted, also when the run ends early.
    run.note().await?;
    outcome.map(|()| run.report)
}

struct Run<'a> {
    verify: &'a Verify,
    observer: &'a dyn Observer,
    shutdown: &'a Shutdown,
    throttle: Throttle,
    tally: Tally<'a>,
    report: VerifyReport,
    /// Results that the store has not been told.
    pending: Vec<(Digest, bool)>,
    /// Bytes behind these results.
    unnoted: u64,
}

/// How a blob turned out.
enum Outcome {
    Whole,
    /// Whole, but this other name is not its own.
    Misnamed(Digest),
    Damaged(Problem),
    Unreadable(String),
}

impl Run<'_> {
    async fn all(&mut self) -> Result<(), WorkError> {
        let mut page = Page::first(PAGE);
        loop {
            let blobs = self.verify.store.unverified(page).await?;
            let Some(last) = blobs.last() else { return Ok(()) };
            page = Page::after(last.sha256, PAGE);
            for blob in &blobs {
                let (throttle, tally) = (&mut self.throttle, &mut self.tally);
                let outcome =
                    hash::check(&self.verify.blobs, blob, throttle, tally, self.shutdown).await?;
                self.book(blob, outcome);
                self.unnoted += blob.size;
                if self.unnoted >= NOTE_EVERY {
                    self.note().await?;
                }
            }
            self.note().await?;
            self.tally.recount(&*self.verify.store).await?;
        }
    }

    fn book(&mut self, blob: &UnverifiedBlob, outcome: Outcome) {
        let settled = !matches!(outcome, Outcome::Unreadable(_));
        let problem = match outcome {
            Outcome::Whole => {
                self.report.verified += 1;
                self.pending.push((blob.sha256, true));
                None
            }
            Outcome::Misnamed(name) => {
                self.report.verified += 1;
                self.pending.extend([(blob.sha256, true), (name, false)]);
                Some(Problem::WrongName(name))
            }
            Outcome::Damaged(problem) => {
                self.pending.push((blob.sha256, false));
                Some(problem)
            }
            Outcome::Unreadable(why) => Some(Problem::Unreadable(why)),
        };
        self.report.bytes += blob.size;
        if let Some(problem) = problem {
            let finding = Finding { path: blob.key.as_str().to_owned(), problem };
            self.observer.finding(&finding);
            self.report.findings.add(finding);
        }
        self.tally.finished(blob.size, settled);
    }

    async fn note(&mut self) -> Result<(), WorkError> {
        self.unnoted = 0;
        let results = std::mem::take(&mut self.pending);
        match results.is_empty() {
            true => Ok(()),
            false => Ok(self.verify.store.note_verified(results).await?),
        }
    }
}
