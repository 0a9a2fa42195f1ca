//! `UploadStore`: sessions, written softly.

use async_trait::async_trait;
use bytes::Bytes;
use oci::{Digest, RepositoryName};
use rusqlite::{Connection, Row, params};
use store::{
    ClosingUpload, Refusal, StoreError, Timestamp, UploadId, UploadRow, UploadState, UploadStore,
};

use super::failure::Failure;
use super::{Sqlite, rows};
use crate::hash_states;
use crate::upload_columns::UploadColumns;

macro_rules! columns {
    () => {
        "id, repository, started_at, updated_at, version, state, offset, hashers, place, held, digest"
    };
}

pub(crate) const UPLOAD: &str = concat!("SELECT ", columns!(), " FROM upload WHERE id = ?1");
// Open rows between the two ages are passed over; there are few.
pub(crate) const STALE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM upload INDEXED BY upload_by_age \
     WHERE updated_at < max(?1, ?2) \
     AND updated_at < CASE state WHEN 'open' THEN ?1 ELSE ?2 END \
     ORDER BY updated_at LIMIT ?3"
);
const FIRST: &str = concat!(
    "INSERT INTO upload (",
    columns!(),
    ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (id) DO NOTHING"
);
pub(crate) const NEXT: &str = "UPDATE upload SET repository = ?2, started_at = ?3, \
     updated_at = ?4, version = ?5, state = ?6, offset = ?7, hashers = ?8, place = ?9, \
     held = ?10, digest = ?11 WHERE id = ?1 AND version = ?5 - 1 AND state = 'open'";
const FINISH_NEW: &str = "INSERT INTO upload \
     (id, repository, started_at, updated_at, version, state, digest) \
     VALUES (?1, ?2, ?3, ?3, 1, 'finished', ?4) ON CONFLICT (id) DO NOTHING";
const FINISH: &str = "UPDATE upload SET repository = ?2, updated_at = ?3, state = 'finished', \
     version = version + 1, offset = NULL, hashers = NULL, place = NULL, held = NULL, \
     digest = ?4 WHERE id = ?1 AND version = ?5 AND state = 'open'";
const REMOVE: &str = "DELETE FROM upload WHERE id = ?1 AND version = ?2";

/// Notes that the upload ended well; makes its row if it never had one. Refuses
/// if the row is not the one that was read.
pub(crate) fn finish(
    connection: &Connection,
    upload: &ClosingUpload,
    repository: &RepositoryName,
    digest: &Digest,
    at: Timestamp,
) -> Result<(), Failure> {
    let (id, name) = (upload.id.as_str(), repository.as_str());
    let (at, digest) = (at.millis(), digest.to_column());
    let changed = match upload.version {
        0 => rows::change(connection, FINISH_NEW, params![id, name, at, digest])?,
        read => {
            let read = rows::size_column(read)?;
            rows::change(connection, FINISH, params![id, name, at, digest, read])?
        }
    };
    if changed == 0 { Err(Refusal::UploadLost.into()) } else { Ok(()) }
}

fn save(connection: &Connection, row: &UploadRow) -> Result<bool, Failure> {
    let sql = match row.version {
        0 => return Err(Failure::Failed(format!("upload {} was saved as version 0", row.id))),
        1 => FIRST,
        _ => NEXT,
    };
    let mut columns = UploadColumns::of(&row.state).map_err(Failure::Failed)?;
    // An open row of this engine always has hash states; those of held bytes are none.
    if columns.held.is_some() {
        columns.hashers = Some(Vec::new());
    }
    let values = params![
        row.id.as_str(),
        row.repository.as_str(),
        row.started_at.millis(),
        row.updated_at.millis(),
        rows::size_column(row.version)?,
        columns.state,
        columns.offset.map(rows::size_column).transpose()?,
        columns.hashers,
        columns.place,
        columns.held,
        columns.digest
    ];
    Ok(rows::change(connection, sql, values)? > 0)
}

/// The ids of those that were still of their version.
fn remove(connection: &Connection, uploads: &[(UploadId, u64)]) -> Result<Vec<UploadId>, Failure> {
    let mut removed = Vec::new();
    for (id, version) in uploads {
        let row = params![id.as_str(), rows::size_column(*version)?];
        if rows::change(connection, REMOVE, row)? > 0 {
            removed.push(id.clone());
        }
    }
    Ok(removed)
}

fn read(row: &Row<'_>) -> Result<UploadRow, Failure> {
    Ok(UploadRow {
        id: UploadId::new(row.get_ref(0)?.as_str()?),
        repository: rows::repository(row, 1)?,
        started_at: rows::time(row, 2)?,
        updated_at: rows::time(row, 3)?,
        version: rows::size(row, 4)?,
        state: state(row)?,
    })
}

fn state(row: &Row<'_>) -> Result<UploadState, Failure> {
    Ok(match (row.get_ref(5)?.as_str()?, row.get_ref(9)?.as_blob_or_null()?) {
        ("open", Some(held)) => UploadState::Held(Bytes::copy_from_slice(held)),
        ("open", None) => UploadState::Open {
            offset: rows::size(row, 6)?,
            hashers: hash_states::unpack(row.get_ref(7)?.as_blob()?).map_err(Failure::Damaged)?,
            place: Bytes::copy_from_slice(row.get_ref(8)?.as_blob_or_null()?.unwrap_or_default()),
        },
        ("finished", _) => UploadState::Finished { digest: rows::digest(row, 10)? },
        _ => UploadState::Cancelled,
    })
}

#[async_trait]
impl UploadStore for Sqlite {
    async fn upload(&self, id: &UploadId) -> Result<Option<UploadRow>, StoreError> {
        self.read(|connection| rows::first(connection, UPLOAD, [id.as_str()], read))
    }

    async fn save_upload(&self, row: UploadRow) -> Result<bool, StoreError> {
        self.write_soft(move |connection| save(connection, &row)).await
    }

    async fn stale_uploads(
        &self,
        open_before: Timestamp,
        ended_before: Timestamp,
        limit: usize,
    ) -> Result<Vec<UploadRow>, StoreError> {
        let bounds = params![open_before.millis(), ended_before.millis(), rows::limit(limit)];
        self.read(|connection| rows::list(connection, STALE, bounds, read))
    }

    async fn remove_uploads(
        &self,
        uploads: Vec<(UploadId, u64)>,
    ) -> Result<Vec<UploadId>, StoreError> {
        self.write_soft(move |connection| remove(connection, &uploads)).await
    }
}
