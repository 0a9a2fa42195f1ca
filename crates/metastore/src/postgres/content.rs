//! `ContentStore`: look-ups by one query each, writes by their verbs.

use async_trait::async_trait;
use oci::{Digest, Reference, RepositoryName, Tag};
use store::{
    BlobRecord, BlobState, ContentStore, DeletedManifest, ManifestRecord, MountBlob, MountFacts,
    Page, PublishBlob, PublishFacts, PublishPlan, Published, PutManifest, PutManifestFacts,
    ReferrerRecord, Rule, StoreError, Timestamp, UnlinkBlob, UnlinkFacts, WriteError,
};
use tokio_postgres::Row;

use super::args::args;
use super::failure::Failure;
use super::{Postgres, manifest, mount, plain, publish, repository, rows, tag, unlink};

pub(crate) const MANIFEST_BY_TAG: &str = "SELECT m.media_type, b.bytes, t.digest \
     FROM repository r \
     JOIN tag t ON t.repository_id = r.id AND t.name = $2 \
     JOIN manifest m ON m.id = t.manifest_id \
     JOIN manifest_bytes b ON b.id = m.bytes_id \
     WHERE r.name = $1";

pub(crate) const MANIFEST_BY_DIGEST: &str = "SELECT m.media_type, b.bytes \
     FROM repository r \
     JOIN manifest m ON m.repository_id = r.id \
     JOIN manifest_bytes b ON b.id = m.bytes_id \
     WHERE r.name = $1 \
     AND m.sha256 = coalesce((SELECT sha256 FROM alias WHERE sha512 = $2), $2)";

/// A member blob `b` of a repository.
macro_rules! member {
    ($columns:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM repository r \
             JOIN link l ON l.repository_id = r.id \
             JOIN blob b ON b.sha256 = l.sha256 \
             WHERE r.name = $1 \
             AND l.sha256 = coalesce((SELECT sha256 FROM alias WHERE sha512 = $2), $2) \
             AND b.state IN ('live', 'condemned')"
        )
    };
}

pub(crate) const BLOB: &str = member!("b.sha256, b.size, b.verified, b.key, b.content");
pub(crate) const BLOB_SIZE: &str = member!("b.size");
pub(crate) const BLOB_STATE: &str = "SELECT state, verified FROM blob WHERE sha256 = $1";

pub(crate) const REPOSITORIES: &str = "SELECT name FROM repository \
     WHERE manifests > 0 AND name > $1 ORDER BY name LIMIT $2";

pub(crate) const TAGS: &str = "SELECT ARRAY(SELECT t.name FROM tag t \
     WHERE t.repository_id = r.id AND t.name > $2 ORDER BY t.name LIMIT $3) \
     FROM repository r WHERE r.name = $1";

pub(crate) const REFERRERS: &str = "SELECT m.digest, m.media_type, length(b.bytes)::bigint, \
     m.artifact_type, m.annotations \
     FROM manifest m JOIN manifest_bytes b ON b.id = m.bytes_id \
     WHERE m.repository_id = (SELECT id FROM repository WHERE name = $1) \
     AND m.subject = ANY(ARRAY(SELECT $2::bytea \
         UNION ALL SELECT sha256 FROM alias WHERE sha512 = $2 \
         UNION ALL SELECT sha512 FROM alias WHERE sha256 = $2)) \
     AND m.digest > $3 ORDER BY m.digest LIMIT $4";

fn manifest_record(row: &Row, digest: Digest) -> Result<ManifestRecord, Failure> {
    Ok(ManifestRecord {
        digest,
        media_type: rows::media_type(row, 0)?,
        bytes: rows::bytes(row, 1)?,
    })
}

fn blob_record(row: &Row) -> Result<BlobRecord, Failure> {
    Ok(BlobRecord {
        sha256: rows::digest(row, 0)?,
        size: rows::size(row, 1)?,
        verified: rows::get(row, 2)?,
        place: rows::place(row, 3)?,
    })
}

/// The state of a row, from this column and the next; bytes that nobody has
/// hashed count as damaged.
pub(crate) fn state(row: &Row, column: usize) -> Result<BlobState, Failure> {
    let verified: bool = rows::get(row, column + 1)?;
    Ok(match rows::state(row, column)? {
        BlobState::Live | BlobState::Condemned if !verified => BlobState::Damaged,
        state => state,
    })
}

fn referrer(row: &Row) -> Result<ReferrerRecord, Failure> {
    Ok(ReferrerRecord {
        digest: rows::digest(row, 0)?,
        media_type: rows::media_type(row, 1)?,
        size: rows::size(row, 2)?,
        artifact_type: rows::get(row, 3)?,
        annotations: rows::get(row, 4)?,
    })
}

