//! `HistoryStore`: what was noted of tags.

use async_trait::async_trait;
use oci::{Digest, RepositoryName};
use rusqlite::{Connection, Row, params};
use store::{HistoryStore, NewHistory, Page, StoreError, TagMove};

use super::failure::Failure;
use super::{Sqlite, repository, rows};

pub(crate) const HISTORY: &str = "SELECT name, id, from_digest, to_digest, at, actor \
     FROM tag_history \
     WHERE repository_id = (SELECT id FROM repository WHERE name = ?1) AND (name, id) > (?2, ?3) \
     ORDER BY name, id LIMIT ?4";
pub(crate) const CUT: &str =
    "DELETE FROM tag_history WHERE repository_id = ?1 AND name = ?2 AND id >= ?3";
const ADD: &str = "INSERT INTO tag_history (repository_id, name, from_digest, to_digest, at, actor) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

fn tag_move(row: &Row<'_>) -> Result<TagMove, Failure> {
    Ok(TagMove {
        tag: rows::tag(row, 0)?,
        number: row.get(1)?,
        from: rows::digest_or_null(row, 2)?,
        to: rows::digest_or_null(row, 3)?,
        at: rows::time(row, 4)?,
        actor: row.get(5)?,
    })
}

fn write(
    connection: &Connection,
    repository: &RepositoryName,
    histories: &[NewHistory],
) -> Result<(), Failure> {
    let Some(id) = repository::find(connection, repository)? else {
        return Err(Failure::Failed(format!("there is no repository {repository}")));
    };
    for NewHistory { tag, from_number, moves } in histories {
        let name = tag.as_str();
        if let Some(first) = from_number {
            rows::change(connection, CUT, params![id, name, first])?;
        }
        for TagMove { from, to, at, actor, .. } in moves {
            let column = |digest: &Option<Digest>| digest.as_ref().map(Digest::to_column);
            let row = params![id, name, column(from), column(to), at.millis(), actor];
            rows::change(connection, ADD, row)?;
        }
    }
    Ok(())
}

#[async_trait]
impl HistoryStore for Sqlite {
    async fn walk_history(
        &self,
        repository: &RepositoryName,
        page: Page<(String, i64)>,
    ) -> Result<Vec<TagMove>, StoreError> {
        let (name, number) = page.after.unwrap_or_default();
        let start = params![repository.as_str(), name, number, rows::limit(page.limit)];
        self.read(|connection| rows::list(connection, HISTORY, start, tag_move))
    }

    async fn write_history(
        &self,
        repository: &RepositoryName,
        histories: Vec<NewHistory>,
    ) -> Result<(), StoreError> {
        let repository = repository.clone();
        self.write_bulk(move |connection: &Connection| write(connection, &repository, &histories))
            .await
    }
}
