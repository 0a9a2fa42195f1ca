//! `LivenessStore`: what nobody needs any more.
//!
//! Each write locks the rows that it means to take, in order, and asks after
//! that, of those rows alone: whoever was about to need one of them is done
//! then, or finds it gone. A row that came after the lock is not ours to take.

use std::collections::HashSet;

use async_trait::async_trait;
use oci::{Digest, RepositoryName};
use store::{
    DeadBlob, LivenessStore, Page, StaleLink, StoreError, StoredRecord, Timestamp, UntaggedManifest,
};
use tokio_postgres::Row;

use super::args::args;
use super::failure::Failure;
use super::transaction::{Tx, Work};
use super::{Postgres, manifest, repository, rows};

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
     WHERE l.repository_id = (SELECT id FROM repository WHERE name = $1) \
     AND l.sha256 > $2 AND l.at < $3 AND NOT ",
    referenced!("l.repository_id", "l.sha256"),
    " ORDER BY l.sha256 LIMIT $4"
);
const LOCK_LINKS: &str = "SELECT sha256 FROM link WHERE repository_id = $1 AND sha256 = ANY($2) \
     ORDER BY sha256 FOR UPDATE";
const DROP_LINKS: &str = concat!(
    "DELETE FROM link l WHERE l.repository_id = $1 AND l.sha256 = ANY($2) AND l.at < $3 AND NOT ",
    referenced!("l.repository_id", "l.sha256")
);

/// True of a row `m` of `manifest` that nothing keeps.
macro_rules! unkept {
    () => {
        concat!(
            "m.at < $3 AND NOT EXISTS (SELECT 1 FROM tag t WHERE t.manifest_id = m.id) AND NOT ",
            referenced!("m.repository_id", "m.sha256"),
            " AND (m.subject IS NULL OR NOT EXISTS (SELECT 1 FROM manifest s \
               WHERE s.repository_id = m.repository_id AND s.sha256 = coalesce( \
               (SELECT a.sha256 FROM alias a WHERE a.sha512 = m.subject), m.subject)))"
        )
    };
}

pub(crate) const UNTAGGED: &str = concat!(
    "SELECT m.sha256 FROM manifest m \
     WHERE m.repository_id = (SELECT id FROM repository WHERE name = $1) AND m.sha256 > $2 AND ",
    unkept!(),
    " ORDER BY m.sha256 LIMIT $4"
);
const LOCK_MANIFESTS: &str = "SELECT id, bytes_id, sha256 FROM manifest WHERE repository_id = $1 \
     AND sha256 = ANY($2) ORDER BY sha256 FOR UPDATE";
const STILL_UNTAGGED: &str =
    concat!("SELECT 1 FROM manifest m WHERE m.repository_id = $1 AND m.id = $2 AND ", unkept!());

/// The last blob of a range: so many are looked at by one statement.
pub(crate) const RANGE: &str =
    "SELECT sha256 FROM blob WHERE sha256 > $1 ORDER BY sha256 OFFSET 9999 LIMIT 1";
// The links are bounded too: a merge of both would begin at the first of all.
pub(crate) const ORPHANS: &str = "SELECT b.sha256, b.size, b.key FROM blob b \
     WHERE b.sha256 > $1 AND b.sha256 <= $2 AND b.used_at < $3 AND b.state <> 'deleting' \
     AND NOT EXISTS (SELECT 1 FROM link l WHERE l.sha256 = b.sha256 \
     AND l.sha256 > $1 AND l.sha256 <= $2) \
     ORDER BY b.sha256 LIMIT $4";
const LOCK_BLOBS: &str =
    "SELECT sha256 FROM blob WHERE sha256 = ANY($1) ORDER BY sha256 FOR UPDATE";
const BURY: &str = "UPDATE blob SET state = 'deleting' \
     WHERE sha256 = ANY($1) AND used_at < $2 AND state <> 'deleting' \
     AND NOT EXISTS (SELECT 1 FROM link l WHERE l.sha256 = blob.sha256) \
     RETURNING sha256, size, key";
