//! Tags and their history.

use oci::{Digest, Tag};
use rusqlite::{Connection, params};
use store::Timestamp;

use super::failure::Failure;
use super::rows;

pub(crate) const TAG: &str = "SELECT digest, at FROM tag WHERE repository_id = ?1 AND name = ?2";
const MOVE: &str = "INSERT INTO tag (repository_id, name, manifest_id, digest, at) \
     VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (repository_id, name) DO UPDATE SET \
     manifest_id = excluded.manifest_id, digest = excluded.digest, at = excluded.at";
const DELETE: &str = "DELETE FROM tag WHERE repository_id = ?1 AND name = ?2";
const NOTE: &str = "INSERT INTO tag_history (repository_id, name, from_digest, to_digest, at, actor) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

/// Where a tag is to point.
pub(crate) struct Target<'a> {
    pub(crate) repository: i64,
    pub(crate) manifest: i64,
    /// What the tag resolves to.
    pub(crate) digest: &'a Digest,
    pub(crate) actor: Option<&'a str>,
    pub(crate) at: Timestamp,
}

/// What a tag points to, and since when.
pub(crate) fn find(
    connection: &Connection,
    repository: i64,
    tag: &Tag,
) -> Result<Option<(Digest, Timestamp)>, Failure> {
    rows::first(connection, TAG, params![repository, tag.as_str()], |row| {
        Ok((rows::digest(row, 0)?, rows::time(row, 1)?))
    })
}

/// Those of the tags that exist and point to something else than `digest`.
pub(crate) fn pointing_elsewhere(
    connection: &Connection,
    repository: i64,
    tags: &[Tag],
    digest: &Digest,
) -> Result<Vec<Tag>, Failure> {
    let mut taken = Vec::new();
    for tag in tags {
        if find(connection, repository, tag)?.is_some_and(|(to, _)| to != *digest) {
            taken.push(tag.clone());
        }
    }
    Ok(taken)
}

/// Points the tag to the target. A tag that does so already keeps its time.
pub(crate) fn point(
    connection: &Connection,
    tag: &Tag,
    target: &Target<'_>,
) -> Result<(), Failure> {
    let before = find(connection, target.repository, tag)?.map(|(digest, _)| digest);
    if before.as_ref() == Some(target.digest) {
        return Ok(());
    }
    let (name, to, at) = (tag.as_str(), target.digest.to_column(), target.at.millis());
    let from = before.as_ref().map(Digest::to_column);
    rows::change(connection, MOVE, params![target.repository, name, target.manifest, to, at])?;
    rows::change(connection, NOTE, params![target.repository, name, from, to, at, target.actor])?;
    Ok(())
}

/// Removes the tag; `false` if there is none.
pub(crate) fn delete(
    connection: &Connection,
    repository: i64,
    tag: &Tag,
    actor: Option<&str>,
    at: Timestamp,
) -> Result<bool, Failure> {
    let Some((from, _)) = find(connection, repository, tag)? else { return Ok(false) };
    let nowhere: Option<Vec<u8>> = None;
    rows::change(connection, DELETE, params![repository, tag.as_str()])?;
    let note = params![repository, tag.as_str(), from.to_column(), nowhere, at.millis(), actor];
    rows::change(connection, NOTE, note)?;
    Ok(true)
}
