//! Blobs of a repository: bytes once for the whole target, then the membership.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use oci::{Digest, RepositoryName};
use store::{
    BlobPlace, BlobRecord, BlobState, LinkWalk, PublishBlob, PublishFacts, PublishPlan, Refusal,
    StoreError, UnlinkBlob, WriteError,
};

use super::bytes::Copied;
use super::cursor::{self, Pair, Pairs};
use super::error::TransferError;
use super::pass::{Pass, Run};
use crate::{Finding, Problem, WorkError};

/// Links that are worked on at once, so that their transactions share a sync.
const AT_ONCE: usize = 16;

/// How a link turned out.
enum Linked {
    /// The target has it as it should be.
    Same,
    /// It was written; with the bytes of a blob, if these were copied.
    Written { copied: Option<u64> },
    /// The target had it, and the source does not.
    Removed,
    /// The bytes are damaged, or the source knows that already.
    Damaged { problem: Problem, place: Option<BlobPlace>, removed: bool },
    /// The bytes could not be read now.
    Unreadable(String),
}

/// One link that was looked at.
struct Outcome {
    sha256: Digest,
    linked: Linked,
    /// A sha512 that is not the blob's.
    misnamed: Option<Digest>,
}

/// What the target is to have, and what it has.
struct Link {
    sha256: Digest,
    source: Option<LinkWalk>,
    target: Option<LinkWalk>,
}

