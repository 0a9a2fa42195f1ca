//! Putting blobs and links into the tree.
//!
//! An object appears whole or not at all and is durable when its writing returns, so nothing is
//! prepared: things are written in waves, bytes first and what tags point to last. A wave begins
//! when the one before it has ended.

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use oci::{Digest, RepositoryName};
use store::{BlobKey, Objects, StoreError};

use super::AT_ONCE;
use crate::tree::{LinkName, TreeWrite, Written, keys};
use crate::{Finding, Problem};

/// What became of one thing.
enum Outcome {
    Unchanged,
    Changed,
    /// There are no bytes to put there.
    Missing(Finding),
}

/// Where the bytes of a stored blob are.
enum Place {
    /// At their digest's own place.
    Right,
    /// Elsewhere, and not there, or something else is there.
    Elsewhere,
    /// Nowhere.
    Nowhere,
}

/// Puts all in their places.
pub(super) async fn all(
    objects: &dyn Objects,
    name: &RepositoryName,
    mut writes: Vec<TreeWrite>,
) -> Result<Written, StoreError> {
    let mut written = Written::default();
    writes.sort_by_key(wave);
    while let Some(first) = writes.first().map(wave) {
        let rest = writes.partition_point(|write| wave(write) <= first);
        let later = writes.split_off(rest);
        let this = std::mem::replace(&mut writes, later).into_iter();
        let this = this.map(|write| one(objects, name, write));
        let mut this = futures_util::stream::iter(this).buffered(AT_ONCE);
        while let Some(outcome) = this.try_next().await? {
            match outcome {
                Outcome::Unchanged => {}
                Outcome::Changed => written.changed += 1,
                Outcome::Missing(finding) => written.findings.push(finding),
            }
        }
    }
    Ok(written)
}

/// What a thing waits for: everything of a lower number.
fn wave(write: &TreeWrite) -> u8 {
    match write {
        TreeWrite::Bytes { .. } | TreeWrite::Stored { .. } => 0,
        TreeWrite::Link { name, .. } => match name {
            LinkName::Layer(_) => 1,
            LinkName::Revision(_) => 2,
            LinkName::TagIndex(..) => 3,
            LinkName::TagCurrent(_) => 4,
        },
    }
}

async fn one(
    objects: &dyn Objects,
    name: &RepositoryName,
    write: TreeWrite,
) -> Result<Outcome, StoreError> {
    match write {
        TreeWrite::Bytes { sha256, bytes } => {
            object(objects, &keys::own_place(&sha256), bytes).await
        }
        TreeWrite::Stored { sha256, key } => stored(objects, &sha256, &key).await,
        TreeWrite::Link { name: link, sha256, .. } => {
            object(objects, &keys::link(name, &link), sha256.to_string().into()).await
        }
    }
}

/// Writes a small object, unless one with this content is there.
async fn object(objects: &dyn Objects, key: &str, content: Bytes) -> Result<Outcome, StoreError> {
    match objects.get(key, content.len() as u64).await {
        Ok(Some(there)) if there == content => return Ok(Outcome::Unchanged),
        // Too long, or it cannot be read: it is not what it should be.
        Ok(_) | Err(StoreError::Damaged(_)) => {}
        Err(error) => return Err(error),
    }
    objects.put(key, content).await?;
    Ok(Outcome::Changed)
}

async fn stored(
    objects: &dyn Objects,
    sha256: &Digest,
    key: &BlobKey,
) -> Result<Outcome, StoreError> {
    let own = keys::own_place(sha256);
    let is_there = match place(objects, sha256, key).await? {
        Place::Right => return Ok(Outcome::Unchanged),
        Place::Elsewhere => objects.copy(key.as_str(), &own).await?,
        Place::Nowhere => false,
    };
    Ok(match is_there {
        true => Outcome::Changed,
        false => Outcome::Missing(Finding { path: own, problem: Problem::NoBytes(*sha256) }),
    })
}

/// Those whose bytes have to be copied to their digest's own place.
pub(super) async fn to_copy(
    objects: &dyn Objects,
    blobs: Vec<(Digest, BlobKey)>,
) -> Result<Vec<Digest>, StoreError> {
    let elsewhere = blobs.into_iter().filter(|(sha256, key)| *key != keys::own_key(sha256));
    let looks = elsewhere.map(|(sha256, key)| async move {
        let is_copied = matches!(place(objects, &sha256, &key).await?, Place::Elsewhere);
        Ok::<_, StoreError>(is_copied.then_some(sha256))
    });
    let looks = futures_util::stream::iter(looks).buffered(AT_ONCE);
    looks.try_filter_map(|found| async move { Ok(found) }).try_collect().await
}

/// Where the bytes are. At its own place a blob may have been left by somebody whose row is gone,
/// or cut off: it counts as the same if it has the same size.
async fn place(objects: &dyn Objects, sha256: &Digest, key: &BlobKey) -> Result<Place, StoreError> {
    let own = keys::own_place(sha256);
    let Some(ours) = objects.look(key.as_str()).await? else { return Ok(Place::Nowhere) };
    if ours.key == own {
        return Ok(Place::Right);
    }
    let there = objects.look(&own).await?;
    Ok(match there.is_some_and(|there| there.size == ours.size) {
        true => Place::Right,
        false => Place::Elsewhere,
    })
}
