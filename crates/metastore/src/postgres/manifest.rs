//! Storing and deleting manifests with everything that hangs on them.
//!
//! Whoever puts, tags or removes a manifest holds its row; the repository's
//! row, which counts them, is changed last and so held shortly.

use futures_util::future::{try_join, try_join4};
use oci::{Digest, RepositoryName, Role, Tag};
use store::{DeletedManifest, NewManifest, PutManifest, PutManifestFacts, Rule, Timestamp};
use tokio_postgres::Row;

use super::args::{arg, args};
use super::failure::Failure;
use super::transaction::{Tx, Work};
use super::{presence, publish, repository, rows, tag};

// A removal of the bytes waits for whoever is about to use them.
const BYTES: &str = "SELECT id FROM manifest_bytes WHERE sha256 = $1 FOR KEY SHARE";
const ADD_BYTES: &str = "INSERT INTO manifest_bytes (sha256, bytes) VALUES ($1, $2) \
     ON CONFLICT (sha256) DO NOTHING RETURNING id";
const HOLD: &str = "SELECT id, bytes_id FROM manifest \
     WHERE repository_id = $1 AND sha256 = $2 FOR NO KEY UPDATE";
const LOCK: &str = "SELECT id, bytes_id FROM manifest \
     WHERE repository_id = $1 AND sha256 = $2 FOR UPDATE";
const ADD: &str = "INSERT INTO manifest (repository_id, sha256, bytes_id, digest, media_type, \
     subject, artifact_type, annotations, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
     ON CONFLICT (repository_id, sha256) DO NOTHING RETURNING id";
const REPLACE: &str = "UPDATE manifest SET digest = $2, media_type = $3, subject = $4, \
     artifact_type = $5, annotations = $6, at = $7 WHERE id = $1";
const COUNT: &str = "UPDATE repository SET manifests = manifests + $2 WHERE id = $1";
const REFER: &str = "INSERT INTO reference (manifest_id, role, digest, repository_id) \
     SELECT $1, r.role, r.digest, $4 FROM unnest($2::text[], $3::bytea[]) AS r (role, digest) \
     ON CONFLICT DO NOTHING";
const TAGS_ON: &str = "SELECT name FROM tag WHERE manifest_id = $1 ORDER BY name FOR UPDATE";
const DROP_REFERENCES: &str = "DELETE FROM reference WHERE manifest_id = $1";
const DROP: &str = "DELETE FROM manifest WHERE id = $1";
const LOCK_BYTES: &str = "SELECT 1 FROM manifest_bytes WHERE id = $1 FOR UPDATE";
const DROP_BYTES: &str = "DELETE FROM manifest_bytes WHERE id = $1 \
     AND NOT EXISTS (SELECT 1 FROM manifest WHERE bytes_id = $1)";

/// The ids of a manifest's row and of its bytes.
type Ids = (i64, i64);

fn ids(row: &Row) -> Result<Ids, Failure> {
    Ok((rows::get(row, 0)?, rows::get(row, 1)?))
}

/// Facts, rule, plan.
pub(crate) struct Put {
    pub(crate) command: PutManifest,
    pub(crate) rule: Rule<PutManifestFacts, ()>,
}

impl Work for Put {
    type Output = ();

    async fn run(&self, tx: &Tx) -> Result<(), Failure> {
        let command = &self.command;
        let found = presence::find(tx, &command.repository, &command.manifest.references).await?;
        (self.rule)(&PutManifestFacts { presence: found.presence })?;
        publish::revive(tx, &found.condemned, command.at).await?;
        let known = found.repository;
        let repository = repository::ensure(tx, known, &command.repository, command.at).await?;
        let saved = save(tx, repository, &command.manifest, command.at).await?;
        let (digest, actor) = (&command.tag_digest, command.actor.as_deref());
        let target = tag::Target { repository, manifest: saved.id, digest, actor, at: command.at };
        let mut tags: Vec<&Tag> = command.tags.iter().collect();
        tags.sort_unstable_by_key(|tag| tag.as_str());
        for name in tags {
            tag::point(tx, name, &target).await?;
        }
        count(tx, repository, i64::from(saved.added));
        Ok(())
    }
}

/// A manifest's row after it was stored.
pub(crate) struct Saved {
    pub(crate) id: i64,
    /// Whether it is new, so that the repository must count it.
    pub(crate) added: bool,
}

/// Adds to the number of the repository's manifests, at the very end.
pub(crate) fn count(tx: &Tx, repository: i64, more: i64) {
    if more != 0 {
        tx.at_last(COUNT, vec![arg(repository), arg(more)]);
    }
}

