//! `LivenessStore`: what nobody needs any more.
//!
//! Each write asks for one digest at a time the same question that the list
//! asked, inside its transaction.

use async_trait::async_trait;
use oci::{Digest, RepositoryName};
use rusqlite::{Connection, Row, params};
use store::{
    BlobKey, DeadBlob, LivenessStore, Page, StaleLink, StoreError, StoredRecord, Timestamp,
    UntaggedManifest,
};

use super::failure::Failure;
use super::{Sqlite, manifest, repository, rows};

/// Rows of one bulk transaction. A deleted manifest takes more rows along.
const STEP: usize = 100;
/// Greater than every digest: no algorithm has this byte.
const END: &[u8] = &[0xff];

/// True if a manifest of the repository `$repository` references the bytes
/// `$sha256` by either digest.
macro_rules! referenced {
    ($repository:literal, $sha256:literal) => {
        concat!(
            "(EXISTS (SELECT 1 FROM reference f WHERE f.repository_id = ",
            $repository,
            " AND f.digest = ",
            $sha256,
            ") OR EXISTS (SELECT 1 FROM alias a JOIN reference f ON f.repository_id = ",
            $repository,
            " AND f.digest = a.sha512 WHERE a.sha256 = ",
            $sha256,
            "))"
        )
    };
}

pub(crate) const STALE_LINKS: &str = concat!(
    "SELECT l.sha256, b.size FROM link l JOIN blob b ON b.sha256 = l.sha256 \
     WHERE l.repository_id = (SELECT id FROM repository WHERE name = ?1) \
     AND l.sha256 > ?2 AND l.at < ?3 AND NOT ",
    referenced!("l.repository_id", "l.sha256"),
    " ORDER BY l.sha256 LIMIT ?4"
);
pub(crate) const DROP_LINK: &str = concat!(
    "DELETE FROM link WHERE repository_id = ?1 AND sha256 = ?2 AND at < ?3 AND NOT ",
    referenced!("?1", "?2")
);

/// True of a row `m` of `manifest` that nothing keeps.
macro_rules! unkept {
    () => {
        concat!(
            "m.at < ?3 AND NOT EXISTS (SELECT 1 FROM tag t WHERE t.manifest_id = m.id) AND NOT ",
            referenced!("m.repository_id", "m.sha256"),
            " AND (m.subject IS NULL OR NOT EXISTS (SELECT 1 FROM manifest s \
               WHERE s.repository_id = m.repository_id AND s.sha256 = coalesce( \
               (SELECT a.sha256 FROM alias a WHERE a.sha512 = m.subject), m.subject)))"
        )
    };
}

pub(crate) const UNTAGGED: &str = concat!(
    "SELECT m.sha256 FROM manifest m \
     WHERE m.repository_id = (SELECT id FROM repository WHERE name = ?1) AND m.sha256 > ?2 AND ",
    unkept!(),
    " ORDER BY m.sha256 LIMIT ?4"
);
pub(crate) const STILL_UNTAGGED: &str = concat!(
    "SELECT m.id, m.bytes_id FROM manifest m WHERE m.repository_id = ?1 AND m.sha256 = ?2 AND ",
    unkept!()
);

/// The last blob of a range: so many are looked at by one read, which keeps
/// the log from being begun anew for as long as it takes.
pub(crate) const RANGE: &str =
    "SELECT sha256 FROM blob WHERE sha256 > ?1 ORDER BY sha256 LIMIT 1 OFFSET 9999";
pub(crate) const ORPHANS: &str = "SELECT b.sha256, b.size, b.key FROM blob b \
     WHERE b.sha256 > ?1 AND b.sha256 <= ?2 AND b.used_at < ?3 AND b.state <> 'deleting' \
     AND NOT EXISTS (SELECT 1 FROM link l WHERE l.sha256 = b.sha256) \
     ORDER BY b.sha256 LIMIT ?4";
pub(crate) const BURY: &str = "UPDATE blob SET state = 'deleting' \
     WHERE sha256 = ?1 AND used_at < ?2 AND state <> 'deleting' \
     AND NOT EXISTS (SELECT 1 FROM link l WHERE l.sha256 = ?1) RETURNING sha256, size, key";
