//! The end of an upload in parts, whatever becomes of the store's answer.

use std::sync::atomic::Ordering;

use oci::{Algorithm, Digest, Hasher};
use store::StoreError;

use super::begin::gone;
use super::hashing::Hashing;
use super::stage::{ObjectStage, Open};
use crate::objects::read;

impl ObjectStage {
    /// Makes the parts one object and returns its key. On failure the parts are
    /// still there, unless the store has lost them.
    pub(super) async fn complete(&mut self) -> Result<String, StoreError> {
        self.close().await?;
        self.rest().await?;
        let Some(Open { key, upload, .. }) = self.open.clone() else {
            return Err(StoreError::Failed(format!("upload {} has no parts", self.id)));
        };
        let parts = self.progress.all().ok_or_else(|| {
            StoreError::Failed(format!("a part of upload {} did not arrive", self.id))
        })?;
        let bucket = self.shared.bucket.clone();
        let answer = bucket.complete(&key, &upload, parts.into_iter().map(|(id, _)| id)).await;
        let is_sure =
            answer.is_ok() && (bucket.tells_parts() || !self.told.load(Ordering::Relaxed));
        let found = match (bucket.head(&key).await, answer) {
            (Ok(Some(record)), _) => record,
            // The answer said no, and there is nothing: it can be tried again.
            (_, Err(trouble)) => return Err(gone(trouble)),
            (Ok(None), Ok(())) => {
                let text = format!("{key} was completed and is not there");
                return Err(StoreError::Failed(text));
            }
            (Err(error), Ok(())) => return Err(error),
        };
        if found.size != self.offset {
            let text = format!("{key} has {} bytes after {} were sent", found.size, self.offset);
            return Err(StoreError::Damaged(text));
        }
        // Somebody else may have completed it, and with other parts.
        if !is_sure {
            self.compare(&key).await?;
        }
        Ok(key)
    }

    /// Reads back what somebody else completed, once, before anything relies on
    /// it: its size was right, and another writer may have had other bytes.
    pub(super) async fn make_sure(&mut self) -> Result<(), StoreError> {
        if !self.is_foreign {
            return Ok(());
        }
        if let Some(piece) = self.tail.first() {
            self.compare(&piece.key).await?;
        }
        self.is_foreign = false;
        Ok(())
    }

    /// Compares an object with what was received so far.
    async fn compare(&self, key: &str) -> Result<(), StoreError> {
        let mine = self.sha256().await?;
        if self.hash_object(key, Algorithm::Sha256).await? != mine {
            return Err(StoreError::Damaged(format!("{key} holds other bytes than were sent")));
        }
        Ok(())
    }

    async fn sha256(&self) -> Result<Digest, StoreError> {
        let states = self.hashing.states().await?;
        let state = states.into_iter().find(|state| state.algorithm() == Algorithm::Sha256);
        state.map(Hasher::finish).ok_or_else(|| {
            StoreError::Failed(format!("upload {} was staged without sha256", self.id))
        })
    }

    /// Reads an object of as many bytes as this upload has and hashes it.
    pub(super) async fn hash_object(
        &self,
        key: &str,
        algorithm: Algorithm,
    ) -> Result<Digest, StoreError> {
        let hashing = Hashing::new(vec![Hasher::new(algorithm)]);
        if self.offset > 0 {
            let mut body = read::Reading::new(&self.shared, key, 0..self.offset);
            while let Some(piece) = body.next().await? {
                hashing.add(piece).await?;
            }
        }
        let state = hashing.states().await?.into_iter().next();
        state.map(Hasher::finish).ok_or_else(|| StoreError::Failed("a hash got lost".into()))
    }
}
