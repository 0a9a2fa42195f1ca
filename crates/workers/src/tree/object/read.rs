//! Reading one object: a link, the size of a blob, the bytes of a manifest.
//!
//! A store that does not answer stops the work; what one object alone is at fault for does not.

use futures_util::{StreamExt, TryStreamExt};
use oci::Digest;
use store::{ObjectRecord, Objects, StoreError};

use super::AT_ONCE;
use crate::Problem;
use crate::tree::keys::{own_key, own_place};
use crate::tree::link::{self, Link, MAX_LINK};
use crate::tree::{BlobFile, BlobLook, ManifestRead};

/// Reads a link that was listed; `None` if it is gone since.
pub(super) async fn link(
    objects: &dyn Objects,
    record: &ObjectRecord,
) -> Result<Result<Option<Link>, Problem>, StoreError> {
    // The list tells what is empty or too long.
    if record.size == 0 {
        return Ok(Err(Problem::EmptyLink));
    }
    if record.size > MAX_LINK {
        return Ok(Err(link::too_long()));
    }
    let at = record.modified;
    Ok(match own_fault(objects.get(&record.key, MAX_LINK).await)? {
        Ok(Some(content)) => link::parse(&content).map(|digest| Some(Link { digest, at })),
        Ok(None) => Ok(None),
        Err(problem) => Err(problem),
    })
}

/// The size and key of each blob's bytes.
pub(super) async fn blobs(
    objects: &dyn Objects,
    sha256: Vec<Digest>,
) -> Result<Vec<BlobLook>, StoreError> {
    let looks = sha256.into_iter().map(|digest| async move {
        let look = own_fault(objects.look(&own_place(&digest)).await)?;
        let file = |record: ObjectRecord| BlobFile { size: record.size, key: own_key(&digest) };
        Ok(look.map(|record| record.map(file)))
    });
    futures_util::stream::iter(looks).buffered(AT_ONCE).try_collect().await
}

/// The bytes of a manifest.
pub(super) async fn manifest(
    objects: &dyn Objects,
    sha256: &Digest,
    limit: u64,
) -> Result<ManifestRead, StoreError> {
    let place = own_place(sha256);
    match objects.get(&place, limit).await {
        Ok(Some(bytes)) => Ok(ManifestRead::Bytes(bytes)),
        Ok(None) => Ok(ManifestRead::Absent),
        // Perhaps it was merely too large.
        Err(StoreError::Damaged(why)) => match own_fault(objects.look(&place).await)? {
            Ok(Some(record)) if record.size > limit => {
                Ok(ManifestRead::TooLarge { size: record.size })
            }
            _ => Ok(ManifestRead::Unreadable(why)),
        },
        Err(error) => Err(error),
    }
}

/// Sorts a failure: of one object, or of the store.
fn own_fault<T>(result: Result<T, StoreError>) -> Result<Result<T, Problem>, StoreError> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(StoreError::Damaged(why)) => Ok(Err(Problem::Unreadable(why))),
        Err(error) => Err(error),
    }
}
