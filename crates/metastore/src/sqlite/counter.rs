//! `CounterStore`: pulls, added up softly in bounded steps.

use async_trait::async_trait;
use rusqlite::{Connection, params};
use store::{CounterStore, PullCount, StoreError};

use super::failure::Failure;
use super::{Sqlite, manifest, repository, rows};

/// Counts of one bulk transaction; each touches two rows.
const STEP: usize = 200;

const ADD_MANIFEST: &str = "INSERT INTO manifest_pull (manifest_id, count, last) \
     VALUES (?1, ?2, ?3) ON CONFLICT (manifest_id) DO UPDATE SET \
     count = count + excluded.count, last = max(last, excluded.last)";
pub(crate) const ADD_TAG: &str = "INSERT INTO tag_pull (repository_id, name, count, last) \
     SELECT repository_id, name, ?3, ?4 FROM tag WHERE repository_id = ?1 AND name = ?2 \
     ON CONFLICT (repository_id, name) DO UPDATE SET \
     count = count + excluded.count, last = max(last, excluded.last)";

fn add(connection: &Connection, pull: &PullCount) -> Result<(), Failure> {
    let Some(id) = repository::find(connection, &pull.repository)? else { return Ok(()) };
    let (count, last) = (rows::size_column(pull.count)?, pull.last.millis());
    let sha256 = repository::sha256(connection, &pull.digest)?;
    if let Some((manifest, _)) = manifest::find(connection, id, &sha256)? {
        rows::change(connection, ADD_MANIFEST, params![manifest, count, last])?;
    }
    if let Some(tag) = &pull.tag {
        rows::change(connection, ADD_TAG, params![id, tag.as_str(), count, last])?;
    }
    Ok(())
}

#[async_trait]
impl CounterStore for Sqlite {
    async fn add_pulls(&self, pulls: Vec<PullCount>) -> Result<(), StoreError> {
        for step in pulls.chunks(STEP) {
            let step = step.to_vec();
            self.write_bulk_softly(move |connection| {
                step.iter().try_for_each(|pull| add(connection, pull))
            })
            .await?;
        }
        Ok(())
    }
}