pub(crate) const DELETING: &str = "SELECT sha256, size, key FROM blob INDEXED BY blob_deleting \
     WHERE state = 'deleting' AND sha256 > ?1 ORDER BY sha256 LIMIT ?2";
pub(crate) const FORGET: &str = "DELETE FROM blob WHERE sha256 = ?1 AND state = 'deleting' \
     AND NOT EXISTS (SELECT 1 FROM link l WHERE l.sha256 = ?1)";
pub(crate) const HELD_BY_DIGEST: &str = "SELECT 1 FROM blob WHERE sha256 = ?1 AND key = ?2";
pub(crate) const HELD_BY_KEY: &str = "SELECT 1 FROM blob INDEXED BY blob_by_own_key \
     WHERE key = ?1 AND key >= 'berth/' AND key < 'berth0'";

/// Whether a row holds the key. A key that neither tells its digest nor is of
/// our own making counts as held: nothing here finds it, so nobody removes it.
fn held(connection: &Connection, stored: &StoredRecord) -> Result<bool, Failure> {
    let key = stored.key.as_str();
    let found = match &stored.sha256 {
        Some(sha256) => {
            let look = params![sha256.to_column(), key];
            rows::first(connection, HELD_BY_DIGEST, look, |_| Ok(()))?
        }
        None if key.starts_with("berth/") => {
            rows::first(connection, HELD_BY_KEY, [key], |_| Ok(()))?
        }
        None => Some(()),
    };
    Ok(found.is_some())
}

fn dead(row: &Row<'_>) -> Result<DeadBlob, Failure> {
    Ok(DeadBlob {
        sha256: rows::digest(row, 0)?,
        size: rows::size(row, 1)?,
        key: row.get_ref(2)?.as_str_or_null()?.map(BlobKey::new),
    })
}

fn drop_untagged(
    connection: &Connection,
    repository: i64,
    digest: &Digest,
    before: Timestamp,
    at: Timestamp,
) -> Result<u64, Failure> {
    let sha256 = digest.to_column();
    let key = params![repository, sha256, before.millis()];
    let found = rows::first(connection, STILL_UNTAGGED, key, |row| Ok((row.get(0)?, row.get(1)?)))?;
    let Some((id, bytes)) = found else { return Ok(0) };
    manifest::remove(connection, repository, id, bytes, &sha256, at)?;
    Ok(1)
}

fn drop_link(
    connection: &Connection,
    repository: i64,
    digest: &Digest,
    before: Timestamp,
) -> Result<u64, Failure> {
    let key = params![repository, digest.to_column(), before.millis()];
    Ok(rows::change(connection, DROP_LINK, key)? as u64)
}

fn forget(connection: &Connection, digest: &Digest) -> Result<(), Failure> {
    let sha256 = digest.to_column();
    rows::change(connection, FORGET, [&sha256])?;
    repository::drop_alias(connection, &sha256)
}

impl Sqlite {
    /// Asks about each digest in a repository, a bounded step at a time.
    async fn drop_each(
        &self,
        repository: &RepositoryName,
        digests: Vec<Digest>,
        one: impl Fn(&Connection, i64, &Digest) -> Result<u64, Failure> + Copy + Send + 'static,
    ) -> Result<u64, StoreError> {
        let mut total = 0;
        for step in digests.chunks(STEP) {
            let (repository, step) = (repository.clone(), step.to_vec());
            total += self
                .write_bulk(move |connection| {
                    let Some(id) = repository::find(connection, &repository)? else { return Ok(0) };
                    step.iter().map(|digest| one(connection, id, digest)).sum()
                })
                .await?;
        }
        Ok(total)
    }
}

