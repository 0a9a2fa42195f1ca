//! Reading one blob and comparing it with its digest.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use oci::{Algorithm, ByteRange, Digest, Hasher};
use store::{BlobRead, BlobStore, ByteStream, StoreError, UnverifiedBlob};

use super::Outcome;
use crate::{Problem, Shutdown, Throttle, WorkError};

/// Bytes that are hashed at once, away from the threads that serve.
const CHUNK: u64 = 1 << 20;

/// Hashes a blob.
///
/// # Errors
/// Only [`WorkError::Interrupted`]: what the blob store says is an outcome.
pub(super) async fn check(
    blobs: &Arc<dyn BlobStore>,
    blob: &UnverifiedBlob,
    throttle: &mut Throttle,
    shutdown: &Shutdown,
) -> Result<Outcome, WorkError> {
    let hashed = match open(blobs, blob).await {
        Ok(None) => Ok(Digest::sha256(b"")),
        Ok(Some(stream)) => match drain(stream, throttle, shutdown).await {
            Err(WorkError::Store(error)) => Err(error),
            other => Ok(other?),
        },
        Err(error) => Err(error),
    };
    Ok(match hashed {
        Ok(digest) if digest == blob.sha256 => Outcome::Whole,
        Ok(digest) => Outcome::Damaged(Problem::HashMismatch(digest)),
        // The store's word that what it holds is not what the metadata says.
        Err(StoreError::Damaged(_)) => Outcome::Damaged(Problem::NoBytes(blob.sha256)),
        Err(error) => Outcome::Unreadable(error.to_string()),
    })
}

/// `None` for an empty blob, of which there is no range to read.
async fn open(
    blobs: &Arc<dyn BlobStore>,
    blob: &UnverifiedBlob,
) -> Result<Option<ByteStream>, StoreError> {
    let Some(end_inclusive) = blob.size.checked_sub(1) else { return Ok(None) };
    match blobs.read(&blob.key, ByteRange { start: 0, end_inclusive }).await? {
        BlobRead::Stream(stream) => Ok(Some(stream)),
        BlobRead::Redirect(_) => {
            Err(StoreError::Failed("the blob store gives out addresses, not bytes".to_owned()))
        }
    }
}

async fn drain(
    mut stream: ByteStream,
    throttle: &mut Throttle,
    shutdown: &Shutdown,
) -> Result<Digest, WorkError> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut waiting: Vec<Bytes> = Vec::new();
    let mut held = 0;
    loop {
        let chunk = stream.next().await.transpose()?;
        let is_last = chunk.is_none();
        if let Some(chunk) = chunk {
            held += chunk.len() as u64;
            waiting.push(chunk);
        }
        if is_last || held >= CHUNK {
            throttle.take(held, shutdown).await?;
            hasher = update(hasher, std::mem::take(&mut waiting)).await?;
            held = 0;
        }
        if is_last {
            return Ok(hasher.finish());
        }
    }
}

async fn update(mut hasher: Hasher, chunks: Vec<Bytes>) -> Result<Hasher, StoreError> {
    let work = move || {
        chunks.iter().for_each(|chunk| hasher.update(chunk));
        hasher
    };
    let ended = |error| StoreError::Failed(format!("hashing ended early: {error}"));
    tokio::task::spawn_blocking(work).await.map_err(ended)
}
