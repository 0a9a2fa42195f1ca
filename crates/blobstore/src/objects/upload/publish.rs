//! From an open upload to a blob.

use std::sync::Arc;

use bytes::Bytes;
use object_store::PutPayload;
use oci::{Algorithm, Digest, Hasher};
use store::{BlobSlot, StoreError};

use super::place::Piece;
use super::progress::Progress;
use super::stage::ObjectStage;
use crate::objects::read;

impl ObjectStage {
    pub(super) async fn give_place(&mut self, slot: &BlobSlot) -> Result<String, StoreError> {
        self.flush().await?;
        self.make_sure().await?;
        let whole = self.place(Vec::new(), self.tail.clone()).whole().map(|one| one.key.clone());
        let key = match whole.filter(|_| self.is_away || self.nothing_followed()) {
            Some(key) => key,
            None if self.open.is_some() => self.complete().await?,
            None => {
                let content: PutPayload = self.blocks.since(0).into_iter().collect();
                self.shared.put(slot, content).await?
            }
        };
        // Nothing goes before the metadata knows the blob.
        let marker = self.open.take().map(|open| open.marker);
        let pieces = std::mem::take(&mut self.tail).into_iter().map(|piece| piece.key);
        self.retire(marker.into_iter().chain(pieces));
        let retired = std::mem::take(&mut self.retired).into_iter().map(|(_, key)| key);
        self.shared.remains.note(&self.id, retired.collect());
        self.shared.published.insert(key.clone(), slot.sha256);
        Ok(key)
    }

    fn nothing_followed(&self) -> bool {
        self.tail.iter().map(|piece| piece.size).sum::<u64>() == self.blocks.length()
    }

    /// Hashes everything anew.
    pub(super) async fn hash_again(&mut self, algorithm: Algorithm) -> Result<Digest, StoreError> {
        self.flush().await?;
        self.finished = true;
        if let Some(key) = self.object().await? {
            return self.hash_object(&key, algorithm).await;
        }
        let blocks = self.blocks.since(0);
        let hashed = tokio::task::spawn_blocking(move || {
            let mut hasher = Hasher::new(algorithm);
            blocks.iter().for_each(|block| hasher.update(block));
            hasher.finish()
        });
        hashed.await.map_err(|error| StoreError::Failed(format!("hashing an upload: {error}")))
    }

    pub(super) async fn front(&mut self, limit: usize) -> Result<Bytes, StoreError> {
        self.flush().await?;
        let length = (limit as u64).min(self.offset);
        let key = if length == 0 { None } else { self.object().await? };
        let Some(key) = key else { return Ok(self.blocks.front(limit)) };
        let mut body = read::Reading::new(&self.shared, &key, 0..length);
        let mut front = bytes::BytesMut::new();
        while let Some(piece) = body.next().await? {
            front.extend_from_slice(&piece);
        }
        Ok(front.freeze())
    }

    /// The object that holds all the bytes, where memory does not. Parts cannot
    /// be read, so they are completed for this; the upload then is one whose
    /// checkpoint wrote everything.
    async fn object(&mut self) -> Result<Option<String>, StoreError> {
        self.make_sure().await?;
        if self.is_away {
            return Ok(self.tail.first().map(|piece| piece.key.clone()));
        }
        if self.open.is_none() {
            return Ok(None);
        }
        let key = self.complete().await?;
        let marker = self.open.take().map(|open| open.marker);
        let pieces = std::mem::take(&mut self.tail).into_iter().map(|piece| piece.key);
        self.retire(marker.into_iter().chain(pieces));
        self.progress = Arc::new(Progress::default());
        self.blocks = super::blocks::Blocks::default();
        self.tail = vec![Piece { key: key.clone(), size: self.offset }];
        self.is_away = true;
        Ok(Some(key))
    }
}
