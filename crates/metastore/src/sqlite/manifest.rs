//! Storing and deleting manifests with everything that hangs on them.

use oci::{Digest, RepositoryName, Role};
use rusqlite::{Connection, params};
use store::{DeletedManifest, NewManifest, PutManifest, PutManifestFacts, Rule, Timestamp};

use super::failure::Failure;
use super::{presence, publish, repository, rows, tag};

pub(crate) const BYTES: &str = "SELECT id FROM manifest_bytes WHERE sha256 = ?1";
const ADD_BYTES: &str = "INSERT INTO manifest_bytes (sha256, bytes) VALUES (?1, ?2)";
pub(crate) const MANIFEST: &str =
    "SELECT id, bytes_id FROM manifest WHERE repository_id = ?1 AND sha256 = ?2";
const ADD: &str = "INSERT INTO manifest (repository_id, sha256, bytes_id, digest, media_type, \
     subject, artifact_type, annotations, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
const REPLACE: &str = "UPDATE manifest SET digest = ?2, media_type = ?3, subject = ?4, \
     artifact_type = ?5, annotations = ?6, at = ?7 WHERE id = ?1";
const COUNT: &str = "UPDATE repository SET manifests = manifests + 1 WHERE id = ?1";
const UNCOUNT: &str = "UPDATE repository SET manifests = manifests - 1 WHERE id = ?1";
const EMPTY: &str = "INSERT INTO emptied (repository, at) \
     SELECT name, ?2 FROM repository WHERE id = ?1 AND manifests = 0 \
     ON CONFLICT (repository) DO UPDATE SET at = excluded.at";
const REFER: &str = "INSERT INTO reference (manifest_id, role, digest, repository_id) \
     VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
pub(crate) const TAGS_ON: &str = "SELECT name FROM tag WHERE manifest_id = ?1 ORDER BY name";
const DROP_REFERENCES: &str = "DELETE FROM reference WHERE manifest_id = ?1";
const DROP: &str = "DELETE FROM manifest WHERE id = ?1";
pub(crate) const DROP_BYTES: &str = "DELETE FROM manifest_bytes WHERE id = ?1 \
     AND NOT EXISTS (SELECT 1 FROM manifest WHERE bytes_id = ?1)";

/// Facts, rule, plan.
pub(crate) fn put(
    connection: &Connection,
    command: &PutManifest,
    rule: &Rule<PutManifestFacts, ()>,
) -> Result<(), Failure> {
    let known = repository::find(connection, &command.repository)?;
    let found = presence::find(connection, known, &command.manifest.references)?;
    let taken = match known.filter(|_| command.asks_taken) {
        Some(repository) => {
            tag::pointing_elsewhere(connection, repository, &command.tags, &command.tag_digest)?
        }
        None => Vec::new(),
    };
    let presence = found.iter().map(|one| one.presence).collect();
    rule(&PutManifestFacts { presence, taken })?;
    for sha256 in found.iter().filter_map(|one| one.condemned.as_ref()) {
        publish::revive(connection, sha256, command.at)?;
    }
    let repository = repository::ensure(connection, &command.repository, command.at)?;
    let manifest = save(connection, repository, &command.manifest, command.at)?;
    let (digest, actor) = (&command.tag_digest, command.actor.as_deref());
    let target = tag::Target { repository, manifest, digest, actor, at: command.at };
    command.tags.iter().try_for_each(|name| tag::point(connection, name, &target))
}

/// Stores the manifest or, if it is there, what its last push said of it.
/// Returns the row's id.
pub(crate) fn save(
    connection: &Connection,
    repository: i64,
    new: &NewManifest,
    at: Timestamp,
) -> Result<i64, Failure> {
    let sha256 = new.sha256.to_column();
    let digest = new.sha512.as_ref().unwrap_or(&new.sha256).to_column();
    let (media_type, subject) = (new.media_type.as_str(), new.subject.map(|it| it.to_column()));
    let (artifact_type, annotations) = (&new.artifact_type, &new.annotations);
    let id = match find(connection, repository, &sha256)? {
        Some((id, _)) => {
            let values =
                params![id, digest, media_type, subject, artifact_type, annotations, at.millis()];
            rows::change(connection, REPLACE, values)?;
            id
        }
        None => {
            let bytes = save_bytes(connection, new)?;
            let values = params![
                repository,
                sha256,
                bytes,
                digest,
                media_type,
                subject,
                artifact_type,
                annotations,
                at.millis()
            ];
            rows::change(connection, ADD, values)?;
            let id = connection.last_insert_rowid();
            rows::change(connection, COUNT, [repository])?;
            id
        }
    };
    if let Some(sha512) = &new.sha512 {
        repository::add_alias(connection, sha512, &new.sha256)?;
    }
    for (role, digest) in new.references.iter().filter(|(role, _)| *role != Role::Subject) {
        let values = params![id, role.as_str(), digest.to_column(), repository];
        rows::change(connection, REFER, values)?;
    }
    Ok(id)
}

/// The ids of a manifest's row and of its bytes.
pub(crate) fn find(
    connection: &Connection,
    repository: i64,
    sha256: &[u8],
) -> Result<Option<(i64, i64)>, Failure> {
    let key = params![repository, sha256];
    rows::first(connection, MANIFEST, key, |row| Ok((row.get(0)?, row.get(1)?)))
}

fn save_bytes(connection: &Connection, new: &NewManifest) -> Result<i64, Failure> {
    let sha256 = new.sha256.to_column();
    if let Some(id) = rows::first(connection, BYTES, [&sha256], |row| Ok(row.get(0)?))? {
        return Ok(id);
    }
    rows::change(connection, ADD_BYTES, params![sha256, new.bytes.as_ref()])?;
    Ok(connection.last_insert_rowid())
}

/// Removes a manifest by either digest with every tag on it.
pub(crate) fn delete(
    connection: &Connection,
    name: &RepositoryName,
    digest: &Digest,
    actor: Option<&str>,
    at: Timestamp,
) -> Result<Option<DeletedManifest>, Failure> {
    let Some(repository) = repository::find(connection, name)? else { return Ok(None) };
    let sha256 = repository::sha256(connection, digest)?;
    let Some((id, bytes)) = find(connection, repository, &sha256)? else { return Ok(None) };
    let tags = rows::list(connection, TAGS_ON, [id], |row| rows::tag(row, 0))?;
    for name in &tags {
        tag::delete(connection, repository, name, actor, at)?;
    }
    remove(connection, repository, id, bytes, &sha256, at)?;
    Ok(Some(DeletedManifest { tags }))
}

/// Removes a manifest that no tag is on, with its references, and its bytes if
/// no other repository has them. Every removal goes this way, so the last one of
/// a repository is seen here.
pub(crate) fn remove(
    connection: &Connection,
    repository: i64,
    id: i64,
    bytes: i64,
    sha256: &[u8],
    at: Timestamp,
) -> Result<(), Failure> {
    rows::change(connection, DROP_REFERENCES, [id])?;
    rows::change(connection, DROP, [id])?;
    rows::change(connection, UNCOUNT, [repository])?;
    rows::change(connection, EMPTY, [repository, at.millis()])?;
    rows::change(connection, DROP_BYTES, [bytes])?;
    repository::drop_alias(connection, sha256)
}
