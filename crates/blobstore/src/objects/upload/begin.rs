//! Sending parts on their way.

use std::sync::Arc;

use futures_util::FutureExt;
use object_store::PutPayload;
use serde::{Deserialize, Serialize};
use store::StoreError;

use super::sizes;
use super::stage::{ObjectStage, Open, landed};
use crate::objects::failure::Trouble;
use crate::objects::layout;

/// Largest marker, in bytes.
pub(crate) const MARKER: u64 = 64 << 10;

/// What a marker says of an upload in parts, so that one that nobody finishes
/// can be given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Begun {
    pub key: String,
    pub upload: String,
}

impl ObjectStage {
    /// Sends everything in memory on its way as the next part.
    pub(super) async fn send_part(&mut self) -> Result<(), StoreError> {
        self.flush().await?;
        let open = self.begun().await?;
        while self.flight.len() >= self.shared.in_flight {
            let Some(arrived) = self.flight.join_next().await else { break };
            landed(arrived)?;
        }
        let states = self.hashing.ask().await?;
        if self.progress.count() >= sizes::MOST {
            let text = format!("upload {} has more than {} parts", self.id, sizes::MOST);
            return Err(StoreError::Failed(text));
        }
        let number = self.progress.sets_out(self.offset, states);
        let blocks = std::mem::take(&mut self.blocks);
        let pieces = std::mem::take(&mut self.tail);
        self.retire(pieces.into_iter().map(|piece| piece.key));
        let (bucket, progress) = (Arc::clone(&self.shared.bucket), Arc::clone(&self.progress));
        self.flight.spawn(async move {
            let size = blocks.length();
            let content: PutPayload = blocks.since(0).into_iter().collect();
            let id = bucket.part(&open.key, &open.upload, number, content).await;
            progress.arrived(number, id.map_err(gone)?, size);
            // Until here the part may be sent again.
            drop(blocks);
            Ok(())
        });
        Ok(())
    }

    /// The upload in parts, begun if there is none yet.
    async fn begun(&mut self) -> Result<Open, StoreError> {
        if let Some(open) = &self.open {
            return Ok(open.clone());
        }
        let random = &*self.shared.random;
        let key = layout::staged(&self.id, random);
        let marker = layout::begun(&self.id, random);
        let upload = self.shared.bucket.begin(&key).await?;
        let open = Open { key, upload, marker, closed: false };
        let (bucket, progress) = (Arc::clone(&self.shared.bucket), Arc::clone(&self.progress));
        let (name, told) = (open.marker.clone(), open.told());
        self.flight.spawn(async move {
            bucket.write(&name, told, false).await?;
            progress.marked();
            Ok(())
        });
        self.sign_of_life.reset();
        Ok(self.open.insert(open).clone())
    }

    /// Writes the marker again from time to time: its age is that of the upload
    /// as long as the metadata does not know of it.
    pub(super) fn show_life(&mut self) {
        let Some(open) = &self.open else { return };
        if self.sign_of_life.tick().now_or_never().is_none() {
            return;
        }
        let bucket = Arc::clone(&self.shared.bucket);
        let (name, told) = (open.marker.clone(), open.told());
        self.flight.spawn(async move {
            if let Err(error) = bucket.write(&name, told, false).await {
                tracing::warn!(%error, key = %name, "a marker of an upload was not renewed");
            }
            Ok(())
        });
    }
}

impl Open {
    /// The content of the marker.
    fn told(&self) -> PutPayload {
        let begun = Begun { key: self.key.clone(), upload: self.upload.clone() };
        serde_json::to_vec(&begun).unwrap_or_default().into()
    }
}

/// An upload that the store does not know is no damage: somebody gave it up.
pub(super) fn gone(trouble: Trouble) -> StoreError {
    match trouble {
        Trouble::Missing(_) => StoreError::Failed(
            "the store no longer knows an upload in parts: it was given up, push again".into(),
        ),
        other => other.into(),
    }
}
