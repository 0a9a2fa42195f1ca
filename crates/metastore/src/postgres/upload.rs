//! `UploadStore`: sessions, written softly.

use async_trait::async_trait;
use oci::{Digest, RepositoryName};
use store::{
    ClosingUpload, Refusal, StoreError, Timestamp, UploadId, UploadRow, UploadState, UploadStore,
};
use tokio_postgres::Row;

use super::args::args;
use super::failure::Failure;
use super::transaction::{Tx, Work};
use super::{Postgres, rows};
use crate::hash_states;
use crate::upload_columns::UploadColumns;

macro_rules! columns {
    () => {
        "id, repository, started_at, updated_at, version, state, \"offset\", hashers, place, \
         held, digest"
    };
}

pub(crate) const UPLOAD: &str = concat!("SELECT ", columns!(), " FROM upload WHERE id = $1");
// Open rows between the two ages are passed over; there are few.
pub(crate) const STALE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM upload WHERE updated_at < greatest($1::bigint, $2::bigint) \
     AND updated_at < CASE state WHEN 'open' THEN $1 ELSE $2 END \
     ORDER BY updated_at LIMIT $3"
);
const FIRST: &str = concat!(
    "INSERT INTO upload (",
    columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (id) DO NOTHING"
);
const NEXT: &str = "UPDATE upload SET repository = $2, started_at = $3, updated_at = $4, \
     version = $5, state = $6, \"offset\" = $7, hashers = $8, place = $9, held = $10, \
     digest = $11 WHERE id = $1 AND version = $5 - 1 AND state = 'open'";
const FINISH_NEW: &str = "INSERT INTO upload \
     (id, repository, started_at, updated_at, version, state, digest) \
     VALUES ($1, $2, $3, $3, 1, 'finished', $4) ON CONFLICT (id) DO NOTHING";
const FINISH: &str = "UPDATE upload SET repository = $2, updated_at = $3, state = 'finished', \
     version = version + 1, \"offset\" = NULL, hashers = NULL, place = NULL, held = NULL, \
     digest = $4 WHERE id = $1 AND version = $5 AND state = 'open'";
const REMOVE: &str = "DELETE FROM upload WHERE id IN \
     (SELECT id FROM upload WHERE id = ANY($1) ORDER BY id FOR UPDATE)";

/// Notes that the upload ended well; makes its row if it never had one. Refuses
/// if the row is not the one that was read.
pub(crate) async fn finish(
    tx: &Tx,
    upload: Option<&ClosingUpload>,
    repository: &RepositoryName,
    digest: &Digest,
    at: Timestamp,
) -> Result<(), Failure> {
    let Some(upload) = upload else { return Ok(()) };
    let (id, name) = (upload.id.as_str(), repository.as_str());
    let (at, digest) = (at.millis(), digest.to_column());
    let changed = match upload.version {
        0 => tx.change(FINISH_NEW, args![id, name, at, digest]).await?,
        read => {
            let read = rows::size_column(read)?;
            tx.change(FINISH, args![id, name, at, digest, read]).await?
        }
    };
    if changed == 0 { Err(Refusal::UploadLost.into()) } else { Ok(()) }
}

struct Save(UploadRow);

impl Work for Save {
    type Output = bool;

    async fn run(&self, tx: &Tx) -> Result<bool, Failure> {
        let Self(row) = self;
        let sql = match row.version {
            0 => return Err(Failure::Failed(format!("upload {} was saved as version 0", row.id))),
            1 => FIRST,
            _ => NEXT,
        };
        let columns = UploadColumns::of(&row.state).map_err(Failure::Failed)?;
        let values = args![
            row.id.as_str(),
            row.repository.as_str(),
            row.started_at.millis(),
            row.updated_at.millis(),
            rows::size_column(row.version)?,
            columns.state,
            columns.offset.map(rows::size_column).transpose()?,
            &columns.hashers,
            columns.place,
            columns.held,
            &columns.digest,
        ];
        Ok(tx.change(sql, values).await? > 0)
    }
}

struct Remove(Vec<UploadId>);

impl Work for Remove {
    type Output = ();

    async fn run(&self, tx: &Tx) -> Result<(), Failure> {
        let ids: Vec<&str> = self.0.iter().map(UploadId::as_str).collect();
        tx.change(REMOVE, args![&ids]).await.map(drop)
    }
}

fn read(row: &Row) -> Result<UploadRow, Failure> {
    Ok(UploadRow {
        id: UploadId::new(rows::get::<&str>(row, 0)?),
        repository: rows::repository(row, 1)?,
        started_at: rows::time(row, 2)?,
        updated_at: rows::time(row, 3)?,
        version: rows::size(row, 4)?,
        state: state(row)?,
    })
}

fn state(row: &Row) -> Result<UploadState, Failure> {
    let hashers: Option<&[u8]> = rows::get(row, 7)?;
    Ok(match (rows::get::<&str>(row, 5)?, hashers) {
        ("open", Some(hashers)) => UploadState::Open {
            offset: rows::size(row, 6)?,
            hashers: hash_states::unpack(hashers).map_err(Failure::Damaged)?,
            place: rows::bytes(row, 8)?,
        },
        ("open", None) => UploadState::Held(rows::bytes(row, 9)?),
        ("finished", _) => UploadState::Finished { digest: rows::digest(row, 10)? },
        _ => UploadState::Cancelled,
    })
}

#[async_trait]
impl UploadStore for Postgres {
    async fn upload(&self, id: &UploadId) -> Result<Option<UploadRow>, StoreError> {
        self.first(UPLOAD, args![id.as_str()], read).await
    }

    async fn save_upload(&self, row: UploadRow) -> Result<bool, StoreError> {
        self.write_soft(Save(row)).await
    }

    async fn stale_uploads(
        &self,
        open_before: Timestamp,
        ended_before: Timestamp,
        limit: usize,
    ) -> Result<Vec<UploadRow>, StoreError> {
        let bounds = args![open_before.millis(), ended_before.millis(), rows::limit(limit)];
        self.list(STALE, bounds, read).await
    }

    async fn remove_uploads(&self, ids: Vec<UploadId>) -> Result<(), StoreError> {
        self.write_soft(Remove(ids)).await
    }
}