impl Run<'_> {
    /// Brings the links of a repository over.
    pub(super) async fn links(
        &mut self,
        name: &RepositoryName,
        pass: Pass,
    ) -> Result<(), TransferError> {
        let transfer = self.transfer;
        let (from, to) = (&*transfer.from.walk, &*transfer.to.walk);
        let mut pairs = Pairs::new(cursor::links(from, name), cursor::links(to, name));
        let mut outcomes = Vec::new();
        let mut ended = false;
        while !ended {
            self.go_on()?;
            {
                let run = &*self;
                let mut open = FuturesUnordered::new();
                while open.len() < AT_ONCE && !ended {
                    match pairs.next().await? {
                        Some(Pair { source, target }) => {
                            let one = source.as_ref().or(target.as_ref());
                            let Some(sha256) = one.map(|link| link.sha256) else { continue };
                            let link = Link { sha256, source, target };
                            open.push(Box::pin(run.link(name, link, pass)));
                        }
                        None => ended = true,
                    }
                }
                while let Some(outcome) = open.next().await {
                    outcomes.push(outcome?);
                }
            }
            for outcome in outcomes.drain(..) {
                self.book(name, outcome, pass)?;
            }
        }
        Ok(())
    }

    async fn link(
        &self,
        name: &RepositoryName,
        link: Link,
        pass: Pass,
    ) -> Result<Outcome, TransferError> {
        let Link { sha256, source, target } = link;
        let done = |linked| Ok(Outcome { sha256, linked, misnamed: None });
        let Some(source) = source else {
            return match pass.removes {
                true => self.unlink(name, sha256).await.and_then(|()| done(Linked::Removed)),
                false => done(Linked::Same),
            };
        };
        let wanted = source.sha512.filter(|sha512| !self.left_out.holds_name(sha512));
        let held_name = target.as_ref().and_then(|target| target.sha512);
        let is_alike = target.is_some() && held_name == wanted;
        if is_alike && !pass.doubts {
            return done(Linked::Same);
        }
        let state = self.transfer.to.content.blob_state(&sha256).await?;
        if is_alike && state == Some(BlobState::Live) {
            return done(Linked::Same);
        }
        if let Some(held) = held_name.filter(|held| Some(*held) != wanted) {
            // Only the target gives the blob this name.
            self.transfer.to.import.note_verified(vec![(held, false)]).await?;
        }
        let blob = self.transfer.from.content.blob(name, &sha256).await?;
        let Some(blob) = blob else {
            let removed = pass.removes && target.is_some();
            if removed {
                self.unlink(name, sha256).await?;
            }
            let problem = Problem::NoBytes(sha256);
            return done(Linked::Damaged { problem, place: None, removed });
        };
        self.bring(name, blob, state, wanted, target.is_some() && pass.removes).await
    }

    /// Copies the bytes if the target has none, and links them.
    async fn bring(
        &self,
        name: &RepositoryName,
        blob: BlobRecord,
        state: Option<BlobState>,
        wanted: Option<Digest>,
        unlinks: bool,
    ) -> Result<Outcome, TransferError> {
        let sha256 = blob.sha256;
        let is_there = matches!(state, Some(BlobState::Live | BlobState::Condemned));
        let ended = |linked| Ok(Outcome { sha256, linked, misnamed: None });
        let (place, found) = if is_there {
            (None, self.name_of(&blob, wanted).await?)
        } else {
            match self.copy(&blob, state, wanted.is_some()).await? {
                Copied::Placed { place, sha512 } => (Some(place), sha512),
                Copied::Damaged(problem) => {
                    if unlinks {
                        self.unlink(name, sha256).await?;
                    }
                    let place = Some(blob.place);
                    return ended(Linked::Damaged { problem, place, removed: unlinks });
                }
                Copied::Unreadable(why) => return ended(Linked::Unreadable(why)),
            }
        };
        let copied = place.is_some().then_some(blob.size);
        let sha512 = found.filter(|found| Some(*found) == wanted);
        self.publish(PublishBlob {
            repository: name.clone(),
            sha256,
            sha512,
            size: blob.size,
            place,
            session: None,
            at: self.transfer.clock.now(),
        })
        .await?;
        let misnamed = wanted.filter(|_| sha512.is_none());
        Ok(Outcome { sha256, linked: Linked::Written { copied }, misnamed })
    }

    /// The other name of bytes that the target has already, as far as it is proven.
    async fn name_of(
        &self,
        blob: &BlobRecord,
        wanted: Option<Digest>,
    ) -> Result<Option<Digest>, TransferError> {
        match wanted {
            Some(_) if !blob.verified => self.copier().sha512(blob).await,
            wanted => Ok(wanted),
        }
    }

    async fn copy(
        &self,
        blob: &BlobRecord,
        state: Option<BlobState>,
        sha512: bool,
    ) -> Result<Copied, TransferError> {
        if let BlobPlace::Stored(key) = &blob.place
            && self.left_out.holds_key(&blob.sha256, key)
        {
            return Ok(Copied::Damaged(Problem::NoBytes(blob.sha256)));
        }
        let _turn = self.turns.acquire().await.map_err(|_| WorkError::Interrupted)?;
        let copied = self.copier().copy(blob, state.is_none(), sha512).await?;
        self.tally.finished();
        Ok(copied)
    }

    async fn publish(&self, command: PublishBlob) -> Result<(), TransferError> {
        let published = self.transfer.to.content.publish_blob(command, Box::new(first_wins)).await;
        if let Some(loser) = published.map_err(unexpected)?.unlink {
            self.transfer.to.blobs.delete(&loser).await?;
        }
        Ok(())
    }

    /// Takes a blob out of a repository of the target.
    async fn unlink(&self, name: &RepositoryName, digest: Digest) -> Result<(), TransferError> {
        let command = UnlinkBlob { repository: name.clone(), digest };
        let done = self.transfer.to.content.unlink_blob(command, Box::new(|_| Ok(()))).await;
        done.map_err(unexpected)
    }

    fn book(
        &mut self,
        name: &RepositoryName,
        outcome: Outcome,
        pass: Pass,
    ) -> Result<(), TransferError> {
        let Outcome { sha256, linked, misnamed } = outcome;
        let at = |problem| Finding { path: format!("{name}@{sha256}"), problem };
        if let Some(sha512) = misnamed {
            let finding = at(Problem::WrongName(sha512));
            if self.left_out.add_name(sha512, finding.clone()) {
                self.observer.finding(&finding);
            }
        }
        match linked {
            Linked::Same => {}
            Linked::Written { copied } => {
                self.left_out.remove_blob(&sha256);
                self.moved.links += 1;
                self.moved.blobs += u64::from(copied.is_some());
                self.moved.bytes += copied.unwrap_or(0);
            }
            Linked::Removed => self.moved.removed += 1,
            // It may have gone since its page was read, while the source still serves.
            Linked::Damaged { place: None, .. } if !pass.is_last => {}
            Linked::Damaged { problem, place, removed } => {
                self.moved.removed += u64::from(removed);
                let key = place.and_then(|place| match place {
                    BlobPlace::Stored(key) => Some(key),
                    BlobPlace::Inline(_) => None,
                });
                if !self.left_out.holds_blob(&sha256) {
                    let finding = at(problem);
                    self.observer.finding(&finding);
                    self.left_out.add_blob(sha256, key, finding)?;
                }
            }
            Linked::Unreadable(why) => self.observer.finding(&at(Problem::Unreadable(why))),
        }
        Ok(())
    }
}

/// Bytes that the target has are as good as those that come.
fn first_wins(facts: &PublishFacts) -> Result<PublishPlan, Refusal> {
    match facts.existing {
        Some(BlobState::Live | BlobState::Condemned) => Ok(PublishPlan::KeepExisting),
        _ if facts.has_bytes => Ok(PublishPlan::TakeNew),
        _ => Err(Refusal::BytesNeeded),
    }
}

/// A refusal means that somebody else writes to the target.
pub(super) fn unexpected(error: WriteError) -> TransferError {
    match error {
        WriteError::Store(error) => error.into(),
        WriteError::Refused(refusal) => {
            StoreError::Failed(format!("the target changes meanwhile: {refusal:?}")).into()
        }
    }
}
