//! Repository rows, and digests as the rows know them.

use oci::{Algorithm, Digest, RepositoryName};
use rusqlite::{Connection, params};
use store::Timestamp;

use super::failure::Failure;
use super::rows;

pub(crate) const REPOSITORY: &str = "SELECT id FROM repository WHERE name = ?1";
const CREATE: &str = "INSERT INTO repository (name, created_at) VALUES (?1, ?2)";
pub(crate) const EMPTIED: &str = "SELECT at FROM emptied WHERE repository = ?1";
pub(crate) const ALIAS: &str = "SELECT sha256 FROM alias WHERE sha512 = ?1";
const ADD_ALIAS: &str = "INSERT INTO alias (sha512, sha256) VALUES (?1, ?2) \
     ON CONFLICT (sha512) DO UPDATE SET sha256 = excluded.sha256";
pub(crate) const DROP_ALIAS: &str = "DELETE FROM alias WHERE sha256 = ?1 \
     AND NOT EXISTS (SELECT 1 FROM blob WHERE sha256 = ?1) \
     AND NOT EXISTS (SELECT 1 FROM manifest_bytes WHERE sha256 = ?1)";

/// The row's id, if the repository ever had content.
pub(crate) fn find(connection: &Connection, name: &RepositoryName) -> Result<Option<i64>, Failure> {
    rows::first(connection, REPOSITORY, [name.as_str()], |row| Ok(row.get(0)?))
}

/// The row's id, made if this is the first content.
pub(crate) fn ensure(
    connection: &Connection,
    name: &RepositoryName,
    at: Timestamp,
) -> Result<i64, Failure> {
    if let Some(id) = find(connection, name)? {
        return Ok(id);
    }
    rows::change(connection, CREATE, params![name.as_str(), at.millis()])?;
    Ok(connection.last_insert_rowid())
}

/// The sha256 column of the bytes that a digest names. A sha512 that nothing
/// was ever pushed by stays itself and so matches no row.
pub(crate) fn sha256(connection: &Connection, digest: &Digest) -> Result<Vec<u8>, Failure> {
    let column = digest.to_column();
    if digest.algorithm() == Algorithm::Sha256 {
        return Ok(column);
    }
    let known = rows::first(connection, ALIAS, [&column], |row| Ok(row.get(0)?))?;
    Ok(known.unwrap_or(column))
}

/// Notes the other name of the same bytes, which were compared with both. It
/// counts more than what a tree said.
pub(crate) fn add_alias(
    connection: &Connection,
    sha512: &Digest,
    sha256: &Digest,
) -> Result<(), Failure> {
    rows::change(connection, ADD_ALIAS, [sha512.to_column(), sha256.to_column()]).map(drop)
}

/// Forgets the other name if neither a blob nor a manifest has the bytes.
pub(crate) fn drop_alias(connection: &Connection, sha256: &[u8]) -> Result<(), Failure> {
    rows::change(connection, DROP_ALIAS, [sha256]).map(drop)
}