fn tags(row: &Row) -> Result<Vec<Tag>, Failure> {
    let parse = |name: &str| {
        Tag::parse(name).map_err(|error| Failure::Damaged(format!("in the metadata: {error}")))
    };
    rows::get::<Vec<&str>>(row, 0)?.into_iter().map(parse).collect()
}

#[async_trait]
impl ContentStore for Postgres {
    async fn manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<ManifestRecord>, StoreError> {
        let name = repository.as_str();
        match reference {
            Reference::Tag(tag) => {
                let read = |row: &Row| manifest_record(row, rows::digest(row, 2)?);
                self.first(MANIFEST_BY_TAG, args![name, tag.as_str()], read).await
            }
            Reference::Digest(digest) => {
                let read = |row: &Row| manifest_record(row, *digest);
                self.first(MANIFEST_BY_DIGEST, args![name, digest.to_column()], read).await
            }
        }
    }

    async fn blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<BlobRecord>, StoreError> {
        self.first(BLOB, args![repository.as_str(), digest.to_column()], blob_record).await
    }

    async fn blob_size(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<u64>, StoreError> {
        let key = args![repository.as_str(), digest.to_column()];
        self.first(BLOB_SIZE, key, |row| rows::size(row, 0)).await
    }

    async fn blob_state(&self, sha256: &Digest) -> Result<Option<BlobState>, StoreError> {
        self.first(BLOB_STATE, args![sha256.to_column()], |row| state(row, 0)).await
    }

    async fn repository_exists(&self, repository: &RepositoryName) -> Result<bool, StoreError> {
        let name = args![repository.as_str()];
        Ok(self.first(repository::REPOSITORY, name, |_| Ok(())).await?.is_some())
    }

    async fn emptied_at(
        &self,
        repository: &RepositoryName,
    ) -> Result<Option<Timestamp>, StoreError> {
        let name = args![repository.as_str()];
        self.first(repository::EMPTIED, name, |row| rows::time(row, 0)).await
    }

    async fn repositories(&self, page: Page<String>) -> Result<Vec<RepositoryName>, StoreError> {
        let start = args![rows::after_name(&page), rows::limit(page.limit)];
        self.list(REPOSITORIES, start, |row| rows::repository(row, 0)).await
    }

    async fn tags(
        &self,
        repository: &RepositoryName,
        page: Page<String>,
    ) -> Result<Option<Vec<Tag>>, StoreError> {
        let (after, limit) = (rows::after_name(&page), rows::limit(page.limit));
        self.first(TAGS, args![repository.as_str(), after, limit], tags).await
    }

    async fn referrers(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
        page: Page<Digest>,
    ) -> Result<Vec<ReferrerRecord>, StoreError> {
        let (after, limit) = (rows::after_digest(&page), rows::limit(page.limit));
        let start = args![repository.as_str(), subject.to_column(), after, limit];
        self.list(REFERRERS, start, referrer).await
    }

    async fn publish_blob(
        &self,
        command: PublishBlob,
        rule: Rule<PublishFacts, PublishPlan>,
    ) -> Result<Published, WriteError> {
        self.write_hard(publish::Publish { command, rule }).await
    }

    async fn mount_blob(
        &self,
        command: MountBlob,
        rule: Rule<MountFacts, ()>,
    ) -> Result<(), WriteError> {
        self.write_hard(mount::Mount { command, rule }).await
    }

    async fn unlink_blob(
        &self,
        command: UnlinkBlob,
        rule: Rule<UnlinkFacts, ()>,
    ) -> Result<(), WriteError> {
        self.write_hard(unlink::Unlink { command, rule }).await
    }

    async fn put_manifest(
        &self,
        command: PutManifest,
        rule: Rule<PutManifestFacts, ()>,
    ) -> Result<(), WriteError> {
        self.write_hard(manifest::Put { command, rule }).await
    }

    async fn delete_manifest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        actor: Option<String>,
        at: Timestamp,
    ) -> Result<Option<DeletedManifest>, StoreError> {
        let (repository, digest) = (repository.clone(), *digest);
        plain(self.write_hard(manifest::Delete { repository, digest, actor, at }).await)
    }

    async fn delete_tag(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        actor: Option<String>,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let (repository, tag) = (repository.clone(), tag.clone());
        plain(self.write_hard(tag::DeleteTag { repository, tag, actor, at }).await)
    }
}
