//! Reading columns.

use bytes::Bytes;
use oci::{Digest, MediaType, RepositoryName, Tag};
use store::{BlobKey, BlobPlace, BlobState, Page, Timestamp};
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use super::PAGE;
use super::failure::Failure;

/// A column of a type that the driver knows.
pub(crate) fn get<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Result<T, Failure> {
    row.try_get(column).map_err(|error| {
        Failure::Damaged(format!("a column of the metadata has the wrong type: {error}"))
    })
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
    // Text with a zero byte is no text here. No name has one, so the names
    // after what stands before it are the same.
    let after = page.after.as_deref().unwrap_or_default();
    after.split('\0').next().unwrap_or_default()
}

/// Text of foreign origin as a column takes it.
pub(crate) fn text(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// A size as SQL takes it.
pub(crate) fn size_column(size: u64) -> Result<i64, Failure> {
    i64::try_from(size)
        .map_err(|_| Failure::Failed(format!("{size} bytes are more than a row can say")))
}

/// Digests as an array, sorted, each once: the order in which rows are locked.
pub(crate) fn sorted<'a>(digests: impl IntoIterator<Item = &'a Digest>) -> Vec<Vec<u8>> {
    let mut columns: Vec<_> = digests.into_iter().map(Digest::to_column).collect();
    columns.sort_unstable();
    columns.dedup();
    columns
}

pub(crate) fn digest(row: &Row, column: usize) -> Result<Digest, Failure> {
    parse_digest(get(row, column)?)
}

pub(crate) fn digest_or_null(row: &Row, column: usize) -> Result<Option<Digest>, Failure> {
    get::<Option<&[u8]>>(row, column)?.map(parse_digest).transpose()
}

fn parse_digest(column: &[u8]) -> Result<Digest, Failure> {
    let damaged = || Failure::Damaged("a column of the metadata holds no digest".into());
    Digest::from_column(column).ok_or_else(damaged)
}

pub(crate) fn size(row: &Row, column: usize) -> Result<u64, Failure> {
    let size: i64 = get(row, column)?;
    u64::try_from(size)
        .map_err(|_| Failure::Damaged(format!("a row of the metadata has size {size}")))
}

pub(crate) fn size_or_zero(row: &Row, column: usize) -> Result<u64, Failure> {
    match get::<Option<i64>>(row, column)? {
        None => Ok(0),
        Some(_) => size(row, column),
    }
}

pub(crate) fn time(row: &Row, column: usize) -> Result<Timestamp, Failure> {
    Ok(Timestamp::from_millis(get(row, column)?))
}

pub(crate) fn time_or_null(row: &Row, column: usize) -> Result<Option<Timestamp>, Failure> {
    Ok(get::<Option<i64>>(row, column)?.map(Timestamp::from_millis))
}

pub(crate) fn bytes(row: &Row, column: usize) -> Result<Bytes, Failure> {
    Ok(Bytes::copy_from_slice(get(row, column)?))
}

pub(crate) fn key_or_null(row: &Row, column: usize) -> Result<Option<BlobKey>, Failure> {
    Ok(get::<Option<&str>>(row, column)?.map(BlobKey::new))
}

pub(crate) fn repository(row: &Row, column: usize) -> Result<RepositoryName, Failure> {
    RepositoryName::parse(get(row, column)?)
        .map_err(|error| Failure::Damaged(format!("in the metadata: {error}")))
}

pub(crate) fn tag(row: &Row, column: usize) -> Result<Tag, Failure> {
    Tag::parse(get(row, column)?)
        .map_err(|error| Failure::Damaged(format!("in the metadata: {error}")))
}

pub(crate) fn media_type(row: &Row, column: usize) -> Result<MediaType, Failure> {
    MediaType::parse(get(row, column)?)
        .map_err(|error| Failure::Damaged(format!("in the metadata: {error}")))
}

/// A blob's `key` in `column` and its `content` in the next one.
pub(crate) fn place(row: &Row, column: usize) -> Result<BlobPlace, Failure> {
    Ok(match key_or_null(row, column)? {
        Some(key) => BlobPlace::Stored(key),
        None => BlobPlace::Inline(bytes(row, column + 1)?),
    })
}

pub(crate) fn state(row: &Row, column: usize) -> Result<BlobState, Failure> {
    parse_state(get(row, column)?)
}

fn parse_state(text: &str) -> Result<BlobState, Failure> {
    match text {
        "live" => Ok(BlobState::Live),
        "damaged" => Ok(BlobState::Damaged),
        "condemned" => Ok(BlobState::Condemned),
        "deleting" => Ok(BlobState::Deleting),
        other => Err(Failure::Damaged(format!("a blob of the metadata has the state {other:?}"))),
    }
}
