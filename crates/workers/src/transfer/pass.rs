//! One pass over the source, and what all passes of a transfer share.

use std::time::Duration;

use futures_util::StreamExt;
use oci::{Digest, MediaType, RepositoryName};
use store::{BlobKey, BlobState, LastNumbers, NewManifest, Page, PutManifest, StoreError};
use tokio::sync::Semaphore;

use super::cursor::{self, Pair, Pairs};
use super::error::{Difference, TransferError};
use super::left_out::LeftOut;
use super::links::{Linked, Outcome, unexpected};
use super::sum::{self, Lists, Sum};
use super::tally::Tally;
use super::{Moved, Transfer, TransferReport};
use crate::{Finding, Observer, Problem, Progress, Shutdown, WorkError};

/// Blobs whose bytes are copied at once.
const COPIES: usize = 4;
/// Blobs in one page.
const PAGE: usize = 500;
/// Blobs of which the target is asked at once.
const ASKED: usize = 16;

/// What a pass does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pass {
    /// Looks at the bytes' rows in the target also where it has the link.
    pub(super) doubts: bool,
    /// Nobody writes to the source: what it does not have is removed from the target.
    pub(super) is_last: bool,
}

impl Pass {
    /// The only one over a source that stands still.
    pub(super) const ONLY: Self = Self { doubts: true, is_last: true };
    /// The first one over a source that serves.
    pub(super) const FIRST: Self = Self { doubts: true, is_last: false };
    /// A later one.
    pub(super) const AGAIN: Self = Self { doubts: false, is_last: false };
    /// The one over the frozen source.
    pub(super) const LAST: Self = Self { doubts: false, is_last: true };
}

/// What copies need that run beside each other.
pub(super) struct Porter<'a> {
    pub(super) transfer: &'a Transfer,
    pub(super) observer: &'a dyn Observer,
    pub(super) shutdown: &'a Shutdown,
    pub(super) tally: Tally<'a>,
    pub(super) turns: Semaphore,
}

impl Porter<'_> {
    pub(super) fn go_on(&self) -> Result<(), WorkError> {
        match self.shutdown.requested() {
            true => Err(WorkError::Interrupted),
            false => Ok(()),
        }
    }
}

/// What was moved, and what was not.
#[derive(Default)]
pub(super) struct Books {
    pub(super) left_out: LeftOut,
    pub(super) moved: Moved,
}

impl Books {
    pub(super) fn link(
        &mut self,
        observer: &dyn Observer,
        name: &RepositoryName,
        outcome: Outcome,
        pass: Pass,
    ) -> Result<(), TransferError> {
        let Outcome { sha256, linked, misnamed } = outcome;
        let at = |problem| Finding { path: format!("{name}@{sha256}"), problem };
        if let Some(sha512) = misnamed {
            let finding = at(Problem::WrongName(sha512));
            if self.left_out.add_name(sha512, finding.clone()) {
                observer.finding(&finding);
            }
        }
        let known = self.left_out.key(&sha256);
        match linked {
            Linked::Same => {}
            Linked::Removed => self.moved.removed += 1,
            Linked::Written { copied } => {
                self.left_out.remove_blob(&sha256);
                self.moved.links += 1;
                self.moved.blobs += u64::from(copied.is_some());
                self.moved.bytes += copied.unwrap_or(0);
            }
            Linked::Unreadable(why) => observer.finding(&at(Problem::Unreadable(why))),
            // While the source serves, the link may be gone since its page was read.
            Linked::Gone if !pass.is_last || self.left_out.holds_blob(&sha256) => {}
            Linked::Damaged { key, .. } if known.is_some() && known == key.as_ref() => {}
            Linked::Gone => self.leave(observer, sha256, None, at(Problem::NoBytes(sha256)))?,
            Linked::Damaged { problem, key } => self.leave(observer, sha256, key, at(problem))?,
        }
        Ok(())
    }

    fn leave(
        &mut self,
        observer: &dyn Observer,
        sha256: Digest,
        key: Option<BlobKey>,
        finding: Finding,
    ) -> Result<(), TransferError> {
        if self.left_out.add_blob(sha256, key, finding.clone())? {
            observer.finding(&finding);
        }
        Ok(())
    }
}

