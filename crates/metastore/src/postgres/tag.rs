//! Tags and their history.

use futures_util::future::try_join;
use oci::{Digest, RepositoryName, Tag};
use store::Timestamp;

use super::args::args;
use super::failure::Failure;
use super::transaction::{Tx, Work};
use super::{repository, rows};

pub(crate) const LOCK: &str =
    "SELECT digest, at FROM tag WHERE repository_id = $1 AND name = $2 FOR UPDATE";
const MAKE: &str = "INSERT INTO tag (repository_id, name, manifest_id, digest, at) \
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT (repository_id, name) DO NOTHING";
const MOVE: &str = "UPDATE tag SET manifest_id = $3, digest = $4, at = $5 \
     WHERE repository_id = $1 AND name = $2";
const DELETE: &str = "DELETE FROM tag WHERE repository_id = $1 AND name = $2";
const NOTE: &str = "INSERT INTO tag_history (repository_id, name, from_digest, to_digest, at, actor) \
     VALUES ($1, $2, $3, $4, $5, $6)";

/// Where a tag is to point.
pub(crate) struct Target<'a> {
    pub(crate) repository: i64,
    pub(crate) manifest: i64,
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

/// Points the tag to the target. A tag that does so already keeps its time.
pub(crate) async fn point(tx: &Tx, tag: &Tag, target: &Target<'_>) -> Result<(), Failure> {
    let before = lock(tx, target.repository, tag).await?.map(|(digest, _)| digest);
    if before.as_ref() == Some(target.digest) {
        return Ok(());
    }
    let (name, to, at) = (tag.as_str(), target.digest.to_column(), target.at.millis());
    let from = before.as_ref().map(Digest::to_column);
    let actor = target.actor.map(rows::text);
    let sql = if from.is_some() { MOVE } else { MAKE };
    let (changed, _) = try_join(
        tx.change(sql, args![target.repository, name, target.manifest, &to, at]),
        tx.change(NOTE, args![target.repository, name, from, Some(&to), at, actor]),
    )
    .await?;
    if changed == 0 { Err(Failure::Race("two pushes of one tag met")) } else { Ok(()) }
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
