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
use super::session::Last;
use super::transaction::{Tx, Work, or_fail};
use super::{presence, publish, repository, rows, tag};

// A removal of the bytes waits for whoever is about to use them.
const BYTES: &str = "SELECT id FROM manifest_bytes WHERE sha256 = $1 FOR KEY SHARE";
const ADD_BYTES: &str = or_fail!(
    "INSERT INTO manifest_bytes (sha256, bytes) VALUES ($1, $2) ON CONFLICT (sha256) DO NOTHING"
);
pub(crate) const HOLD_BY_NAME: &str = "SELECT id, bytes_id FROM manifest \
     WHERE repository_id = (SELECT id FROM repository WHERE name = $1) AND sha256 = $2 \
     FOR NO KEY UPDATE";
const HOLD: &str = "SELECT id, bytes_id FROM manifest \
     WHERE repository_id = $1 AND sha256 = $2 FOR NO KEY UPDATE";
const LOCK: &str = "SELECT id, bytes_id FROM manifest \
     WHERE repository_id = $1 AND sha256 = $2 FOR UPDATE";
const ADD: &str = or_fail!(
    "INSERT INTO manifest (repository_id, sha256, bytes_id, digest, media_type, subject, \
     artifact_type, annotations, at) \
     SELECT $1, $2, b.id, $3, $4, $5, $6, $7, $8 FROM manifest_bytes b WHERE b.sha256 = $2 \
     ON CONFLICT (repository_id, sha256) DO NOTHING"
);
const REPLACE: &str = "UPDATE manifest SET digest = $2, media_type = $3, subject = $4, \
     artifact_type = $5, annotations = $6, at = $7 WHERE id = $1";
const COUNT: &str = "UPDATE repository SET manifests = manifests + $2 WHERE id = $1";
const UNCOUNT: &str = "UPDATE repository SET manifests = manifests - $2 WHERE id = $1";
const EMPTY: &str = "INSERT INTO emptied (repository, at) \
     SELECT name, $2 FROM repository WHERE id = $1 AND manifests = 0 \
     ON CONFLICT (repository) DO UPDATE SET at = excluded.at";
const REFER: &str = "INSERT INTO reference (manifest_id, role, digest, repository_id) \
     SELECT m.id, r.role, r.digest, $1 \
     FROM manifest m CROSS JOIN unnest($3::text[], $4::bytea[]) AS r (role, digest) \
     WHERE m.repository_id = $1 AND m.sha256 = $2 ON CONFLICT DO NOTHING";
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
        let (name, new, at) = (&command.repository, &command.manifest, command.at);
        let sha256 = new.sha256.to_column();
        let aliases = presence::aliases(tx, &new.references).await?;
        // In this order all of them are locked.
        let (found, known, bytes, tags) = try_join4(
            presence::find(tx, name, &new.references, &aliases),
            tx.first(HOLD_BY_NAME, args![name.as_str(), &sha256], ids),
            tx.first(BYTES, args![&sha256], |_| Ok(())),
            tag::lock_all(tx, name, &command.tags),
        )
        .await?;
        let taken = command.tags.iter().filter(|tag| {
            command.asks_taken && tags.get(*tag).is_some_and(|to| *to != command.tag_digest)
        });
        let taken = taken.cloned().collect();
        (self.rule)(&PutManifestFacts { presence: found.presence, taken })?;
        if !found.condemned.is_empty() {
            tx.keep(publish::reviving(found.condemned, at));
        }
        let repository = repository::ensure(tx, found.repository, name, at).await?;
        save(tx, repository, Known { row: known, has_bytes: bytes.is_some() }, new, at);
        let (digest, actor) = (&command.tag_digest, command.actor.as_deref());
        let target = tag::Target { repository, sha256: &sha256, digest, actor, at };
        let mut names: Vec<&Tag> = command.tags.iter().collect();
        names.sort_unstable_by_key(|tag| tag.as_str());
        names.dedup();
        for name in names {
            let pointing = tag::pointing(name, tags.get(name), &target);
            pointing.into_iter().for_each(|last| tx.keep(last));
        }
        count(tx, repository, i64::from(known.is_none()));
        Ok(())
    }
}

/// What there is of a manifest, locked.
pub(crate) struct Known {
    /// Its row in the repository.
    pub(crate) row: Option<Ids>,
    /// Whether any repository has its bytes.
    pub(crate) has_bytes: bool,
}

/// Adds to the number of the repository's manifests, at the very end.
pub(crate) fn count(tx: &Tx, repository: i64, more: i64) {
    if more != 0 {
        tx.at_last(COUNT, vec![arg(repository), arg(more)]);
    }
}

/// Takes from the number of the repository's manifests, at the very end. Every
/// removal is counted here, so the last one of a repository is seen here.
pub(crate) fn uncount(tx: &Tx, repository: i64, less: i64, at: Timestamp) {
    if less != 0 {
        tx.at_last(UNCOUNT, vec![arg(repository), arg(less)]);
        tx.at_last(EMPTY, vec![arg(repository), arg(at.millis())]);
    }
}

/// Looks for a manifest that an import brings; both rows are locked.
pub(crate) async fn known(tx: &Tx, repository: i64, sha256: &Vec<u8>) -> Result<Known, Failure> {
    let (row, bytes) =
        try_join(hold(tx, repository, sha256), tx.first(BYTES, args![sha256], |_| Ok(()))).await?;
    Ok(Known { row, has_bytes: bytes.is_some() })
}

/// Keeps the statements that store the manifest or, if it is there, what its
/// last push said of it.
pub(crate) fn save(tx: &Tx, repository: i64, known: Known, new: &NewManifest, at: Timestamp) {
    let met = || Failure::Race("two pushes of one manifest met");
    let sha256 = new.sha256.to_column();
    let said = vec![
        arg(new.sha512.as_ref().unwrap_or(&new.sha256).to_column()),
        arg(new.media_type.as_str().to_owned()),
        arg(new.subject.map(|subject| subject.to_column())),
        arg(new.artifact_type.as_deref().map(rows::text)),
        arg(new.annotations.clone()),
        arg(at.millis()),
    ];
    match known.row {
        Some((id, _)) => tx.at_last(REPLACE, [vec![arg(id)], said].into_iter().flatten().collect()),
        None => {
            if !known.has_bytes {
                let values = vec![arg(sha256.clone()), arg(new.bytes.to_vec())];
                tx.keep(Last::new(ADD_BYTES, values).or(met));
            }
            let key = vec![arg(repository), arg(sha256.clone())];
            let values = key.into_iter().chain(said).collect();
            tx.keep(Last::new(ADD, values).or(met));
        }
    }
    if let Some(sha512) = &new.sha512 {
        tx.keep(repository::adding_alias(sha512, &new.sha256));
    }
    let references = new.references.iter().filter(|(role, _)| *role != Role::Subject);
    let (roles, digests): (Vec<String>, Vec<Vec<u8>>) =
        references.map(|(role, digest)| (role.as_str().to_owned(), digest.to_column())).unzip();
    if !roles.is_empty() {
        tx.at_last(REFER, vec![arg(repository), arg(sha256), arg(roles), arg(digests)]);
    }
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
        uncount(tx, repository, 1, self.at);
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
