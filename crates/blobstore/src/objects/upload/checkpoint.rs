//! Points to go on from.

use std::sync::atomic::Ordering;

use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::PutPayload;
use store::{Checkpoint, StoreError};

use super::budget::Budget;
use super::place::Piece;
use super::stage::ObjectStage;
use crate::objects::blobs::Shared;
use crate::objects::layout;

/// Pieces of a tail before they are joined to one.
const PIECES: usize = 16;

/// Checkpoints for which an object stays that they do not need: the one that
/// the metadata has may be an older one.
const GRACE: u64 = 3;

/// Pieces that are read or removed at a time.
const AT_ONCE: usize = 8;

impl ObjectStage {
    pub(super) async fn keep(&mut self) -> Result<Checkpoint, StoreError> {
        self.flush().await?;
        self.make_sure().await?;
        if self.finished && self.open.is_some() {
            self.close().await?;
        }
        self.rest().await?;
        self.generation += 1;
        self.clear_retired().await;
        self.keep_tail().await?;
        let hashers = self.hashing.states().await?;
        let known = self.progress.all().ok_or_else(|| {
            StoreError::Failed(format!("a part of upload {} did not arrive", self.id))
        })?;
        self.progress.forget();
        self.kept = self.offset;
        self.told.store(true, Ordering::Relaxed);
        let place = self.place(known, self.tail.clone());
        Ok(Checkpoint { offset: self.offset, hashers, place: place.to_bytes() })
    }

    /// Sends the last part, which may be small.
    pub(super) async fn close(&mut self) -> Result<(), StoreError> {
        if self.open.as_ref().is_some_and(|open| open.closed) {
            return Ok(());
        }
        if self.blocks.length() > 0 {
            self.send_part().await?;
        }
        if let Some(open) = &mut self.open {
            open.closed = true;
        }
        Ok(())
    }

    /// Writes what lies after the parts and in no object yet: all of it under
    /// the name of a blob if there is nothing else yet, else beside it.
    async fn keep_tail(&mut self) -> Result<(), StoreError> {
        let written: u64 = self.tail.iter().map(|piece| piece.size).sum();
        if self.is_away || self.blocks.length() <= written {
            return Ok(());
        }
        // Joined, they are no blob-to-be again: each would be one more for the sweep.
        let is_all = self.open.is_none() && self.tail.is_empty();
        let from = if self.tail.len() >= PIECES {
            let pieces = std::mem::take(&mut self.tail);
            self.retire(pieces.into_iter().map(|piece| piece.key));
            0
        } else {
            written
        };
        let random = &*self.shared.random;
        let key = match is_all {
            true => layout::staged(&self.id, random),
            false => layout::tail(&self.id, random),
        };
        let content: PutPayload = self.blocks.since(from).into_iter().collect();
        let size = content.content_length() as u64;
        self.shared.bucket.write(&key, content, false).await?;
        self.tail.push(Piece { key, size });
        Ok(())
    }

    async fn clear_retired(&mut self) {
        let now = self.generation;
        let (old, young): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.retired).into_iter().partition(|(at, _)| at + GRACE <= now);
        self.retired = young;
        clear(&self.shared, old.into_iter().map(|(_, key)| key)).await;
    }

    /// Reads back what only lies in the store, so that more can follow.
    pub(super) async fn bring_back(&mut self) -> Result<(), StoreError> {
        if !self.is_away {
            return Ok(());
        }
        let length: u64 = self.tail.iter().map(|piece| piece.size).sum();
        if length > self.shared.part {
            let text = format!("upload {} was closed: nothing can follow", self.id);
            return Err(StoreError::Failed(text));
        }
        self.make_sure().await?;
        if !self.fetch().await? {
            let text = format!("the bytes of upload {} are gone", self.id);
            return Err(StoreError::Failed(text));
        }
        self.is_away = false;
        Ok(())
    }

    /// Reads the tail into memory; `false` if a piece is gone.
    pub(super) async fn fetch(&mut self) -> Result<bool, StoreError> {
        let bucket = &self.shared.bucket;
        let reading = self.tail.iter().map(|piece| bucket.content(&piece.key, piece.size));
        // Collected first: a stream of borrowed futures is not `Send` for every lifetime.
        let reading: Vec<_> = reading.collect();
        let found: Vec<_> = stream::iter(reading).buffered(AT_ONCE).try_collect().await?;
        for (piece, content) in self.tail.iter().zip(found) {
            let Some(content) = content.filter(|content| content.len() as u64 == piece.size) else {
                return Ok(false);
            };
            let budget = &self.shared.budget;
            let grant = budget.try_take(content.len()).unwrap_or_else(Budget::beyond);
            self.blocks.add_block(content, grant);
        }
        Ok(true)
    }
}

/// Removes objects of uploads that nothing names any more. What stays behind is
/// listed as left behind.
async fn clear(shared: &Shared, keys: impl Iterator<Item = String>) {
    let removing = keys.map(|key| async move {
        if let Err(error) = shared.bucket.erase(&key).await {
            tracing::warn!(%error, %key, "an object of an upload stays behind");
        }
    });
    let removing: Vec<_> = removing.collect();
    stream::iter(removing).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
}
