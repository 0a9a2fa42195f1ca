//! `ImportStore`: a tree of another registry, merged in bounded steps.

use async_trait::async_trait;
use futures_util::future::{try_join, try_join4};
use oci::{Algorithm, Digest, RepositoryName, Tag};
use store::{
    BlobKey, ImportBatch, ImportStore, ImportedBlob, ImportedManifest, ImportedTag, Page,
    StoreError, Timestamp, UnverifiedBlob,
};
use tokio_postgres::Row;

use super::args::args;
use super::failure::Failure;
use super::transaction::{Tx, Work};
use super::{Postgres, manifest, publish, repository, rows, tag};

/// Rows of one bulk transaction; a manifest's references count.
const STEP: usize = 500;
/// Results of one bulk transaction.
const RESULTS: usize = 200;

const ADD_BLOB: &str = "INSERT INTO blob \
     (sha256, size, state, verified, created_at, used_at, key) \
     VALUES ($1, $2, 'live', false, $3, $3, $4) ON CONFLICT (sha256) DO NOTHING";
const ADD_LINK: &str = "INSERT INTO link (repository_id, sha256, at) VALUES ($1, $2, $3) \
     ON CONFLICT DO NOTHING";
pub(crate) const UNVERIFIED: &str = "SELECT b.sha256, b.size, b.key, \
     (SELECT a.sha512 FROM alias a WHERE a.sha256 = b.sha256 LIMIT 1) FROM blob b \
     WHERE NOT b.verified AND b.state = 'live' AND b.sha256 > $1 ORDER BY b.sha256 LIMIT $2";
pub(crate) const UNVERIFIED_TOTAL: &str = "SELECT count(*), coalesce(sum(size), 0)::bigint \
     FROM blob WHERE NOT verified AND state = 'live'";
// Only rows that nobody has pushed since: a verdict on old bytes says nothing
// of new ones.
const NOTE_GOOD: &str = "UPDATE blob SET verified = true \
     WHERE sha256 = $1 AND NOT verified AND state IN ('live', 'condemned')";
const NOTE_BAD: &str = "UPDATE blob SET state = 'damaged' \
     WHERE sha256 = $1 AND NOT verified AND state IN ('live', 'condemned')";

// What a tree says is hashed before it is believed for good; bytes that live
// in the metadata would not be.
const ADD_NAME: &str = "INSERT INTO alias (sha512, sha256) \
     SELECT $1, b.sha256 FROM blob b WHERE b.sha256 = $2 AND b.key IS NOT NULL \
     AND NOT EXISTS (SELECT 1 FROM alias a WHERE a.sha256 = $2) ON CONFLICT DO NOTHING";
const DOUBT: &str = "UPDATE blob SET verified = false WHERE sha256 = $1";
const DROP_NAME: &str = "DELETE FROM alias WHERE sha512 = $1";

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

