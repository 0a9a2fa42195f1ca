//! `CounterStore`: pulls, added up softly in bounded steps.

use async_trait::async_trait;
use store::{CounterStore, PullCount, StoreError};

use super::args::args;
use super::failure::Failure;
use super::transaction::{Tx, Work};
use super::{Postgres, rows};

/// Counts of one transaction; each touches two rows.
const STEP: usize = 200;

// Rows are changed in order of their keys, so that two replicas that do this
// at once do not wait for each other in a ring.
pub(crate) const ADD_MANIFESTS: &str = "INSERT INTO manifest_pull (manifest_id, count, last) \
     SELECT m.id, sum(p.count)::bigint, max(p.last) \
     FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[]) \
         AS p (repository, digest, count, last) \
     JOIN repository r ON r.name = p.repository \
     JOIN manifest m ON m.repository_id = r.id AND m.sha256 = \
         coalesce((SELECT a.sha256 FROM alias a WHERE a.sha512 = p.digest), p.digest) \
     GROUP BY m.id ORDER BY m.id \
     ON CONFLICT (manifest_id) DO UPDATE SET count = manifest_pull.count + excluded.count, \
     last = greatest(manifest_pull.last, excluded.last)";
pub(crate) const ADD_TAGS: &str = "INSERT INTO tag_pull (repository_id, name, count, last) \
     SELECT t.repository_id, t.name, sum(p.count)::bigint, max(p.last) \
     FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) \
         AS p (repository, tag, count, last) \
     JOIN repository r ON r.name = p.repository \
     JOIN tag t ON t.repository_id = r.id AND t.name = p.tag \
     GROUP BY t.repository_id, t.name ORDER BY t.repository_id, t.name \
     ON CONFLICT (repository_id, name) DO UPDATE SET count = tag_pull.count + excluded.count, \
     last = greatest(tag_pull.last, excluded.last)";

struct Add(Vec<PullCount>);

impl Work for Add {
    type Output = ();

    async fn run(&self, tx: &Tx) -> Result<(), Failure> {
        let repositories: Vec<&str> = self.0.iter().map(|pull| pull.repository.as_str()).collect();
        let digests: Vec<Vec<u8>> = self.0.iter().map(|pull| pull.digest.to_column()).collect();
        let counts = self.0.iter().map(|pull| rows::size_column(pull.count));
        let counts: Vec<i64> = counts.collect::<Result<_, _>>()?;
        let lasts: Vec<i64> = self.0.iter().map(|pull| pull.last.millis()).collect();
        // No tag has no name.
        let tag = |pull: &PullCount| pull.tag.as_ref().map(ToString::to_string);
        let tags: Vec<String> = self.0.iter().map(|pull| tag(pull).unwrap_or_default()).collect();
        tx.change(ADD_MANIFESTS, args![&repositories, &digests, &counts, &lasts]).await?;
        tx.change(ADD_TAGS, args![&repositories, &tags, &counts, &lasts]).await.map(drop)
    }
}

#[async_trait]
impl CounterStore for Postgres {
    async fn add_pulls(&self, pulls: Vec<PullCount>) -> Result<(), StoreError> {
        for step in pulls.chunks(STEP) {
            self.write_bulk_softly(Add(step.to_vec())).await?;
        }
        Ok(())
    }
}