#[async_trait]
impl LivenessStore for Sqlite {
    async fn stale_links(
        &self,
        repository: &RepositoryName,
        before: Timestamp,
        page: Page<Digest>,
    ) -> Result<Vec<StaleLink>, StoreError> {
        let (name, after) = (repository.clone(), rows::after_digest(&page));
        self.read_slowly(move |connection| {
            let start = params![name.as_str(), after, before.millis(), rows::limit(page.limit)];
            rows::list(connection, STALE_LINKS, start, |row| {
                Ok(StaleLink { sha256: rows::digest(row, 0)?, size: rows::size(row, 1)? })
            })
        })
        .await
    }

    async fn drop_links(
        &self,
        repository: &RepositoryName,
        digests: Vec<Digest>,
        before: Timestamp,
    ) -> Result<u64, StoreError> {
        let one = move |connection: &Connection, id, digest: &Digest| {
            drop_link(connection, id, digest, before)
        };
        self.drop_each(repository, digests, one).await
    }

    async fn untagged_manifests(
        &self,
        repository: &RepositoryName,
        before: Timestamp,
        page: Page<Digest>,
    ) -> Result<Vec<UntaggedManifest>, StoreError> {
        let (name, after) = (repository.clone(), rows::after_digest(&page));
        self.read_slowly(move |connection| {
            let start = params![name.as_str(), after, before.millis(), rows::limit(page.limit)];
            rows::list(connection, UNTAGGED, start, |row| {
                Ok(UntaggedManifest { sha256: rows::digest(row, 0)? })
            })
        })
        .await
    }

    async fn drop_untagged(
        &self,
        repository: &RepositoryName,
        digests: Vec<Digest>,
        before: Timestamp,
        at: Timestamp,
    ) -> Result<u64, StoreError> {
        let one = move |connection: &Connection, id, digest: &Digest| {
            drop_untagged(connection, id, digest, before, at)
        };
        self.drop_each(repository, digests, one).await
    }

    async fn orphan_blobs(
        &self,
        before: Timestamp,
        page: Page<Digest>,
    ) -> Result<Vec<DeadBlob>, StoreError> {
        let limit = rows::limit(page.limit);
        let mut after = rows::after_digest(&page);
        loop {
            let range = self.read_slowly(move |connection| {
                let last: Option<Vec<u8>> =
                    rows::first(connection, RANGE, [&after], |row| Ok(row.get(0)?))?;
                let end = last.as_deref().unwrap_or(END);
                let range = params![after, end, before.millis(), limit];
                Ok((rows::list(connection, ORPHANS, range, dead)?, last))
            });
            match range.await? {
                (orphans, Some(last)) if orphans.is_empty() => after = last,
                (orphans, _) => return Ok(orphans),
            }
        }
    }

    async fn bury(
        &self,
        digests: Vec<Digest>,
        before: Timestamp,
    ) -> Result<Vec<DeadBlob>, StoreError> {
        let mut buried = Vec::new();
        for step in digests.chunks(STEP) {
            let step = step.to_vec();
            let done = self.write_bulk(move |connection| {
                let one = |digest: &Digest| {
                    let key = params![digest.to_column(), before.millis()];
                    rows::list(connection, BURY, key, dead)
                };
                Ok(step.iter().map(one).collect::<Result<Vec<_>, _>>()?.concat())
            });
            buried.extend(done.await?);
        }
        Ok(buried)
    }

    async fn deleting(&self, page: Page<Digest>) -> Result<Vec<DeadBlob>, StoreError> {
        let start = params![rows::after_digest(&page), rows::limit(page.limit)];
        self.read(|connection| rows::list(connection, DELETING, start, dead))
    }

    async fn forget(&self, digests: Vec<Digest>) -> Result<(), StoreError> {
        for step in digests.chunks(STEP) {
            let step = step.to_vec();
            self.write_bulk(move |connection| {
                step.iter().try_for_each(|digest| forget(connection, digest))
            })
            .await?;
        }
        Ok(())
    }
    async fn unheld(&self, stored: Vec<StoredRecord>) -> Result<Vec<StoredRecord>, StoreError> {
        self.read_slowly(move |connection| {
            let mut unheld = Vec::new();
            for record in stored {
                if !held(connection, &record)? {
                    unheld.push(record);
                }
            }
            Ok(unheld)
        })
        .await
    }
}
