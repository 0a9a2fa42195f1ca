//! `ContentStore`: look-ups in one query each; writes in their own files.

use async_trait::async_trait;
use bytes::Bytes;
use oci::{Digest, Reference, RepositoryName, Tag};
use rusqlite::{Connection, Row, params};
use store::{
    BlobRecord, BlobState, ContentStore, DeletedManifest, ManifestRecord, MountBlob, MountFacts,
    Page, PublishBlob, PublishFacts, PublishPlan, Published, PutManifest, PutManifestFacts,
    ReferrerRecord, Rule, StoreError, Timestamp, UnlinkBlob, UnlinkFacts, WriteError,
};

use super::failure::Failure;
use super::{Sqlite, manifest, mount, publish, repository, rows, tag, unlink};

pub(crate) const MANIFEST_BY_TAG: &str = "SELECT m.media_type, b.bytes, t.digest \
     FROM repository r \
     JOIN tag t ON t.repository_id = r.id AND t.name = ?2 \
     JOIN manifest m ON m.id = t.manifest_id \
     JOIN manifest_bytes b ON b.id = m.bytes_id \
     WHERE r.name = ?1";

pub(crate) const MANIFEST_BY_DIGEST: &str = "SELECT m.media_type, b.bytes \
     FROM repository r \
     JOIN manifest m ON m.repository_id = r.id \
     JOIN manifest_bytes b ON b.id = m.bytes_id \
     WHERE r.name = ?1 \
     AND m.sha256 = coalesce((SELECT sha256 FROM alias WHERE sha512 = ?2), ?2)";

pub(crate) const BLOB: &str = "SELECT b.sha256, b.size, b.verified, b.key, b.content \
     FROM repository r \
     JOIN link l ON l.repository_id = r.id \
     JOIN blob b ON b.sha256 = l.sha256 \
     WHERE r.name = ?1 \
     AND l.sha256 = coalesce((SELECT sha256 FROM alias WHERE sha512 = ?2), ?2) \
     AND b.state IN ('live', 'condemned')";

pub(crate) const BLOB_SIZE: &str = "SELECT b.size \
     FROM repository r \
     JOIN link l ON l.repository_id = r.id \
     JOIN blob b ON b.sha256 = l.sha256 \
     WHERE r.name = ?1 \
     AND l.sha256 = coalesce((SELECT sha256 FROM alias WHERE sha512 = ?2), ?2) \
     AND b.state IN ('live', 'condemned')";

pub(crate) const BLOB_STATE: &str = "SELECT state, verified FROM blob WHERE sha256 = ?1";

pub(crate) const REPOSITORIES: &str = "SELECT name FROM repository INDEXED BY repository_catalog \
     WHERE manifests > 0 AND name > ?1 ORDER BY name LIMIT ?2";

pub(crate) const TAGS: &str =
    "SELECT name FROM tag WHERE repository_id = ?1 AND name > ?2 ORDER BY name LIMIT ?3";

pub(crate) const REFERRERS: &str = "SELECT m.digest, m.media_type, length(b.bytes), m.artifact_type, m.annotations \
     FROM manifest m INDEXED BY manifest_by_subject \
     JOIN manifest_bytes b ON b.id = m.bytes_id \
     WHERE m.repository_id = (SELECT id FROM repository WHERE name = ?1) \
     AND m.subject IN (SELECT ?2 \
         UNION ALL SELECT sha256 FROM alias WHERE sha512 = ?2 \
         UNION ALL SELECT sha512 FROM alias WHERE sha256 = ?2) \
     AND m.digest > ?3 ORDER BY m.digest LIMIT ?4";

/// The state of a digest's row; bytes that nobody has hashed count as damaged.
pub(crate) fn state(connection: &Connection, sha256: &[u8]) -> Result<Option<BlobState>, Failure> {
    rows::first(connection, BLOB_STATE, [sha256], |row| {
        let verified: bool = row.get(1)?;
        Ok(match rows::state(row, 0)? {
            BlobState::Live | BlobState::Condemned if !verified => BlobState::Damaged,
            state => state,
        })
    })
}

fn manifest_record(row: &Row<'_>, digest: Digest) -> Result<ManifestRecord, Failure> {
    Ok(ManifestRecord {
        digest,
        media_type: rows::media_type(row, 0)?,
        bytes: Bytes::copy_from_slice(row.get_ref(1)?.as_blob()?),
    })
}

fn blob_record(row: &Row<'_>) -> Result<BlobRecord, Failure> {
    Ok(BlobRecord {
        sha256: rows::digest(row, 0)?,
        size: rows::size(row, 1)?,
        verified: row.get(2)?,
        place: rows::place(row, 3)?,
    })
}

