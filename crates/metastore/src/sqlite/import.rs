//! `ImportStore`: a tree of another registry, merged in bounded steps.

use async_trait::async_trait;
use oci::{Algorithm, Digest, RepositoryName, Tag};
use rusqlite::{Connection, Row, params};
use store::{
    BlobKey, ImportBatch, ImportStore, ImportedBlob, ImportedManifest, ImportedTag, Page,
    StoreError, Timestamp, UnverifiedBlob,
};

use super::failure::Failure;
use super::{Sqlite, manifest, repository, rows, tag};

/// Rows of one bulk transaction; a manifest's references count.
const STEP: usize = 500;
/// Results of one bulk transaction.
const RESULTS: usize = 200;

const ADD_BLOB: &str = "INSERT INTO blob \
     (sha256, size, state, verified, created_at, used_at, key) \
     VALUES (?1, ?2, 'live', 0, ?3, ?3, ?4) ON CONFLICT DO NOTHING";
const ADD_LINK: &str = "INSERT INTO link (repository_id, sha256, at) VALUES (?1, ?2, ?3) \
     ON CONFLICT DO NOTHING";
pub(crate) const UNVERIFIED: &str = "SELECT sha256, size, key, \
     (SELECT a.sha512 FROM alias a WHERE a.sha256 = blob.sha256) \
     FROM blob INDEXED BY blob_unverified \
     WHERE verified = 0 AND state = 'live' AND sha256 > ?1 ORDER BY sha256 LIMIT ?2";
pub(crate) const UNVERIFIED_TOTAL: &str = "SELECT count(*), coalesce(sum(size), 0) \
     FROM blob INDEXED BY blob_unverified WHERE verified = 0 AND state = 'live'";
// Only rows that nobody has pushed since: a verdict on old bytes says nothing
// of new ones.
pub(crate) const NOTE_GOOD: &str = "UPDATE blob SET verified = 1 \
     WHERE sha256 = ?1 AND verified = 0 AND state IN ('live', 'condemned')";
pub(crate) const NOTE_BAD: &str = "UPDATE blob SET state = 'damaged' \
     WHERE sha256 = ?1 AND verified = 0 AND state IN ('live', 'condemned')";

// What a tree says is hashed before it is believed for good; bytes that live
// in the metadata would not be.
pub(crate) const ADD_NAME: &str = "INSERT INTO alias (sha512, sha256) \
     SELECT ?1, sha256 FROM blob WHERE sha256 = ?2 AND key IS NOT NULL \
     AND NOT EXISTS (SELECT 1 FROM alias WHERE sha256 = ?2) ON CONFLICT DO NOTHING";
const DOUBT: &str = "UPDATE blob SET verified = 0 WHERE sha256 = ?1";
pub(crate) const DROP_NAME: &str = "DELETE FROM alias WHERE sha512 = ?1";

/// One record of a batch.
enum Record {
    Blob(ImportedBlob),
    Manifest(Box<ImportedManifest>),
    Tag(ImportedTag),
}

impl Record {
    /// Rows that it may write.
    fn weight(&self) -> usize {
        match self {
            Self::Blob(_) => 3,
            Self::Tag(_) => 2,
            Self::Manifest(record) => 3 + record.manifest.references.len(),
        }
    }
}

/// Cuts a batch into transactions, in the order blobs, manifests, tags.
fn steps(batch: ImportBatch) -> Vec<Vec<Record>> {
    let records = batch.blobs.into_iter().map(Record::Blob);
    let records =
        records.chain(batch.manifests.into_iter().map(|record| Record::Manifest(Box::new(record))));
    let records = records.chain(batch.tags.into_iter().map(Record::Tag));
    let (mut steps, mut step, mut weight) = (Vec::new(), Vec::new(), 0);
    for record in records {
        if weight + record.weight() > STEP && !step.is_empty() {
            steps.push(std::mem::take(&mut step));
            weight = 0;
        }
        weight += record.weight();
        step.push(record);
    }
    if !step.is_empty() {
        steps.push(step);
    }
    steps
}

/// Merges one step; returns tags whose manifest is not in the repository.
fn merge(
    connection: &Connection,
    name: &RepositoryName,
    at: Timestamp,
    step: &[Record],
) -> Result<Vec<Tag>, Failure> {
    let id = repository::ensure(connection, name, at)?;
    let mut left_out = Vec::new();
    for record in step {
        match record {
            Record::Blob(blob) => merge_blob(connection, id, blob, at)?,
            Record::Manifest(record) => merge_manifest(connection, id, record)?,
            Record::Tag(record) => {
                if !merge_tag(connection, id, record)? {
                    left_out.push(record.tag.clone());
                }
            }
        }
    }
    Ok(left_out)
}

