//! Reading one blob and comparing it with its digest.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use oci::{ByteRange, Digest, Hasher};
use store::{BlobStore, ByteStream, StoreError, UnverifiedBlob};

use super::Outcome;
use super::tally::Tally;
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
    tally: &mut Tally<'_>,
    shutdown: &Shutdown,
) -> Result<Outcome, WorkError> {
    let hashed = match open(blobs, blob).await {
        Ok(None) => Ok(hashers(blob)),
        Ok(Some(stream)) => match drain(stream, hashers(blob), throttle, tally, shutdown).await {
            Err(WorkError::Store(error)) => Err(error),
            other => Ok(other?),
        },
        Err(error) => Err(error),
    };
    Ok(match hashed {
        Ok(hashers) => judge(blob, hashers.into_iter().map(Hasher::finish)),
        // The store's word that what it holds is not what the metadata says.
        Err(StoreError::Damaged(_)) => Outcome::Damaged(Problem::NoBytes(blob.sha256)),
        Err(error) => Outcome::Unreadable(error.to_string()),
    })
}

/// One for each name of the blob.
fn hashers(blob: &UnverifiedBlob) -> Vec<Hasher> {
    let names = [Some(blob.sha256), blob.sha512].into_iter().flatten();
    names.map(|name| Hasher::new(name.algorithm())).collect()
}

/// Compares the names with what the bytes hash to, in the order of [`hashers`].
fn judge(blob: &UnverifiedBlob, mut found: impl Iterator<Item = Digest>) -> Outcome {
    match (found.next(), blob.sha512, found.next()) {
        (Some(sha256), ..) if sha256 != blob.sha256 => {
            Outcome::Damaged(Problem::HashMismatch(sha256))
        }
        (_, Some(named), Some(sha512)) if named != sha512 => Outcome::Misnamed(named),
        _ => Outcome::Whole,
    }
}

/// `None` for an empty blob, of which there is no range to read.
async fn open(
    blobs: &Arc<dyn BlobStore>,
    blob: &UnverifiedBlob,
) -> Result<Option<ByteStream>, StoreError> {
    let Some(end_inclusive) = blob.size.checked_sub(1) else { return Ok(None) };
    blobs.read(&blob.key, ByteRange { start: 0, end_inclusive }).await.map(Some)
}

async fn drain(
    mut stream: ByteStream,
    mut hashers: Vec<Hasher>,
    throttle: &mut Throttle,
    tally: &mut Tally<'_>,
    shutdown: &Shutdown,
) -> Result<Vec<Hasher>, WorkError> {
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
            hashers = update(hashers, std::mem::take(&mut waiting)).await?;
            tally.hashed(held);
            held = 0;
        }
        if is_last {
            return Ok(hashers);
        }
    }
}

async fn update(mut hashers: Vec<Hasher>, chunks: Vec<Bytes>) -> Result<Vec<Hasher>, StoreError> {
    let work = move || {
        for hasher in &mut hashers {
            chunks.iter().for_each(|chunk| hasher.update(chunk));
        }
        hashers
    };
    let ended = |error| StoreError::Failed(format!("hashing ended early: {error}"));
    tokio::task::spawn_blocking(work).await.map_err(ended)
}
