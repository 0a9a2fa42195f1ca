//! An answer from the cache, gone on with from the store where the cache fails.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use oci::ByteRange;
use store::{BlobKey, ByteStream, StoreError};

use super::copy::{Copy, Lost};
use super::entry::Entry;
use super::store::Shared;

/// A range of a blob on its way to a client.
pub(super) struct Serving {
    shared: Arc<Shared>,
    entry: Arc<Entry>,
    key: BlobKey,
    source: Source,
    next: u64,
    /// Behind the last byte.
    end: u64,
}

enum Source {
    Disk(Copy),
    Store(ByteStream),
}

impl Serving {
    pub(super) fn stream(
        shared: &Arc<Shared>,
        entry: Arc<Entry>,
        key: &BlobKey,
        copy: Copy,
        range: ByteRange,
    ) -> ByteStream {
        let serving = Self {
            shared: Arc::clone(shared),
            entry,
            key: key.clone(),
            source: Source::Disk(copy),
            next: range.start,
            end: range.end_inclusive.saturating_add(1),
        };
        Box::pin(stream::try_unfold(serving, |mut serving| async move {
            Ok(serving.piece().await?.map(|piece| (piece, serving)))
        }))
    }

    async fn piece(&mut self) -> Result<Option<Bytes>, StoreError> {
        while self.next < self.end {
            let copy = match &mut self.source {
                Source::Store(rest) => return rest.next().await.transpose(),
                Source::Disk(copy) => copy,
            };
            match copy.piece(self.next, self.end).await {
                Ok(piece) => {
                    self.next += piece.len() as u64;
                    let counters = &self.shared.counters;
                    counters.add(&counters.hit_bytes, piece.len() as u64);
                    return Ok(Some(piece));
                }
                Err(Lost::Mismatch) => {
                    let text = format!("the bytes of {} have another digest", self.key.as_str());
                    return Err(StoreError::Damaged(text));
                }
                Err(Lost::Late) => {}
                Err(Lost::Broken(error)) => {
                    self.shared.counters.error("reading", &error);
                    self.shared.index.remove(&self.entry);
                }
            }
            let rest = ByteRange { start: self.next, end_inclusive: self.end - 1 };
            self.source = Source::Store(self.shared.origin.open(&self.key, rest).await?.bytes);
        }
        Ok(None)
    }
}
