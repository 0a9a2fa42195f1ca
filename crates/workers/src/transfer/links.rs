//! Blobs of a repository: bytes once for the whole target, then the membership.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use oci::{Digest, RepositoryName};
use store::{
    BlobKey, BlobPlace, BlobRecord, BlobState, LinkWalk, PublishBlob, PublishFacts, PublishPlan,
    Refusal, StoreError, Timestamp, UnlinkBlob, WriteError,
};

use super::bytes::Copied;
use super::cursor::{self, Pair, Pairs};
use super::error::TransferError;
use super::left_out::LeftOut;
use super::pass::{Pass, Porter, Run};
use crate::{Problem, WorkError};

/// Links that are worked on at once, so that their transactions share a sync.
const AT_ONCE: usize = 16;

/// One link that is to be looked at.
struct Link {
    sha256: Digest,
    in_source: bool,
    in_target: bool,
    /// The sha512 that it is to have.
    wanted: Option<Digest>,
    /// The sha512 that the target has.
    held: Option<Digest>,
    /// When the source has noted it, and when the target has.
    at: (Option<Timestamp>, Option<Timestamp>),
    /// Where the source has bytes that are known to be damaged.
    known: Option<BlobKey>,
}

impl Link {
    fn of(pair: &Pair<LinkWalk>, left_out: &LeftOut) -> Option<Self> {
        let Pair { source, target } = pair;
        let sha256 = source.as_ref().or(target.as_ref())?.sha256;
        let name = |side: &Option<LinkWalk>| side.as_ref().and_then(|link| link.sha512);
        Some(Self {
            sha256,
            in_source: source.is_some(),
            in_target: target.is_some(),
            wanted: name(source).filter(|sha512| !left_out.holds_name(sha512)),
            held: name(target),
            at: (source.as_ref().map(|link| link.at), target.as_ref().map(|link| link.at)),
            known: left_out.key(&sha256).cloned(),
        })
    }

    fn is_alike(&self) -> bool {
        self.in_source && self.in_target && self.wanted == self.held && self.at.0 == self.at.1
    }

    /// Whether the target's link is younger than it may be: a push only makes it younger.
    fn is_too_young(&self) -> bool {
        matches!(self.at, (Some(source), Some(target)) if target > source)
    }
}

/// One link that was looked at.
pub(super) struct Outcome {
    pub(super) sha256: Digest,
    pub(super) linked: Linked,
    /// A sha512 that is not the blob's.
    pub(super) misnamed: Option<Digest>,
}

/// How a link turned out.
pub(super) enum Linked {
    /// Nothing was to be done.
    Same,
    /// It was written; with so many bytes of a blob, if these were copied.
    Written { copied: Option<u64> },
    /// The target had it, and the source does not.
    Removed,
    /// The bytes are damaged; here, if the source does not know it already.
    Damaged { problem: Problem, key: Option<BlobKey> },
    /// The source has no bytes that could be served.
    Gone,
    /// The bytes could not be read now.
    Unreadable(String),
}

impl Run<'_> {
    /// Brings the links of a repository over.
    pub(super) async fn links(
        &mut self,
        name: &RepositoryName,
        pass: Pass,
    ) -> Result<(), TransferError> {
        let porter = &self.porter;
        let (from, to) = (&*porter.transfer.from.walk, &*porter.transfer.to.walk);
        let mut pairs = Pairs::new(cursor::links(from, name), cursor::links(to, name));
        let mut open = FuturesUnordered::new();
        let mut ended = false;
        loop {
            while open.len() < AT_ONCE && !ended {
                porter.go_on()?;
                match pairs.next().await? {
                    Some(pair) => {
                        let link = Link::of(&pair, &self.books.left_out);
                        open.extend(link.map(|link| Box::pin(porter.link(name, link, pass))));
                    }
                    None => ended = true,
                }
            }
            let Some(outcome) = open.next().await else { return Ok(()) };
            self.books.link(porter.observer, name, outcome?, pass)?;
        }
    }
}

