//! Taking a blob out of a repository.
//!
//! A manifest that is being put holds the links that it needs. We lock ours
//! first and look for manifests after that, so it is either refused or seen.

use futures_util::future::try_join;
use store::{Rule, UnlinkBlob, UnlinkFacts};

use super::args::args;
use super::failure::Failure;
use super::transaction::{Tx, Work};
use super::{repository, rows};

const LOCK: &str = "SELECT 1 FROM link WHERE repository_id = $1 AND sha256 = $2 FOR UPDATE";
pub(crate) const NEEDED_BY: &str = "SELECT m.sha256 FROM reference f \
     JOIN manifest m ON m.id = f.manifest_id \
     WHERE f.repository_id = $1 AND f.digest = ANY(ARRAY( \
         SELECT $2::bytea UNION ALL SELECT sha512 FROM alias WHERE sha256 = $2)) LIMIT 1";
const UNLINK: &str = "DELETE FROM link WHERE repository_id = $1 AND sha256 = $2";

/// Facts, rule, plan.
pub(crate) struct Unlink {
    pub(crate) command: UnlinkBlob,
    pub(crate) rule: Rule<UnlinkFacts, ()>,
}

impl Work for Unlink {
    type Output = ();

    async fn run(&self, tx: &Tx) -> Result<(), Failure> {
        let (sha256, id) = try_join(
            repository::sha256(tx, &self.command.digest),
            repository::find(tx, &self.command.repository),
        )
        .await?;
        let Some(id) = id else {
            return Ok((self.rule)(&UnlinkFacts { linked: false, needed_by: None })?);
        };
        let (link, needed_by) = try_join(
            tx.first(LOCK, args![id, &sha256], |_| Ok(())),
            tx.first(NEEDED_BY, args![id, &sha256], |row| rows::digest(row, 0)),
        )
        .await?;
        (self.rule)(&UnlinkFacts { linked: link.is_some(), needed_by })?;
        // A link that was made since is not ours to take.
        if link.is_none() {
            return Ok(());
        }
        tx.change(UNLINK, args![id, &sha256]).await.map(drop)
    }
}