/// Cuts a batch into transactions: blobs, manifests, tags, each in the order
/// in which all writers lock them.
fn steps(mut batch: ImportBatch) -> Vec<Vec<Record>> {
    batch.blobs.sort_by_key(|blob| blob.sha256);
    batch.manifests.sort_by_key(|record| record.manifest.sha256);
    batch.tags.sort_by(|one, other| one.tag.as_str().cmp(other.tag.as_str()));
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

/// Merges one step; tells the tags whose manifest is not in the repository.
struct Merge {
    repository: RepositoryName,
    at: Timestamp,
    step: Vec<Record>,
}

impl Work for Merge {
    type Output = Vec<Tag>;

    async fn run(&self, tx: &Tx) -> Result<Vec<Tag>, Failure> {
        let known = repository::find(tx, &self.repository).await?;
        let id = repository::ensure(tx, known, &self.repository, self.at).await?;
        let (mut left_out, mut added) = (Vec::new(), 0);
        for record in &self.step {
            match record {
                Record::Blob(blob) => merge_blob(tx, id, blob, self.at).await?,
                Record::Manifest(record) => {
                    added += i64::from(merge_manifest(tx, id, record).await?);
                }
                Record::Tag(record) => {
                    if !merge_tag(tx, id, record).await? {
                        left_out.push(record.tag.clone());
                    }
                }
            }
        }
        manifest::count(tx, id, added);
        Ok(left_out)
    }
}

async fn merge_blob(
    tx: &Tx,
    repository: i64,
    blob: &ImportedBlob,
    at: Timestamp,
) -> Result<(), Failure> {
    let (sha256, size) = (blob.sha256.to_column(), rows::size_column(blob.size)?);
    let at = at.millis();
    let name = blob.sha512.as_ref().map(oci::Digest::to_column);
    // The row is locked before it is linked, so a collector sees the link.
    let (_, _, _, named) = try_join4(
        tx.change(ADD_BLOB, args![&sha256, size, at, blob.key.as_str()]),
        publish::lock(tx, &sha256),
        tx.change(ADD_LINK, args![repository, &sha256, at]),
        async {
            match name {
                Some(name) => tx.change(ADD_NAME, args![name, &sha256]).await,
                None => Ok(0),
            }
        },
    )
    .await?;
    if named > 0 {
        tx.change(DOUBT, args![&sha256]).await?;
    }
    Ok(())
}

/// Whether the manifest is new.
async fn merge_manifest(
    tx: &Tx,
    repository: i64,
    record: &ImportedManifest,
) -> Result<bool, Failure> {
    let sha256 = record.manifest.sha256.to_column();
    let known = manifest::known(tx, repository, &sha256).await?;
    if known.row.is_some() {
        return Ok(false);
    }
    manifest::save(tx, repository, known, &record.manifest, record.at);
    tx.flush().await?;
    Ok(true)
}

/// `false` if the tag is left out.
async fn merge_tag(tx: &Tx, repository: i64, record: &ImportedTag) -> Result<bool, Failure> {
    let sha256 = repository::sha256(tx, &record.digest).await?;
    let (held, before) =
        try_join(manifest::hold(tx, repository, &sha256), tag::lock(tx, repository, &record.tag))
            .await?;
    if held.is_none() {
        return Ok(false);
    }
    if before.as_ref().is_none_or(|(_, since)| *since < record.at) {
        let (digest, at) = (&record.digest, record.at);
        let target = tag::Target { repository, sha256: &sha256, digest, actor: None, at };
        let before = before.as_ref().map(|(digest, _)| digest);
        tag::pointing(&record.tag, before, &target).into_iter().for_each(|last| tx.keep(last));
        tx.flush().await?;
    }
    Ok(true)
}

/// Verdicts in order of their digests.
struct Note(Vec<(Digest, bool)>);

impl Work for Note {
    type Output = ();

    async fn run(&self, tx: &Tx) -> Result<(), Failure> {
        for (digest, matches) in &self.0 {
            let sql = match (digest.algorithm(), matches) {
                (Algorithm::Sha256, true) => NOTE_GOOD,
                (Algorithm::Sha256, false) => NOTE_BAD,
                (Algorithm::Sha512, true) => continue,
                (Algorithm::Sha512, false) => DROP_NAME,
            };
            tx.change(sql, args![digest.to_column()]).await?;
        }
        Ok(())
    }
}

fn unverified(row: &Row) -> Result<UnverifiedBlob, Failure> {
    Ok(UnverifiedBlob {
        sha256: rows::digest(row, 0)?,
        size: rows::size(row, 1)?,
        key: BlobKey::new(rows::get::<&str>(row, 2)?),
        sha512: rows::digest_or_null(row, 3)?,
    })
}

#[async_trait]
impl ImportStore for Postgres {
    async fn import(&self, batch: ImportBatch) -> Result<Vec<Tag>, StoreError> {
        let (name, at) = (batch.repository.clone(), batch.at);
        let mut left_out = Vec::new();
        for step in steps(batch) {
            let merge = Merge { repository: name.clone(), at, step };
            left_out.extend(self.write_bulk(merge).await?);
        }
        Ok(left_out)
    }

    async fn unverified(&self, page: Page<Digest>) -> Result<Vec<UnverifiedBlob>, StoreError> {
        let start = args![rows::after_digest(&page), rows::limit(page.limit)];
        self.list(UNVERIFIED, start, unverified).await
    }

    async fn unverified_total(&self) -> Result<(u64, u64), StoreError> {
        let read = |row: &Row| Ok((rows::size(row, 0)?, rows::size(row, 1)?));
        let totals = self.list_slowly(UNVERIFIED_TOTAL, args![], read).await?;
        Ok(totals.first().copied().unwrap_or_default())
    }

    async fn note_verified(&self, mut results: Vec<(Digest, bool)>) -> Result<(), StoreError> {
        results.sort_by_key(|(digest, _)| *digest);
        for step in results.chunks(RESULTS) {
            self.write_bulk(Note(step.to_vec())).await?;
        }
        Ok(())
    }
}