fn merge_blob(
    connection: &Connection,
    repository: i64,
    blob: &ImportedBlob,
    at: Timestamp,
) -> Result<(), Failure> {
    let (sha256, size) = (blob.sha256.to_column(), rows::size_column(blob.size)?);
    let at = at.millis();
    rows::change(connection, ADD_BLOB, params![sha256, size, at, blob.key.as_str()])?;
    rows::change(connection, ADD_LINK, params![repository, sha256, at])?;
    let Some(sha512) = &blob.sha512 else { return Ok(()) };
    if rows::change(connection, ADD_NAME, params![sha512.to_column(), sha256])? > 0 {
        rows::change(connection, DOUBT, [sha256])?;
    }
    Ok(())
}

fn merge_manifest(
    connection: &Connection,
    repository: i64,
    record: &ImportedManifest,
) -> Result<(), Failure> {
    let sha256 = record.manifest.sha256.to_column();
    if manifest::find(connection, repository, &sha256)?.is_none() {
        manifest::save(connection, repository, &record.manifest, record.at)?;
    }
    Ok(())
}

/// `false` if the tag is left out.
fn merge_tag(
    connection: &Connection,
    repository: i64,
    record: &ImportedTag,
) -> Result<bool, Failure> {
    let sha256 = repository::sha256(connection, &record.digest)?;
    let Some((manifest, _)) = manifest::find(connection, repository, &sha256)? else {
        return Ok(false);
    };
    let held = tag::find(connection, repository, &record.tag)?;
    if held.is_none_or(|(_, since)| since < record.at) {
        let (digest, at) = (&record.digest, record.at);
        let target = tag::Target { repository, manifest, digest, actor: None, at };
        tag::point(connection, &record.tag, &target)?;
    }
    Ok(true)
}

fn note(connection: &Connection, digest: &Digest, matches: bool) -> Result<(), Failure> {
    let sql = match (digest.algorithm(), matches) {
        (Algorithm::Sha256, true) => NOTE_GOOD,
        (Algorithm::Sha256, false) => NOTE_BAD,
        (Algorithm::Sha512, true) => return Ok(()),
        (Algorithm::Sha512, false) => DROP_NAME,
    };
    rows::change(connection, sql, [digest.to_column()]).map(drop)
}

fn unverified(row: &Row<'_>) -> Result<UnverifiedBlob, Failure> {
    Ok(UnverifiedBlob {
        sha256: rows::digest(row, 0)?,
        size: rows::size(row, 1)?,
        key: BlobKey::new(row.get_ref(2)?.as_str()?),
        sha512: rows::digest_or_null(row, 3)?,
    })
}

#[async_trait]
impl ImportStore for Sqlite {
    async fn import(&self, batch: ImportBatch) -> Result<Vec<Tag>, StoreError> {
        let (name, at) = (batch.repository.clone(), batch.at);
        let mut left_out = Vec::new();
        for step in steps(batch) {
            let name = name.clone();
            let work = move |connection: &Connection| merge(connection, &name, at, &step);
            left_out.extend(self.write_bulk(work).await?);
        }
        Ok(left_out)
    }

    async fn unverified(&self, page: Page<Digest>) -> Result<Vec<UnverifiedBlob>, StoreError> {
        let start = params![rows::after_digest(&page), rows::limit(page.limit)];
        self.read(|connection| rows::list(connection, UNVERIFIED, start, unverified))
    }

    async fn unverified_total(&self) -> Result<(u64, u64), StoreError> {
        self.read_slowly(|connection| {
            let total = rows::first(connection, UNVERIFIED_TOTAL, [], |row| {
                Ok((rows::size(row, 0)?, rows::size(row, 1)?))
            })?;
            Ok(total.unwrap_or_default())
        })
        .await
    }

    async fn note_verified(&self, results: Vec<(Digest, bool)>) -> Result<(), StoreError> {
        for step in results.chunks(RESULTS) {
            let step = step.to_vec();
            self.write_bulk(move |connection| {
                step.iter().try_for_each(|(digest, matches)| note(connection, digest, *matches))
            })
            .await?;
        }
        Ok(())
    }
}