pub(crate) const DELETING: &str = "SELECT sha256, size, key FROM blob \
     WHERE state = 'deleting' AND sha256 > $1 ORDER BY sha256 LIMIT $2";
const FORGET: &str = "DELETE FROM blob WHERE sha256 = ANY($1) AND state = 'deleting' \
     AND NOT EXISTS (SELECT 1 FROM link l WHERE l.sha256 = blob.sha256)";

pub(crate) const HELD_BY_DIGEST: &str =
    "SELECT key FROM blob WHERE sha256 = ANY($1) AND key IS NOT NULL";
pub(crate) const HELD_BY_KEY: &str =
    "SELECT key FROM blob WHERE key = ANY($1) AND key >= 'berth/' AND key < 'berth0'";

fn sha256(row: &Row) -> Result<Vec<u8>, Failure> {
    rows::get(row, 0)
}

fn dead(row: &Row) -> Result<DeadBlob, Failure> {
    Ok(DeadBlob {
        sha256: rows::digest(row, 0)?,
        size: rows::size(row, 1)?,
        key: rows::key_or_null(row, 2)?,
    })
}

/// A bounded step in one repository.
struct InRepository {
    repository: RepositoryName,
    digests: Vec<Digest>,
    before: Timestamp,
}

struct DropLinks(InRepository);

impl Work for DropLinks {
    type Output = u64;

    async fn run(&self, tx: &Tx) -> Result<u64, Failure> {
        let InRepository { repository, digests, before } = &self.0;
        let Some(id) = repository::find(tx, repository).await? else { return Ok(0) };
        let locked = tx.list(LOCK_LINKS, args![id, rows::sorted(digests)], sha256).await?;
        tx.change(DROP_LINKS, args![id, locked, before.millis()]).await
    }
}

struct DropUntagged {
    what: InRepository,
    at: Timestamp,
}

impl Work for DropUntagged {
    type Output = u64;

    async fn run(&self, tx: &Tx) -> Result<u64, Failure> {
        let InRepository { repository, digests, before } = &self.what;
        let Some(id) = repository::find(tx, repository).await? else { return Ok(0) };
        let ids = |row: &Row| Ok(((rows::get(row, 0)?, rows::get(row, 1)?), rows::digest(row, 2)?));
        let locked = tx.list(LOCK_MANIFESTS, args![id, rows::sorted(digests)], ids).await?;
        let mut dropped = 0;
        for digest in digests {
            // In the order asked for: what an index holds may come after it.
            let Some((ids, _)) = locked.iter().find(|(_, own)| own == digest) else { continue };
            let key = args![id, ids.0, before.millis()];
            if tx.first(STILL_UNTAGGED, key, |_| Ok(())).await?.is_some() {
                manifest::remove(tx, *ids, &digest.to_column()).await?;
                dropped += 1;
            }
        }
        manifest::uncount(tx, id, i64::try_from(dropped).unwrap_or_default(), self.at);
        Ok(dropped)
    }
}

struct Bury {
    digests: Vec<Digest>,
    before: Timestamp,
}

impl Work for Bury {
    type Output = Vec<DeadBlob>;

    async fn run(&self, tx: &Tx) -> Result<Vec<DeadBlob>, Failure> {
        let locked = tx.list(LOCK_BLOBS, args![rows::sorted(&self.digests)], sha256).await?;
        let mut buried = tx.list(BURY, args![locked, self.before.millis()], dead).await?;
        buried.sort_unstable_by_key(|blob| {
            self.digests.iter().position(|digest| *digest == blob.sha256)
        });
        Ok(buried)
    }
}

struct Forget(Vec<Digest>);

impl Work for Forget {
    type Output = ();

    async fn run(&self, tx: &Tx) -> Result<(), Failure> {
        let digests = rows::sorted(&self.0);
        let locked = tx.list(LOCK_BLOBS, args![&digests], sha256).await?;
        tx.change(FORGET, args![locked]).await?;
        repository::drop_aliases(tx, &digests).await
    }
}

