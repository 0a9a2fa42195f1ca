//! What was left behind: uploads that nobody finished, blobs that nobody knows.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use store::{BlobKey, StagingId, StagingRecord, StoreError, StoredRecord, Timestamp};

use super::bucket::Bucket;
use super::layout;
use super::upload::{Begun, MARKER};

/// Objects that are removed at a time.
const AT_ONCE: usize = 8;

/// Names asked for at a time.
const PAGE: usize = 1000;

/// Removes objects; ones that are gone are a success.
pub(super) async fn remove(bucket: &Bucket, keys: &[String]) -> Result<(), StoreError> {
    let removing: Vec<_> = keys.iter().map(|key| bucket.erase(key)).collect();
    stream::iter(removing).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await.map(drop)
}

/// Gives up the uploads in parts of a staging area and removes its objects: one
/// list, and nothing more if there are none.
///
/// A blob that a checkpoint wrote stays: only the metadata knows whether it was
/// published. It is listed by [`stored`].
pub(super) async fn discard(bucket: &Bucket, id: &StagingId) -> Result<(), StoreError> {
    let folder = layout::uploads(id);
    let mut keys = Vec::new();
    bucket.walk(&folder, |record| keys.push(record.key)).await?;
    let markers = keys.iter().filter(|key| {
        key.strip_prefix(&folder).is_some_and(|name| name.starts_with(layout::BEGUN))
    });
    for marker in markers {
        let Some(content) = bucket.content(marker, MARKER).await? else { continue };
        match serde_json::from_slice::<Begun>(&content) {
            Ok(begun) if layout::named(&begun.key).is_some() => {
                bucket.abort(&begun.key, &begun.upload).await?;
            }
            _ => tracing::warn!(key = %marker, "a marker of an upload cannot be read"),
        }
    }
    remove(bucket, &keys).await
}

/// Staging areas with objects of their own, oldest first. The age is that of the
/// newest object, and an upload that goes on renews its marker.
pub(super) async fn staged(
    bucket: &Bucket,
    limit: usize,
) -> Result<Vec<StagingRecord>, StoreError> {
    let mut areas: BTreeMap<StagingId, Timestamp> = BTreeMap::new();
    let note = |record: store::ObjectRecord| {
        if let Some(id) = layout::upload_of(&record.key) {
            let modified = areas.entry(id).or_insert(record.modified);
            *modified = record.modified.max(*modified);
        }
    };
    bucket.walk(layout::UPLOADS, note).await?;
    let mut areas: Vec<_> =
        areas.into_iter().map(|(id, modified)| StagingRecord { id, modified }).collect();
    areas.sort_by_key(|area| area.modified);
    areas.truncate(limit);
    Ok(areas)
}

/// Stored blobs in the order of their keys.
pub(super) async fn stored(
    bucket: &Bucket,
    own_places: bool,
    after: Option<&BlobKey>,
    limit: usize,
) -> Result<Vec<StoredRecord>, StoreError> {
    let mut found = Vec::new();
    for folder in [layout::STAGED, layout::TREE] {
        let mut after = after.map(BlobKey::as_str).map(str::to_owned);
        if after.as_deref().is_some_and(|after| after > folder && !after.starts_with(folder)) {
            continue;
        }
        after = after.filter(|after| after.starts_with(folder));
        loop {
            if found.len() >= limit {
                return Ok(found);
            }
            let page = bucket.names(folder, after.as_deref(), PAGE).await?;
            let was_last = page.len() < PAGE;
            after = page.last().map(|record| record.key.clone());
            let known = page.into_iter().filter_map(|record| {
                let named = layout::named(&record.key)?;
                (own_places || !named.own_place).then(|| StoredRecord {
                    key: BlobKey::new(record.key),
                    sha256: named.sha256,
                    staging: named.staging,
                    size: record.size,
                    modified: record.modified,
                })
            });
            found.extend(known.take(limit - found.len()));
            if was_last {
                break;
            }
        }
    }
    Ok(found)
}