/// One transfer under way.
pub(super) struct Run<'a> {
    pub(super) porter: Porter<'a>,
    pub(super) books: Books,
    pub(super) passes: u32,
    /// The numbers that the source had given when its log was brought over last.
    pub(super) last: LastNumbers,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        transfer: &'a Transfer,
        observer: &'a dyn Observer,
        shutdown: &'a Shutdown,
    ) -> Self {
        let tally = Tally::new(transfer.clock.clone(), observer);
        let turns = Semaphore::new(COPIES);
        let porter = Porter { transfer, observer, shutdown, tally, turns };
        Self { porter, books: Books::default(), passes: 0, last: LastNumbers::default() }
    }

    pub(super) fn report(self, holds: Sum, lines: u64, frozen: Duration) -> TransferReport {
        let findings = self.books.left_out.findings();
        let Self { passes, books: Books { moved, .. }, .. } = self;
        TransferReport { passes, moved, holds, lines, frozen, findings }
    }

    /// Counts what the first pass has to copy. Blobs that only wait for the garbage collector are
    /// counted too.
    pub(super) async fn foretell(&self) -> Result<(), TransferError> {
        let Transfer { from, to, .. } = self.porter.transfer;
        let (mut blobs, mut bytes) = (0, 0);
        let mut page = Page::first(PAGE);
        loop {
            self.porter.go_on()?;
            let some = from.walk.walk_blobs(page).await?;
            let Some(last) = some.last() else { break };
            page = Page::after(last.sha256, PAGE);
            let asked = some.into_iter().map(|blob| async move {
                let state = to.content.blob_state(&blob.sha256).await?;
                let is_there = matches!(state, Some(BlobState::Live | BlobState::Condemned));
                Ok::<_, StoreError>((!is_there).then_some(blob.size))
            });
            let mut answers = futures_util::stream::iter(asked).buffer_unordered(ASKED);
            while let Some(answer) = answers.next().await {
                let size = answer?;
                blobs += u64::from(size.is_some());
                bytes += size.unwrap_or(0);
            }
        }
        self.porter.tally.expect(blobs, bytes);
        Ok(())
    }

    /// Brings over what differs of the content; returns what this pass wrote. An earlier one brings
    /// the log as well, so that little of that is left.
    pub(super) async fn pass(&mut self, pass: Pass) -> Result<Moved, TransferError> {
        let before = self.books.moved;
        let Transfer { from, to, .. } = self.porter.transfer;
        let (source, target) = (&*from.walk, &*to.walk);
        let mut names = Pairs::new(cursor::repositories(source), cursor::repositories(target));
        while let Some(Pair { source, target }) = names.next().await? {
            let is_new = target.is_none();
            let Some(name) = source.or(target.filter(|_| pass.is_last)) else { continue };
            // Bytes before names.
            self.links(&name, pass).await?;
            self.manifests(&name, pass).await?;
            self.tags(&name, pass).await?;
            if is_new && !to.content.repository_exists(&name).await? {
                self.found(&name).await?;
            }
            self.history(&name).await?;
        }
        if !pass.is_last {
            self.lines().await?;
        }
        self.passes += 1;
        Ok(self.books.moved.since(&before))
    }

    /// Makes a repository whose content is all gone, as it is in the source: with content that
    /// goes again.
    async fn found(&self, name: &RepositoryName) -> Result<(), TransferError> {
        let transfer = self.porter.transfer;
        let bytes: bytes::Bytes = b"{}".as_slice().into();
        let sha256 = Digest::sha256(&bytes);
        let media_type = MediaType::parse(MediaType::OCI_MANIFEST)
            .map_err(|error| StoreError::Failed(error.to_string()))?;
        let manifest = NewManifest {
            sha256,
            sha512: None,
            media_type,
            bytes,
            references: Vec::new(),
            subject: None,
            artifact_type: None,
            annotations: None,
        };
        let at = transfer.clock.now();
        let (repository, tags, tag_digest, actor) = (name.clone(), Vec::new(), sha256, None);
        let command =
            PutManifest { repository, manifest, tags, tag_digest, asks_taken: false, actor, at };
        let content = &transfer.to.content;
        content.put_manifest(command, Box::new(|_| Ok(()))).await.map_err(unexpected)?;
        content.delete_manifest(name, &sha256, None, at).await?;
        Ok(())
    }

    /// Brings over what the registry knows of itself.
    pub(super) async fn carry_settings(&self) -> Result<(), TransferError> {
        let Transfer { from, to, settings, .. } = self.porter.transfer;
        for key in settings {
            if let Some(value) = from.settings.setting(key).await? {
                to.settings.set_setting(key, value).await?;
            }
        }
        Ok(())
    }

    /// Walks through both sides once more.
    ///
    /// # Errors
    /// [`TransferError::Differs`] if they do not agree. The sums are those of everything that
    /// each side has.
    pub(super) async fn compare(&self) -> Result<(Sum, Sum), TransferError> {
        self.porter.observer.progress(&Progress {
            phase: "compare",
            done: 0,
            total: None,
            bytes: self.books.moved.bytes,
            message: String::new(),
        });
        let Transfer { from, to, .. } = self.porter.transfer;
        let (from, to, shutdown) = (Lists::of(from), Lists::of(to), self.porter.shutdown);
        let nothing = LeftOut::default();
        let left_out = &self.books.left_out;
        let sums = futures_util::future::try_join(
            sum::of(from, left_out, shutdown),
            sum::of(to, &nothing, shutdown),
        );
        let (source, target) = sums.await?;
        if source == target {
            let whole = if left_out.is_empty() {
                source
            } else {
                sum::of(from, &nothing, shutdown).await?
            };
            return Ok((whole, target));
        }
        let found = sum::difference(from, to, left_out, shutdown).await?;
        let unnamed = || Difference {
            what: "the whole".to_owned(),
            source: Some(format!("{source:?}")),
            target: Some(format!("{target:?}")),
        };
        Err(TransferError::Differs(found.unwrap_or_else(unnamed)))
    }
}