impl Postgres {
    /// Does bulk work on some digests of a repository at a time; adds up what it did.
    async fn in_steps<W: Work<Output = u64>>(
        &self,
        repository: &RepositoryName,
        digests: &[Digest],
        before: Timestamp,
        work: impl Fn(InRepository) -> W,
    ) -> Result<u64, StoreError> {
        let mut total = 0;
        for step in digests.chunks(STEP) {
            let (repository, digests) = (repository.clone(), step.to_vec());
            total += self.write_bulk(work(InRepository { repository, digests, before })).await?;
        }
        Ok(total)
    }
}

#[async_trait]
impl LivenessStore for Postgres {
    async fn stale_links(
        &self,
        repository: &RepositoryName,
        before: Timestamp,
        page: Page<Digest>,
    ) -> Result<Vec<StaleLink>, StoreError> {
        let after = rows::after_digest(&page);
        let start = args![repository.as_str(), after, before.millis(), rows::limit(page.limit)];
        self.list_slowly(STALE_LINKS, start, |row| {
            Ok(StaleLink { sha256: rows::digest(row, 0)?, size: rows::size(row, 1)? })
        })
        .await
    }

    async fn drop_links(
        &self,
        repository: &RepositoryName,
        digests: Vec<Digest>,
        before: Timestamp,
    ) -> Result<u64, StoreError> {
        self.in_steps(repository, &digests, before, DropLinks).await
    }

    async fn untagged_manifests(
        &self,
        repository: &RepositoryName,
        before: Timestamp,
        page: Page<Digest>,
    ) -> Result<Vec<UntaggedManifest>, StoreError> {
        let after = rows::after_digest(&page);
        let start = args![repository.as_str(), after, before.millis(), rows::limit(page.limit)];
        self.list_slowly(UNTAGGED, start, |row| {
            Ok(UntaggedManifest { sha256: rows::digest(row, 0)? })
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
        let work = |what| DropUntagged { what, at };
        self.in_steps(repository, &digests, before, work).await
    }

    async fn orphan_blobs(
        &self,
        before: Timestamp,
        page: Page<Digest>,
    ) -> Result<Vec<DeadBlob>, StoreError> {
        let mut after = rows::after_digest(&page);
        loop {
            let last = self.list_slowly(RANGE, args![&after], sha256).await?.pop();
            let end = last.as_deref().unwrap_or(END);
            let limit = rows::limit(page.limit);
            let orphans =
                self.list_slowly(ORPHANS, args![&after, end, before.millis(), limit], dead).await?;
            match last {
                Some(last) if orphans.is_empty() => after = last,
                _ => return Ok(orphans),
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
            buried.extend(self.write_bulk(Bury { digests: step.to_vec(), before }).await?);
        }
        Ok(buried)
    }

    async fn deleting(&self, page: Page<Digest>) -> Result<Vec<DeadBlob>, StoreError> {
        let start = args![rows::after_digest(&page), rows::limit(page.limit)];
        self.list(DELETING, start, dead).await
    }

    async fn forget(&self, digests: Vec<Digest>) -> Result<(), StoreError> {
        for step in digests.chunks(STEP) {
            self.write_bulk(Forget(step.to_vec())).await?;
        }
        Ok(())
    }

    async fn unheld(&self, stored: Vec<StoredRecord>) -> Result<Vec<StoredRecord>, StoreError> {
        let digests = rows::sorted(stored.iter().filter_map(|record| record.sha256.as_ref()));
        let own = |record: &&StoredRecord| {
            record.sha256.is_none() && record.key.as_str().starts_with("berth/")
        };
        let keys: Vec<&str> = stored.iter().filter(own).map(|record| record.key.as_str()).collect();
        let key = |row: &Row| rows::get::<String>(row, 0);
        let mut held: HashSet<String> =
            self.list(HELD_BY_DIGEST, args![&digests], key).await?.into_iter().collect();
        held.extend(self.list(HELD_BY_KEY, args![&keys], key).await?);
        // A key that neither tells its digest nor is of our own making counts
        // as held: nothing here finds it, so nobody removes it.
        let unheld = |record: &StoredRecord| {
            let known = record.sha256.is_some() || own(&record);
            known && !held.contains(record.key.as_str())
        };
        Ok(stored.into_iter().filter(unheld).collect())
    }
}
