//! `UploadStore`: sessions, written softly.

use async_trait::async_trait;
use oci::{Digest, RepositoryName};
use store::{
    BlobState, ClosingUpload, Refusal, StoreError, Timestamp, UploadId, UploadRow, UploadState,
    UploadStore,
};
use tokio_postgres::Row;

use super::args::{arg, args};
use super::failure::Failure;
use super::session::Last;
use super::transaction::{Tx, Work, or_fail};
use super::{Postgres, content, rows};
use crate::hash_states;
use crate::upload_columns::UploadColumns;

macro_rules! columns {
    () => {
        "id, repository, started_at, updated_at, version, state, \"offset\", hashers, place, \
         held, digest"
    };
}

pub(crate) const UPLOAD: &str = concat!("SELECT ", columns!(), " FROM upload WHERE id = $1");
pub(crate) const CLOSING: &str = concat!(
    "SELECT u.*, b.* FROM (VALUES (1)) AS one (n) LEFT JOIN (SELECT ",
    columns!(),
    " FROM upload WHERE id = $1) u ON true \
     LEFT JOIN (SELECT state AS blob_state, verified FROM blob WHERE sha256 = $2) b ON true"
);
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
const FINISH_NEW: &str = or_fail!(
    "INSERT INTO upload (id, repository, started_at, updated_at, version, state, digest) \
     VALUES ($1, $2, $3, $3, 1, 'finished', $4) ON CONFLICT (id) DO NOTHING"
);
const FINISH: &str = or_fail!(
    "UPDATE upload SET repository = $2, updated_at = $3, state = 'finished', \
     version = version + 1, \"offset\" = NULL, hashers = NULL, place = NULL, held = NULL, \
     digest = $4 WHERE id = $1 AND version = $5 AND state = 'open'"
);
// The version is looked at once more when the lock is had.
pub(crate) const REMOVE: &str = "DELETE FROM upload WHERE id IN \
     (SELECT u.id FROM unnest($1::text[], $2::bigint[]) AS r (id, version) \
     JOIN upload u ON u.id = r.id AND u.version = r.version ORDER BY u.id FOR UPDATE OF u) \
     RETURNING id";

/// A statement that notes that the upload ended well; makes its row if it never
/// had one. Refuses if the row is not the one that was read.
pub(crate) fn finishing(
    upload: &ClosingUpload,
    repository: &RepositoryName,
    digest: &Digest,
    at: Timestamp,
) -> Result<Last, Failure> {
    let mut values = vec![
        arg(upload.id.as_str().to_owned()),
        arg(repository.as_str().to_owned()),
        arg(at.millis()),
        arg(digest.to_column()),
    ];
    let sql = match upload.version {
        0 => FINISH_NEW,
        read => {
            values.push(arg(rows::size_column(read)?));
            FINISH
        }
    };
    Ok(Last::new(sql, values).or(|| Refusal::UploadLost.into()))
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
        Ok(tx.only(sql, values).await? > 0)
    }
}

struct Remove(Vec<(UploadId, u64)>);

impl Work for Remove {
    type Output = Vec<UploadId>;

    async fn run(&self, tx: &Tx) -> Result<Vec<UploadId>, Failure> {
        let ids: Vec<&str> = self.0.iter().map(|(id, _)| id.as_str()).collect();
        let versions = self.0.iter().map(|(_, version)| rows::size_column(*version));
        let versions: Vec<i64> = versions.collect::<Result<_, _>>()?;
        let id = |row: &Row| Ok(UploadId::new(rows::get::<&str>(row, 0)?));
        tx.list(REMOVE, args![&ids, &versions], id).await
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

type Closing = (Option<UploadRow>, Option<Option<BlobState>>);

/// A row of [`CLOSING`]: what was not found has no columns.
fn closing(row: &Row) -> Result<Closing, Failure> {
    let upload = rows::get::<Option<&str>>(row, 0)?.map(|_| read(row)).transpose()?;
    let blob = rows::get::<Option<&str>>(row, 11)?.map(|_| content::state(row, 11)).transpose()?;
    Ok((upload, Some(blob)))
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

    async fn closing_upload(&self, id: &UploadId, sha256: &Digest) -> Result<Closing, StoreError> {
        let found = self.first(CLOSING, args![id.as_str(), sha256.to_column()], closing).await?;
        Ok(found.unwrap_or_default())
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

    async fn remove_uploads(
        &self,
        uploads: Vec<(UploadId, u64)>,
    ) -> Result<Vec<UploadId>, StoreError> {
        self.write_soft(Remove(uploads)).await
    }
}
