//! `UploadStore`: sessions, written softly.

use async_trait::async_trait;
use oci::{Digest, RepositoryName};
use rusqlite::{Connection, Row, params};
use store::{StoreError, Timestamp, UploadId, UploadRow, UploadState, UploadStore};

use super::failure::Failure;
use super::{Sqlite, rows};

pub(crate) const UPLOAD: &str = "SELECT id, repository, started_at, updated_at, state, offset, \
     hashers, digest FROM upload WHERE id = ?1";
// Open rows between the two ages are passed over; there are few.
pub(crate) const STALE: &str = "SELECT id, repository, started_at, updated_at, state, offset, \
     hashers, digest FROM upload INDEXED BY upload_by_age \
     WHERE updated_at < max(?1, ?2) \
     AND updated_at < CASE state WHEN 'open' THEN ?1 ELSE ?2 END \
     ORDER BY updated_at LIMIT ?3";
const SAVE: &str = "INSERT INTO upload \
     (id, repository, started_at, updated_at, state, offset, hashers, digest) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
     ON CONFLICT (id) DO UPDATE SET repository = excluded.repository, \
     started_at = excluded.started_at, updated_at = excluded.updated_at, \
     state = excluded.state, offset = excluded.offset, hashers = excluded.hashers, \
     digest = excluded.digest \
     WHERE upload.state = 'open' OR excluded.state <> 'open'";
const FINISH: &str = "INSERT INTO upload (id, repository, started_at, updated_at, state, digest) \
     VALUES (?1, ?2, ?3, ?3, 'finished', ?4) \
     ON CONFLICT (id) DO UPDATE SET updated_at = excluded.updated_at, state = excluded.state, \
     offset = NULL, hashers = NULL, digest = excluded.digest";
const REMOVE: &str = "DELETE FROM upload WHERE id = ?1";

/// Notes that the upload ended well; makes its row if it never had one.
pub(crate) fn finish(
    connection: &Connection,
    id: &UploadId,
    repository: &RepositoryName,
    digest: &Digest,
    at: Timestamp,
) -> Result<(), Failure> {
    let values = params![id.as_str(), repository.as_str(), at.millis(), digest.to_column()];
    rows::change(connection, FINISH, values).map(drop)
}

fn save(connection: &Connection, row: &UploadRow) -> Result<(), Failure> {
    let (state, offset, hashers, digest) = match &row.state {
        UploadState::Open { offset, hashers } => {
            ("open", Some(rows::size_column(*offset)?), Some(pack(hashers)?), None)
        }
        UploadState::Finished { digest } => ("finished", None, None, Some(digest.to_column())),
        UploadState::Cancelled => ("cancelled", None, None, None),
    };
    let (started, updated) = (row.started_at.millis(), row.updated_at.millis());
    let (id, repository) = (row.id.as_str(), row.repository.as_str());
    let values = params![id, repository, started, updated, state, offset, hashers, digest];
    rows::change(connection, SAVE, values).map(drop)
}

fn read(row: &Row<'_>) -> Result<UploadRow, Failure> {
    let state = match row.get_ref(4)?.as_str()? {
        "open" => UploadState::Open {
            offset: rows::size(row, 5)?,
            hashers: unpack(row.get_ref(6)?.as_blob()?)?,
        },
        "finished" => UploadState::Finished { digest: rows::digest(row, 7)? },
        _ => UploadState::Cancelled,
    };
    Ok(UploadRow {
        id: UploadId::new(row.get_ref(0)?.as_str()?),
        repository: rows::repository(row, 1)?,
        started_at: rows::time(row, 2)?,
        updated_at: rows::time(row, 3)?,
        state,
    })
}

/// Hash states in one column: two bytes of length, big-endian, before each.
fn pack(hashers: &[Vec<u8>]) -> Result<Vec<u8>, Failure> {
    let mut column = Vec::new();
    for hasher in hashers {
        let length = u16::try_from(hasher.len());
        let length = length.map_err(|_| Failure::Failed("a hash state is too long".into()))?;
        column.extend_from_slice(&length.to_be_bytes());
        column.extend_from_slice(hasher);
    }
    Ok(column)
}

fn unpack(mut column: &[u8]) -> Result<Vec<Vec<u8>>, Failure> {
    let damaged = || Failure::Damaged("the hash states of an upload are cut short".into());
    let mut hashers = Vec::new();
    while !column.is_empty() {
        let (length, rest) = column.split_first_chunk().ok_or_else(damaged)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (hasher, rest) = rest.split_at_checked(length).ok_or_else(damaged)?;
        hashers.push(hasher.to_vec());
        column = rest;
    }
    Ok(hashers)
}

#[async_trait]
impl UploadStore for Sqlite {
    async fn upload(&self, id: &UploadId) -> Result<Option<UploadRow>, StoreError> {
        self.read(|connection| rows::first(connection, UPLOAD, [id.as_str()], read))
    }

    async fn save_uploads(&self, uploads: Vec<UploadRow>) -> Result<(), StoreError> {
        self.write_soft(move |connection| {
            uploads.iter().try_for_each(|upload| save(connection, upload))
        })
        .await
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

    async fn remove_uploads(&self, ids: Vec<UploadId>) -> Result<(), StoreError> {
        self.write_soft(move |connection| {
            ids.iter().try_for_each(|id| rows::change(connection, REMOVE, [id.as_str()]).map(drop))
        })
        .await
    }
}
