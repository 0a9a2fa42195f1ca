//! An open upload as its caller sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use oci::{Algorithm, Digest, Hasher};
use store::{BlobKey, BlobSlot, Checkpoint, Digests, StagedBlob, StagingId, StoreError};
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::blocks::{BLOCK, Blocks};
use super::budget::{Budget, Grant};
use super::hashing::Hashing;
use super::place::{Piece, Place};
use super::progress::Progress;
use super::sizes;
use crate::objects::blobs::Shared;
use crate::objects::layout;

/// One staging area, written by one request at a time.
pub(crate) struct ObjectStage {
    pub(super) shared: Arc<Shared>,
    pub(super) id: StagingId,
    pub(super) offset: u64,
    /// The bytes after the parts, unless they only lie in the store.
    pub(super) blocks: Blocks,
    /// Whether `blocks` lacks what `tail` holds.
    pub(super) is_away: bool,
    /// Whether the one object of `tail` was made by somebody else, so that only
    /// its size is known to be right.
    pub(super) is_foreign: bool,
    /// Objects that hold the first bytes after the parts.
    pub(super) tail: Vec<Piece>,
    /// Objects of the upload's own that newer checkpoints do not need, and since
    /// which one.
    pub(super) retired: Vec<(u64, String)>,
    /// Checkpoints of this upload, also those of other processes.
    pub(super) generation: u64,
    /// When to write the marker again.
    pub(super) sign_of_life: Interval,
    pub(super) open: Option<Open>,
    pub(super) progress: Arc<Progress>,
    pub(super) flight: JoinSet<Result<(), StoreError>>,
    pub(super) hashing: Hashing,
    pub(super) finished: bool,
    /// Whether anybody was told of parts from which to go on.
    pub(super) told: AtomicBool,
    /// Offset of the last checkpoint.
    pub(super) kept: u64,
    /// Whether a call has failed.
    broken: bool,
}

/// An upload in parts that the store knows of.
#[derive(Clone)]
pub(super) struct Open {
    pub key: String,
    pub upload: String,
    pub marker: String,
    /// Whether its last part was sent.
    pub closed: bool,
}

impl ObjectStage {
    pub(crate) fn new(shared: Arc<Shared>, id: StagingId, hashers: Vec<Hasher>) -> Self {
        // What an earlier attempt left is not all that there will be.
        shared.remains.take(&id);
        let mut sign_of_life = interval(shared.sign_of_life);
        sign_of_life.set_missed_tick_behavior(MissedTickBehavior::Delay);
        sign_of_life.reset();
        Self {
            shared,
            id,
            offset: 0,
            blocks: Blocks::default(),
            is_away: false,
            is_foreign: false,
            tail: Vec::new(),
            retired: Vec::new(),
            generation: 0,
            sign_of_life,
            open: None,
            progress: Arc::default(),
            flight: JoinSet::new(),
            hashing: Hashing::new(hashers),
            finished: false,
            told: AtomicBool::new(false),
            kept: 0,
            broken: false,
        }
    }

    fn sound(&self) -> Result<(), StoreError> {
        if self.broken {
            let text = format!("upload {} failed earlier: open it again", self.id);
            return Err(StoreError::Failed(text));
        }
        Ok(())
    }

    /// Remembers that something failed: what is in memory may be incomplete.
    fn noticed<T>(&mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        self.broken |= result.is_err();
        result
    }

    async fn append_all(&mut self, chunk: &[u8]) -> Result<(), StoreError> {
        if self.open.as_ref().is_some_and(|open| open.closed) {
            let text = format!("upload {} was closed: nothing can follow", self.id);
            return Err(StoreError::Failed(text));
        }
        if chunk.is_empty() {
            return Ok(());
        }
        self.bring_back().await?;
        self.show_life();
        let mut rest = chunk;
        while !rest.is_empty() {
            let part = sizes::of(self.shared.part, self.progress.count());
            let left = part.saturating_sub(self.blocks.length());
            if left == 0 {
                self.send_part().await?;
                continue;
            }
            if self.blocks.room() == 0 {
                let grant = self.grant().await?;
                self.blocks.granted(grant);
            }
            let room = if self.blocks.room() == 0 { BLOCK } else { self.blocks.room() };
            let length = rest.len().min(room).min(usize::try_from(left).unwrap_or(usize::MAX));
            let (now, later) = rest.split_at(length);
            let full = self.blocks.add(now);
            self.offset += now.len() as u64;
            if let Some(block) = full {
                self.hashing.add(block).await?;
            }
            rest = later;
        }
        Ok(())
    }

