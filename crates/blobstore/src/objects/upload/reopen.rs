//! Going on from a point that somebody noted.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use store::{Checkpoint, StagingId, StoreError};

use super::begin::MARKER;
use super::blocks::Blocks;
use super::place::{Parts, Piece, Place};
use super::progress::Progress;
use super::stage::{ObjectStage, Open};
use crate::objects::blobs::Shared;

impl ObjectStage {
    /// Goes on from a checkpoint; `None` if its bytes are gone.
    pub(crate) async fn reopen(
        shared: Arc<Shared>,
        id: StagingId,
        from: Checkpoint,
    ) -> Result<Option<Self>, StoreError> {
        let Some(place) = Place::parse(&from.place).filter(|place| place.length() == from.offset)
        else {
            return Ok(None);
        };
        let is_away = place.whole().is_some();
        let mut stage = Self::new(shared, id, from.hashers);
        stage.offset = from.offset;
        stage.kept = from.offset;
        stage.told.store(true, Ordering::Relaxed);
        stage.generation = place.generation;
        let retired = place.retired.into_iter().filter(|(_, key)| stage.is_own(key));
        stage.retired = retired.collect();
        stage.is_away = is_away;
        stage.tail = place.tail;
        let is_there = match place.parts {
            Some(parts) => stage.parts_are_there(parts).await?,
            None if is_away => stage.whole_is_there().await?,
            None => stage.fetch().await?,
        };
        Ok(is_there.then_some(stage))
    }

    async fn whole_is_there(&self) -> Result<bool, StoreError> {
        let Some(piece) = self.tail.first() else { return Ok(false) };
        let found = self.shared.bucket.certainly(&piece.key).await?;
        Ok(found.is_some_and(|record| record.size == piece.size))
    }

    /// Takes over an upload in parts, or the object that they became.
    async fn parts_are_there(&mut self, parts: Parts) -> Result<bool, StoreError> {
        // Read and not just looked for: the answer to a look has no body, and a
        // bucket that is not there would pass for an upload that is gone.
        let marker = self.shared.bucket.content(&parts.marker, MARKER).await?;
        if marker.is_none() || !self.fetch().await? {
            return self.became_an_object(parts).await;
        }
        let Parts { key, upload, marker, known, closed } = parts;
        self.open = Some(Open { key, upload, marker, closed });
        self.progress = Arc::new(Progress::restored(known));
        Ok(true)
    }

    /// Whether somebody else has completed the upload at this very point: the
    /// same request may have reached two processes.
    async fn became_an_object(&mut self, parts: Parts) -> Result<bool, StoreError> {
        let found = self.shared.bucket.certainly(&parts.key).await?;
        if found.is_none_or(|record| record.size != self.offset) {
            return Ok(false);
        }
        let pieces = std::mem::take(&mut self.tail);
        self.retire(pieces.into_iter().map(|piece| piece.key).chain([parts.marker]));
        self.blocks = Blocks::default();
        self.tail = vec![Piece { key: parts.key, size: self.offset }];
        self.is_away = true;
        self.is_foreign = true;
        Ok(true)
    }
}