impl Porter<'_> {
    async fn link(
        &self,
        name: &RepositoryName,
        link: Link,
        pass: Pass,
    ) -> Result<Outcome, TransferError> {
        let sha256 = link.sha256;
        let ended = |linked| Ok(Outcome { sha256, linked, misnamed: None });
        if !link.in_source {
            return ended(self.take_out(name, &link, pass).await?);
        }
        if link.is_alike() && !pass.doubts {
            return ended(Linked::Same);
        }
        let state = self.transfer.to.content.blob_state(&sha256).await?;
        if link.is_alike() && state == Some(BlobState::Live) {
            return ended(Linked::Same);
        }
        if let Some(held) = link.held.filter(|held| Some(*held) != link.wanted) {
            // Only the target gives the blob this name.
            self.transfer.to.import.note_verified(vec![(held, false)]).await?;
        }
        if link.is_too_young() {
            self.unlink(name, sha256).await?;
        }
        let Some(blob) = self.transfer.from.content.blob(name, &sha256).await? else {
            self.take_out(name, &link, pass).await?;
            return ended(Linked::Gone);
        };
        match self.fetch(&blob, &link, state).await? {
            Copied::Placed { place, sha512 } => self.join(name, &blob, &link, place, sha512).await,
            Copied::Damaged(problem) => {
                self.take_out(name, &link, pass).await?;
                let key = stored(&blob.place).cloned();
                ended(Linked::Damaged { problem, key })
            }
            Copied::Unreadable(why) => ended(Linked::Unreadable(why)),
        }
    }

    /// Copies the bytes, if the target has none, and finds out their other name, if one is wanted.
    async fn fetch(
        &self,
        blob: &BlobRecord,
        link: &Link,
        state: Option<BlobState>,
    ) -> Result<Copied, TransferError> {
        if matches!(state, Some(BlobState::Live | BlobState::Condemned)) {
            return match link.wanted {
                Some(_) if !blob.verified => self.sha512(blob).await,
                proven => Ok(Copied::Placed { place: None, sha512: proven }),
            };
        }
        if link.known.is_some() && link.known.as_ref() == stored(&blob.place) {
            return Ok(Copied::Damaged(Problem::NoBytes(blob.sha256)));
        }
        let _turn = self.turns.acquire().await.map_err(|_| WorkError::Interrupted)?;
        let copied = self.copy(blob, state.is_none(), link.wanted.is_some()).await?;
        self.tally.finished();
        Ok(copied)
    }

    /// Makes the blob a member of the target's repository.
    async fn join(
        &self,
        name: &RepositoryName,
        blob: &BlobRecord,
        link: &Link,
        place: Option<BlobPlace>,
        found: Option<Digest>,
    ) -> Result<Outcome, TransferError> {
        let BlobRecord { sha256, size, .. } = *blob;
        let copied = place.is_some().then_some(size);
        let sha512 = found.filter(|found| Some(*found) == link.wanted);
        let command = PublishBlob {
            repository: name.clone(),
            sha256,
            sha512,
            size,
            place,
            session: None,
            at: link.at.0.unwrap_or_else(|| self.transfer.clock.now()),
        };
        let content = &self.transfer.to.content;
        let published = content.publish_blob(command, Box::new(first_wins)).await;
        if let Some(loser) = published.map_err(unexpected)?.unlink {
            self.transfer.to.blobs.delete(&loser).await?;
        }
        let misnamed = link.wanted.filter(|_| sha512.is_none());
        Ok(Outcome { sha256, linked: Linked::Written { copied }, misnamed })
    }

    /// Takes a blob out of a repository of the target, if it is there and that is for this pass.
    async fn take_out(
        &self,
        name: &RepositoryName,
        link: &Link,
        pass: Pass,
    ) -> Result<Linked, TransferError> {
        if !pass.is_last || !link.in_target {
            return Ok(Linked::Same);
        }
        self.unlink(name, link.sha256).await?;
        Ok(Linked::Removed)
    }

    async fn unlink(&self, name: &RepositoryName, sha256: Digest) -> Result<(), TransferError> {
        let command = UnlinkBlob { repository: name.clone(), digest: sha256 };
        let done = self.transfer.to.content.unlink_blob(command, Box::new(|_| Ok(()))).await;
        done.map_err(unexpected)
    }
}

fn stored(place: &BlobPlace) -> Option<&BlobKey> {
    match place {
        BlobPlace::Stored(key) => Some(key),
        BlobPlace::Inline(_) => None,
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
