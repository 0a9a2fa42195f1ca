//! Tags and their history.

use std::collections::HashMap;

use futures_util::future::try_join;
use oci::{Digest, RepositoryName, Tag};
use store::Timestamp;

use super::args::{arg, args};
use super::failure::Failure;
use super::session::Last;
use super::transaction::{Tx, Work, or_fail};
use super::{repository, rows};

pub(crate) const LOCK: &str =
    "SELECT digest, at FROM tag WHERE repository_id = $1 AND name = $2 FOR UPDATE";
pub(crate) const LOCK_ALL: &str = "SELECT name, digest FROM tag \
     WHERE repository_id = (SELECT id FROM repository WHERE name = $1) \
     AND name = ANY($2) ORDER BY name FOR UPDATE";
const MAKE: &str = or_fail!(
    "INSERT INTO tag (repository_id, name, manifest_id, digest, at) \
     SELECT $1, $2, m.id, $4, $5 FROM manifest m WHERE m.repository_id = $1 AND m.sha256 = $3 \
     ON CONFLICT (repository_id, name) DO NOTHING"
);
const MOVE: &str = or_fail!(
    "UPDATE tag SET manifest_id = m.id, digest = $4, at = $5 FROM manifest m \
     WHERE m.repository_id = $1 AND m.sha256 = $3 \
     AND tag.repository_id = $1 AND tag.name = $2"
);
const DELETE: &str = "DELETE FROM tag WHERE repository_id = $1 AND name = $2";
const NOTE: &str = "INSERT INTO tag_history (repository_id, name, from_digest, to_digest, at, actor) \
     VALUES ($1, $2, $3, $4, $5, $6)";

/// Where a tag is to point.
pub(crate) struct Target<'a> {
    pub(crate) repository: i64,
    /// The manifest, whose row is there when the statements run.
    pub(crate) sha256: &'a [u8],
    /// What the tag resolves to.
    pub(crate) digest: &'a Digest,
    pub(crate) actor: Option<&'a str>,
    pub(crate) at: Timestamp,
}

/// Locks a tag; what it points to, and since when.
pub(crate) async fn lock(
    tx: &Tx,
    repository: i64,
    tag: &Tag,
) -> Result<Option<(Digest, Timestamp)>, Failure> {
    let read = |row: &tokio_postgres::Row| Ok((rows::digest(row, 0)?, rows::time(row, 1)?));
    tx.first(LOCK, args![repository, tag.as_str()], read).await
}

/// Locks those of the tags that exist, in byte order; what they point to.
pub(crate) async fn lock_all(
    tx: &Tx,
    repository: &RepositoryName,
    tags: &[Tag],
) -> Result<HashMap<Tag, Digest>, Failure> {
    if tags.is_empty() {
        return Ok(HashMap::new());
    }
    let names: Vec<&str> = tags.iter().map(Tag::as_str).collect();
    let read = |row: &tokio_postgres::Row| Ok((rows::tag(row, 0)?, rows::digest(row, 1)?));
    Ok(tx.list(LOCK_ALL, args![repository.as_str(), names], read).await?.into_iter().collect())
}

/// Statements that point the tag, which is locked if it exists, from `before`
/// to the target. A tag that points there already keeps its time.
pub(crate) fn pointing(tag: &Tag, before: Option<&Digest>, target: &Target<'_>) -> Vec<Last> {
    if before == Some(target.digest) {
        return Vec::new();
    }
    let (repository, name) = (target.repository, tag.as_str().to_owned());
    let (to, at) = (target.digest.to_column(), target.at.millis());
    let from = before.map(Digest::to_column);
    let sql = if from.is_some() { MOVE } else { MAKE };
    let values = vec![
        arg(repository),
        arg(name.clone()),
        arg(target.sha256.to_vec()),
        arg(to.clone()),
        arg(at),
    ];
    let actor = target.actor.map(rows::text);
    let note = vec![arg(repository), arg(name), arg(from), arg(Some(to)), arg(at), arg(actor)];
    vec![
        Last::new(sql, values).or(|| Failure::Race("two pushes of one tag met")),
        Last::new(NOTE, note),
    ]
}

/// Removes a tag; `false` if there is none.
pub(crate) async fn delete(
    tx: &Tx,
    repository: i64,
    tag: &Tag,
    actor: Option<&str>,
    at: Timestamp,
) -> Result<bool, Failure> {
    let Some((from, _)) = lock(tx, repository, tag).await? else { return Ok(false) };
    let nowhere: Option<Vec<u8>> = None;
    let (name, from) = (tag.as_str(), from.to_column());
    let actor = actor.map(rows::text);
    try_join(
        tx.change(DELETE, args![repository, name]),
        tx.change(NOTE, args![repository, name, from, nowhere, at.millis(), actor]),
    )
    .await?;
    Ok(true)
}

/// Removes one tag and nothing else.
pub(crate) struct DeleteTag {
    pub(crate) repository: RepositoryName,
    pub(crate) tag: Tag,
    pub(crate) actor: Option<String>,
    pub(crate) at: Timestamp,
}

impl Work for DeleteTag {
    type Output = bool;

    async fn run(&self, tx: &Tx) -> Result<bool, Failure> {
        match repository::find(tx, &self.repository).await? {
            Some(id) => delete(tx, id, &self.tag, self.actor.as_deref(), self.at).await,
            None => Ok(false),
        }
    }
}