fn referrer(row: &Row<'_>) -> Result<ReferrerRecord, Failure> {
    Ok(ReferrerRecord {
        digest: rows::digest(row, 0)?,
        media_type: rows::media_type(row, 1)?,
        size: rows::size(row, 2)?,
        artifact_type: row.get(3)?,
        annotations: row.get(4)?,
    })
}

#[async_trait]
impl ContentStore for Sqlite {
    async fn manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<ManifestRecord>, StoreError> {
        let name = repository.as_str();
        self.read(|connection| match reference {
            Reference::Tag(tag) => {
                rows::first(connection, MANIFEST_BY_TAG, [name, tag.as_str()], |row| {
                    manifest_record(row, rows::digest(row, 2)?)
                })
            }
            Reference::Digest(digest) => {
                let key = params![name, digest.to_column()];
                rows::first(connection, MANIFEST_BY_DIGEST, key, |row| {
                    manifest_record(row, *digest)
                })
            }
        })
    }

    async fn blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<BlobRecord>, StoreError> {
        let key = digest.to_column();
        self.read(|connection| {
            rows::first(connection, BLOB, params![repository.as_str(), key], blob_record)
        })
    }

    async fn blob_size(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<u64>, StoreError> {
        let key = digest.to_column();
        self.read(|connection| {
            let key = params![repository.as_str(), key];
            rows::first(connection, BLOB_SIZE, key, |row| rows::size(row, 0))
        })
    }

    async fn blob_state(&self, sha256: &Digest) -> Result<Option<BlobState>, StoreError> {
        self.read(|connection| state(connection, &sha256.to_column()))
    }

    async fn repository_exists(&self, repository: &RepositoryName) -> Result<bool, StoreError> {
        self.read(|connection| Ok(repository::find(connection, repository)?.is_some()))
    }

    async fn emptied_at(
        &self,
        repository: &RepositoryName,
    ) -> Result<Option<Timestamp>, StoreError> {
        self.read(|connection| {
            let name = [repository.as_str()];
            rows::first(connection, repository::EMPTIED, name, |row| rows::time(row, 0))
        })
    }

    async fn repositories(&self, page: Page<String>) -> Result<Vec<RepositoryName>, StoreError> {
        let start = params![rows::after_name(&page), rows::limit(page.limit)];
        self.read(|connection| {
            rows::list(connection, REPOSITORIES, start, |row| rows::repository(row, 0))
        })
    }

    async fn tags(
        &self,
        repository: &RepositoryName,
        page: Page<String>,
    ) -> Result<Option<Vec<Tag>>, StoreError> {
        self.read(|connection| {
            let Some(id) = repository::find(connection, repository)? else { return Ok(None) };
            let start = params![id, rows::after_name(&page), rows::limit(page.limit)];
            rows::list(connection, TAGS, start, |row| rows::tag(row, 0)).map(Some)
        })
    }

    async fn referrers(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
        page: Page<Digest>,
    ) -> Result<Vec<ReferrerRecord>, StoreError> {
        let after = rows::after_digest(&page);
        let limit = rows::limit(page.limit);
        self.read(|connection| {
            let start = params![repository.as_str(), subject.to_column(), after, limit];
            rows::list(connection, REFERRERS, start, referrer)
        })
    }

    async fn publish_blob(
        &self,
        command: PublishBlob,
        rule: Rule<PublishFacts, PublishPlan>,
    ) -> Result<Published, WriteError> {
        self.write_hard(move |connection| publish::publish(connection, &command, &rule)).await
    }

    async fn mount_blob(
        &self,
        command: MountBlob,
        rule: Rule<MountFacts, ()>,
    ) -> Result<(), WriteError> {
        self.write_hard(move |connection| mount::mount(connection, &command, &rule)).await
    }

    async fn unlink_blob(
        &self,
        command: UnlinkBlob,
        rule: Rule<UnlinkFacts, ()>,
    ) -> Result<(), WriteError> {
        self.write_hard(move |connection| unlink::unlink(connection, &command, &rule)).await
    }

    async fn put_manifest(
        &self,
        command: PutManifest,
        rule: Rule<PutManifestFacts, ()>,
    ) -> Result<(), WriteError> {
        self.write_hard(move |connection| manifest::put(connection, &command, &rule)).await
    }

    async fn delete_manifest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        actor: Option<String>,
        at: Timestamp,
    ) -> Result<Option<DeletedManifest>, StoreError> {
        let (repository, digest) = (repository.clone(), *digest);
        let work = move |connection: &Connection| {
            manifest::delete(connection, &repository, &digest, actor.as_deref(), at)
        };
        super::plain(self.write_hard(work).await)
    }

    async fn delete_tag(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        actor: Option<String>,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let (repository, tag) = (repository.clone(), tag.clone());
        let work = move |connection: &Connection| match repository::find(connection, &repository)? {
            Some(id) => tag::delete(connection, id, &tag, actor.as_deref(), at),
            None => Ok(false),
        };
        super::plain(self.write_hard(work).await)
    }
}
