//! Linking a blob that another repository has.

use futures_util::future::try_join3;
use oci::RepositoryName;
use store::{BlobState, MountBlob, MountFacts, Rule};

use super::args::args;
use super::failure::Failure;
use super::transaction::{Tx, Work};
use super::{publish, repository, rows};

// Of a blob that very many have, some will do: whoever pushes it waits for this.
pub(crate) const SOURCES: &str = "SELECT r.name FROM blob b CROSS JOIN LATERAL \
     (SELECT repository_id FROM link WHERE sha256 = b.sha256 LIMIT 1000) l \
     JOIN repository r ON r.id = l.repository_id \
     WHERE b.sha256 = $1 AND b.state IN ('live', 'condemned') ORDER BY r.name LIMIT 100";
pub(crate) const SOURCE: &str = "SELECT r.name FROM repository r \
     JOIN link l ON l.repository_id = r.id AND l.sha256 = $1 \
     JOIN blob b ON b.sha256 = l.sha256 \
     WHERE r.name = $2 AND b.state IN ('live', 'condemned')";

/// Facts, rule, plan.
pub(crate) struct Mount {
    pub(crate) command: MountBlob,
    pub(crate) rule: Rule<MountFacts, ()>,
}

impl Work for Mount {
    type Output = ();

    async fn run(&self, tx: &Tx) -> Result<(), Failure> {
        let command = &self.command;
        let sha256 = repository::sha256(tx, &command.digest).await?;
        // The row is locked first: what is found after that stays.
        let (state, sources, known) = try_join3(
            publish::lock(tx, &sha256),
            sources(tx, &sha256, command.from.as_ref()),
            repository::find(tx, &command.repository),
        )
        .await?;
        let alive = matches!(state, Some(BlobState::Live | BlobState::Condemned));
        if !alive && !sources.is_empty() {
            return Err(Failure::Race("a mount met the first push of its blob"));
        }
        (self.rule)(&MountFacts { sources })?;
        if !alive {
            return Err(Failure::Failed(format!(
                "the plan mounts {}, but there is no such blob",
                command.digest
            )));
        }
        let id = repository::ensure(tx, known, &command.repository, command.at).await?;
        tx.keep(publish::reviving(vec![sha256.clone()], command.at));
        tx.keep(publish::linking(id, sha256, command.at));
        Ok(())
    }
}

async fn sources(
    tx: &Tx,
    sha256: &Vec<u8>,
    from: Option<&RepositoryName>,
) -> Result<Vec<RepositoryName>, Failure> {
    let name = |row: &tokio_postgres::Row| rows::repository(row, 0);
    match from {
        Some(from) => tx.list(SOURCE, args![sha256, from.as_str()], name).await,
        None => tx.list(SOURCES, args![sha256], name).await,
    }
}
