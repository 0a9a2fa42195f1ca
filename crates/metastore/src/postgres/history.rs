//! `HistoryStore`: what was noted of tags.

use async_trait::async_trait;
use oci::{Digest, RepositoryName};
use store::{HistoryStore, NewHistory, Page, StoreError, TagMove};
use tokio_postgres::Row;

use super::args::args;
use super::failure::Failure;
use super::transaction::{Tx, Work};
use super::{Postgres, repository, rows};

pub(crate) const HISTORY: &str = "SELECT name, id, from_digest, to_digest, at, actor \
     FROM tag_history \
     WHERE repository_id = (SELECT id FROM repository WHERE name = $1) AND (name, id) > ($2, $3) \
     ORDER BY name, id LIMIT $4";
const CUT: &str = "DELETE FROM tag_history WHERE repository_id = $1 AND name = $2 AND id >= $3";
const ADD: &str = "INSERT INTO tag_history (repository_id, name, from_digest, to_digest, at, actor) \
     VALUES ($1, $2, $3, $4, $5, $6)";

fn tag_move(row: &Row) -> Result<TagMove, Failure> {
    Ok(TagMove {
        tag: rows::tag(row, 0)?,
        number: rows::get(row, 1)?,
        from: rows::digest_or_null(row, 2)?,
        to: rows::digest_or_null(row, 3)?,
        at: rows::time(row, 4)?,
        actor: rows::get(row, 5)?,
    })
}

struct Write {
    repository: RepositoryName,
    histories: Vec<NewHistory>,
}

impl Work for Write {
    type Output = ();

    async fn run(&self, tx: &Tx) -> Result<(), Failure> {
        let Some(id) = repository::find(tx, &self.repository).await? else {
            return Err(Failure::Failed(format!("there is no repository {}", self.repository)));
        };
        for NewHistory { tag, from_number, moves } in &self.histories {
            let name = tag.as_str();
            if let Some(first) = from_number {
                tx.change(CUT, args![id, name, *first]).await?;
            }
            for TagMove { from, to, at, actor, .. } in moves {
                let column = |digest: &Option<Digest>| digest.as_ref().map(Digest::to_column);
                let actor = actor.as_deref().map(rows::text);
                let (from, to) = (column(from), column(to));
                tx.change(ADD, args![id, name, from, to, at.millis(), actor]).await?;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl HistoryStore for Postgres {
    async fn walk_history(
        &self,
        repository: &RepositoryName,
        page: Page<(String, i64)>,
    ) -> Result<Vec<TagMove>, StoreError> {
        let (name, number) = page.after.unwrap_or_default();
        let start = args![repository.as_str(), name, number, rows::limit(page.limit)];
        self.list(HISTORY, start, tag_move).await
    }

    async fn write_history(
        &self,
        repository: &RepositoryName,
        histories: Vec<NewHistory>,
    ) -> Result<(), StoreError> {
        self.write_bulk(Write { repository: repository.clone(), histories }).await
    }
}
