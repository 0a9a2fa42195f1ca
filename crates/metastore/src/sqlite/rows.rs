//! Running statements and reading columns.

use oci::{Digest, MediaType, RepositoryName, Tag};
use rusqlite::{Connection, Params, Row};
use store::{BlobKey, BlobPlace, BlobState, Page, Timestamp};

use super::PAGE;
use super::failure::Failure;

/// The first row, read.
pub(crate) fn first<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> Result<T, Failure>,
) -> Result<Option<T>, Failure> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    rows.next()?.map(read).transpose()
}

/// All rows, read. The statement bounds them.
pub(crate) fn list<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnMut(&Row<'_>) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_and_then(params, read)?.collect()
}

/// Runs a statement that returns no rows; how many rows it changed.
pub(crate) fn change(
    connection: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<usize, Failure> {
    Ok(connection.prepare_cached(sql)?.execute(params)?)
}

/// A limit as SQL takes it, at most [`PAGE`].
pub(crate) fn limit(limit: usize) -> i64 {
    i64::try_from(limit.min(PAGE)).unwrap_or(0)
}

/// The exclusive start of a page of digests; before all of them if none.
pub(crate) fn after_digest(page: &Page<Digest>) -> Vec<u8> {
    page.after.as_ref().map(Digest::to_column).unwrap_or_default()
}

/// The exclusive start of a page of names; before all of them if none.
pub(crate) fn after_name(page: &Page<String>) -> &str {
    page.after.as_deref().unwrap_or_default()
}

/// A size as SQL takes it.
pub(crate) fn size_column(size: u64) -> Result<i64, Failure> {
    i64::try_from(size)
        .map_err(|_| Failure::Failed(format!("{size} bytes are more than a row can say")))
}

pub(crate) fn digest(row: &Row<'_>, column: usize) -> Result<Digest, Failure> {
    parse_digest(row.get_ref(column)?.as_blob()?)
}

pub(crate) fn digest_or_null(row: &Row<'_>, column: usize) -> Result<Option<Digest>, Failure> {
    row.get_ref(column)?.as_blob_or_null()?.map(parse_digest).transpose()
}

fn parse_digest(column: &[u8]) -> Result<Digest, Failure> {
    let damaged = || Failure::Damaged("a column of the metadata holds no digest".into());
    Digest::from_column(column).ok_or_else(damaged)
}

pub(crate) fn size(row: &Row<'_>, column: usize) -> Result<u64, Failure> {
    let size: i64 = row.get(column)?;
    u64::try_from(size)
        .map_err(|_| Failure::Damaged(format!("a row of the metadata has size {size}")))
}

pub(crate) fn size_or_zero(row: &Row<'_>, column: usize) -> Result<u64, Failure> {
    match row.get_ref(column)? {
        rusqlite::types::ValueRef::Null => Ok(0),
        _ => size(row, column),
    }
}

pub(crate) fn time_or_null(row: &Row<'_>, column: usize) -> Result<Option<Timestamp>, Failure> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_millis))
}

pub(crate) fn time(row: &Row<'_>, column: usize) -> Result<Timestamp, Failure> {
    Ok(Timestamp::from_millis(row.get(column)?))
}

pub(crate) fn repository(row: &Row<'_>, column: usize) -> Result<RepositoryName, Failure> {
    let text = row.get_ref(column)?.as_str()?;
    RepositoryName::parse(text)
        .map_err(|error| Failure::Damaged(format!("in the metadata: {error}")))
}

pub(crate) fn tag(row: &Row<'_>, column: usize) -> Result<Tag, Failure> {
    let text = row.get_ref(column)?.as_str()?;
    Tag::parse(text).map_err(|error| Failure::Damaged(format!("in the metadata: {error}")))
}

pub(crate) fn media_type(row: &Row<'_>, column: usize) -> Result<MediaType, Failure> {
    let text = row.get_ref(column)?.as_str()?;
    MediaType::parse(text).map_err(|error| Failure::Damaged(format!("in the metadata: {error}")))
}

/// A blob's `key` in `column` and its `content` in the next one.
pub(crate) fn place(row: &Row<'_>, column: usize) -> Result<BlobPlace, Failure> {
    match row.get_ref(column)?.as_str_or_null()? {
        Some(key) => Ok(BlobPlace::Stored(BlobKey::new(key))),
        None => {
            let content = row.get_ref(column + 1)?.as_blob()?;
            Ok(BlobPlace::Inline(bytes::Bytes::copy_from_slice(content)))
        }
    }
}

pub(crate) fn state(row: &Row<'_>, column: usize) -> Result<BlobState, Failure> {
    match row.get_ref(column)?.as_str()? {
        "live" => Ok(BlobState::Live),
        "damaged" => Ok(BlobState::Damaged),
        "condemned" => Ok(BlobState::Condemned),
        "deleting" => Ok(BlobState::Deleting),
        other => Err(Failure::Damaged(format!("a blob of the metadata has the state {other:?}"))),
    }
}