/// Stores the manifest or, if it is there, what its last push said of it.
pub(crate) async fn save(
    tx: &Tx,
    repository: i64,
    new: &NewManifest,
    at: Timestamp,
) -> Result<Saved, Failure> {
    let sha256 = new.sha256.to_column();
    let (known, bytes) = try_join(
        hold(tx, repository, &sha256),
        tx.first(BYTES, args![&sha256], |row| rows::get(row, 0)),
    )
    .await?;
    let saved = match known {
        Some((id, _)) => {
            replace(tx, id, new, at).await?;
            Saved { id, added: false }
        }
        None => Saved { id: add(tx, repository, bytes, new, at).await?, added: true },
    };
    try_join(
        repository::add_alias(tx, new.sha512.as_ref(), &new.sha256),
        refer(tx, repository, saved.id, new),
    )
    .await?;
    Ok(saved)
}

async fn replace(tx: &Tx, id: i64, new: &NewManifest, at: Timestamp) -> Result<(), Failure> {
    let digest = new.sha512.as_ref().unwrap_or(&new.sha256).to_column();
    let subject = new.subject.map(|subject| subject.to_column());
    let artifact_type = new.artifact_type.as_deref().map(rows::text);
    let media_type = new.media_type.as_str();
    let values =
        args![id, digest, media_type, subject, artifact_type, &new.annotations, at.millis()];
    tx.change(REPLACE, values).await.map(drop)
}

async fn add(
    tx: &Tx,
    repository: i64,
    bytes: Option<i64>,
    new: &NewManifest,
    at: Timestamp,
) -> Result<i64, Failure> {
    let sha256 = new.sha256.to_column();
    let bytes = match bytes {
        Some(id) => Some(id),
        None => {
            tx.first(ADD_BYTES, args![&sha256, new.bytes.as_ref()], |row| rows::get(row, 0)).await?
        }
    };
    let met = Failure::Race("two pushes of one manifest met");
    let Some(bytes): Option<i64> = bytes else { return Err(met) };
    let digest = new.sha512.as_ref().unwrap_or(&new.sha256).to_column();
    let subject = new.subject.map(|subject| subject.to_column());
    let artifact_type = new.artifact_type.as_deref().map(rows::text);
    let values = args![
        repository,
        &sha256,
        bytes,
        digest,
        new.media_type.as_str(),
        subject,
        artifact_type,
        &new.annotations,
        at.millis(),
    ];
    tx.first(ADD, values, |row| rows::get(row, 0)).await?.ok_or(met)
}

async fn refer(tx: &Tx, repository: i64, manifest: i64, new: &NewManifest) -> Result<(), Failure> {
    let references = new.references.iter().filter(|(role, _)| *role != Role::Subject);
    let (roles, digests): (Vec<&str>, Vec<Vec<u8>>) =
        references.map(|(role, digest)| (role.as_str(), digest.to_column())).unzip();
    if roles.is_empty() {
        return Ok(());
    }
    tx.change(REFER, args![manifest, &roles, &digests, repository]).await.map(drop)
}

/// Finds a manifest and keeps it from being removed.
pub(crate) async fn hold(
    tx: &Tx,
    repository: i64,
    sha256: &Vec<u8>,
) -> Result<Option<Ids>, Failure> {
    tx.first(HOLD, args![repository, sha256], ids).await
}

/// Removes a manifest by either digest with every tag on it.
pub(crate) struct Delete {
    pub(crate) repository: RepositoryName,
    pub(crate) digest: Digest,
    pub(crate) actor: Option<String>,
    pub(crate) at: Timestamp,
}

impl Work for Delete {
    type Output = Option<DeletedManifest>;

    async fn run(&self, tx: &Tx) -> Result<Self::Output, Failure> {
        let (repository, sha256) =
            try_join(repository::find(tx, &self.repository), repository::sha256(tx, &self.digest))
                .await?;
        let Some(repository) = repository else { return Ok(None) };
        let found = tx.first(LOCK, args![repository, &sha256], ids).await?;
        let Some(ids) = found else { return Ok(None) };
        let tags = tx.list(TAGS_ON, args![ids.0], |row| rows::tag(row, 0)).await?;
        for name in &tags {
            tag::delete(tx, repository, name, self.actor.as_deref(), self.at).await?;
        }
        remove(tx, ids, &sha256).await?;
        count(tx, repository, -1);
        Ok(Some(DeletedManifest { tags }))
    }
}

/// Removes a manifest that is locked and that no tag is on, with its
/// references, and its bytes if no other repository has them.
pub(crate) async fn remove(tx: &Tx, (id, bytes): Ids, sha256: &[u8]) -> Result<(), Failure> {
    try_join4(
        tx.change(DROP_REFERENCES, args![id]),
        tx.change(DROP, args![id]),
        tx.list(LOCK_BYTES, args![bytes], |_| Ok(())),
        tx.change(DROP_BYTES, args![bytes]),
    )
    .await?;
    repository::drop_aliases(tx, &vec![sha256.to_vec()]).await
}