    /// Memory for one more block: of the common budget, or, once nothing of
    /// this upload is on its way, beyond it.
    async fn grant(&mut self) -> Result<Grant, StoreError> {
        let budget = self.shared.budget.clone();
        loop {
            if let Some(grant) = budget.try_take(BLOCK) {
                return Ok(grant);
            }
            tokio::select! {
                arrived = self.flight.join_next() => match arrived {
                    Some(arrived) => landed(arrived)?,
                    None => return Ok(Budget::beyond()),
                },
                Some(grant) = budget.take(BLOCK), if !self.flight.is_empty() => return Ok(grant),
            }
        }
    }

    /// Ends the growing block.
    pub(super) async fn flush(&mut self) -> Result<(), StoreError> {
        match self.blocks.flush() {
            Some(block) => self.hashing.add(block).await,
            None => Ok(()),
        }
    }

    /// Waits for all parts that are on their way.
    pub(super) async fn rest(&mut self) -> Result<(), StoreError> {
        while let Some(arrived) = self.flight.join_next().await {
            landed(arrived)?;
        }
        Ok(())
    }

    /// Notes objects that newer checkpoints do not need. One under the name of a
    /// blob may have become one by somebody else's hand: it is the sweep's.
    pub(super) fn retire(&mut self, keys: impl IntoIterator<Item = String>) {
        let own = keys.into_iter().filter(|key| self.is_own(key));
        let own: Vec<_> = own.map(|key| (self.generation, key)).collect();
        self.retired.extend(own);
    }

    /// Whether an object belongs to this upload and can be nothing else.
    pub(super) fn is_own(&self, key: &str) -> bool {
        layout::upload_of(key).as_ref() == Some(&self.id)
    }

    pub(super) fn place(&self, known: Vec<(String, u64)>, tail: Vec<Piece>) -> Place {
        let parts = self.open.as_ref().map(|open| super::place::Parts {
            key: open.key.clone(),
            upload: open.upload.clone(),
            marker: open.marker.clone(),
            known,
            closed: open.closed,
        });
        Place { parts, tail, generation: self.generation, retired: self.retired.clone() }
    }

    async fn digests(&mut self) -> Result<Digests, StoreError> {
        self.flush().await?;
        self.finished = true;
        let states = self.hashing.states().await?;
        let digest = |algorithm| {
            let of = states.iter().find(|state| state.algorithm() == algorithm);
            of.cloned().map(Hasher::finish)
        };
        let sha256 = digest(Algorithm::Sha256).ok_or_else(|| {
            StoreError::Failed(format!("upload {} was staged without sha256", self.id))
        })?;
        Ok(Digests { sha256, sha512: digest(Algorithm::Sha512) })
    }
}

/// What became of a part.
pub(super) fn landed(
    arrived: Result<Result<(), StoreError>, tokio::task::JoinError>,
) -> Result<(), StoreError> {
    arrived.unwrap_or_else(|error| Err(StoreError::Failed(format!("sending a part: {error}"))))
}

#[async_trait]
impl StagedBlob for ObjectStage {
    fn offset(&self) -> u64 {
        self.offset
    }

    async fn append(&mut self, chunk: Bytes) -> Result<(), StoreError> {
        self.sound()?;
        let result = self.append_all(&chunk).await;
        self.noticed(result)
    }

    fn passed(&self) -> Option<Checkpoint> {
        let point = self.progress.passed().filter(|point| point.offset > self.kept)?;
        self.told.store(true, Ordering::Relaxed);
        let mut place = self.place(point.known, Vec::new());
        if let Some(parts) = &mut place.parts {
            parts.closed &= point.offset == self.offset;
        }
        Some(Checkpoint { offset: point.offset, hashers: point.hashers, place: place.to_bytes() })
    }

    async fn checkpoint(&mut self, _durable: bool) -> Result<Checkpoint, StoreError> {
        self.sound()?;
        let result = self.keep().await;
        self.noticed(result)
    }

    async fn finish(&mut self) -> Result<Digests, StoreError> {
        self.sound()?;
        let result = self.digests().await;
        self.noticed(result)
    }

    async fn sha512(&mut self) -> Result<Digest, StoreError> {
        self.sound()?;
        let result = self.hash_again(Algorithm::Sha512).await;
        self.noticed(result)
    }

    async fn publish(mut self: Box<Self>, slot: &BlobSlot) -> Result<BlobKey, StoreError> {
        self.sound()?;
        self.give_place(slot).await.map(BlobKey::new)
    }

    async fn bytes(&mut self, limit: usize) -> Result<Bytes, StoreError> {
        self.sound()?;
        let result = self.front(limit).await;
        self.noticed(result)
    }
}
