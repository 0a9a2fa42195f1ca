//! Content as it comes, gone on with where it breaks off.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use store::{ByteStream, StoreError};
use tokio::time::Instant;

use super::blobs::Shared;
use super::bucket::STALL;
use super::failure::Trouble;

/// How often in a row it may break off without a byte having come.
const FAILURES: u32 = 5;

/// The first pause after it broke off; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(100);

/// A range of an object, read from the front.
pub(super) struct Reading {
    shared: Arc<Shared>,
    key: String,
    left: Range<u64>,
    /// Bytes of the whole object, once the store has told.
    size: Option<u64>,
    body: Option<BoxStream<'static, object_store::Result<Bytes>>>,
    failures: u32,
}

impl Reading {
    /// Nothing is asked of the store before the first piece is.
    pub(super) fn new(shared: &Arc<Shared>, key: &str, range: Range<u64>) -> Self {
        let (shared, key) = (Arc::clone(shared), key.to_owned());
        Self { shared, key, left: range, size: None, body: None, failures: 0 }
    }

    /// Asks the store, so that what is not there shows before the first byte. One that breaks off
    /// is asked again, one that takes the request and says nothing is not: whoever waits has waited
    /// long enough.
    pub(super) async fn begin(&mut self) -> Result<(), StoreError> {
        loop {
            let asked = Instant::now();
            let error = match self.shared.bucket.open(&self.key, Some(self.left.clone())).await {
                Ok(found) if found.range == self.left => {
                    self.size = Some(found.meta.size);
                    self.body = Some(found.into_stream());
                    return Ok(());
                }
                Ok(found) => return Err(self.too_short(found.meta.size)),
                Err(Trouble::Missing(_)) => {
                    let text = format!("{} is not in {}", self.key, self.shared.bucket.name());
                    return Err(StoreError::Damaged(text));
                }
                Err(trouble) => StoreError::from(trouble),
            };
            if let StoreError::Busy(_) = error {
                if asked.elapsed() >= STALL {
                    return Err(error);
                }
                self.pause(error).await?;
                continue;
            }
            // A range beyond the end is refused in as many ways as there are stores.
            return Err(match self.shared.bucket.head(&self.key).await {
                Ok(Some(record)) if record.size < self.left.end => self.too_short(record.size),
                _ => error,
            });
        }
    }

    /// Bytes of the whole object; `None` before [`Reading::begin`].
    pub(super) fn size(&self) -> Option<u64> {
        self.size
    }

    fn too_short(&self, size: u64) -> StoreError {
        let wanted = self.left.end;
        StoreError::Damaged(format!("{} has {size} bytes instead of {wanted} or more", self.key))
    }

    /// The next piece; `None` at the end of the range.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        loop {
            if self.left.is_empty() {
                return Ok(None);
            }
            if self.body.is_none() {
                self.begin().await?;
            }
            let Some(body) = &mut self.body else { continue };
            let error = match self.shared.bucket.piece(&self.key, body.next()).await {
                Ok(Some(piece)) if piece.is_empty() => continue,
                Ok(Some(mut piece)) => {
                    let wanted = self.left.end - self.left.start;
                    piece.truncate(usize::try_from(wanted).unwrap_or(usize::MAX));
                    self.left.start += piece.len() as u64;
                    self.failures = 0;
                    return Ok(Some(piece));
                }
                Ok(None) => StoreError::Busy(format!(
                    "reading {}: it ended {} bytes early",
                    self.key,
                    self.left.end - self.left.start
                )),
                Err(error) => error,
            };
            self.body = None;
            self.pause(error).await?;
        }
    }

    /// Waits a while before another attempt, or gives up with what happened.
    async fn pause(&mut self, error: StoreError) -> Result<(), StoreError> {
        self.failures += 1;
        if self.failures >= FAILURES {
            return Err(error);
        }
        tracing::debug!(%error, key = %self.key, "going on with a read that broke off");
        let mut chance = [0; 1];
        self.shared.random.fill(&mut chance);
        let [chance] = chance;
        let pause = PAUSE * (1 << self.failures.min(6));
        // Between half of it and all of it, so that many do not come back at once.
        tokio::time::sleep(pause / 2 + pause / 2 * u32::from(chance) / 255).await;
        Ok(())
    }

    pub(super) fn into_stream(self) -> ByteStream {
        Box::pin(stream::try_unfold(self, |mut reading| async move {
            Ok(reading.next().await?.map(|piece| (piece, reading)))
        }))
    }
}
