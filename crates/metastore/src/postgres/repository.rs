//! Repository rows, and digests as the rows know them.

use oci::{Algorithm, Digest, RepositoryName};
use store::Timestamp;

use super::args::{arg, args};
use super::failure::Failure;
use super::rows;
use super::session::Last;
use super::transaction::Tx;

pub(crate) const REPOSITORY: &str = "SELECT id FROM repository WHERE name = $1";
pub(crate) const EMPTIED: &str = "SELECT at FROM emptied WHERE repository = $1";
const CREATE: &str = "INSERT INTO repository (name, created_at) VALUES ($1, $2) \
     ON CONFLICT (name) DO NOTHING RETURNING id";
const MAKE_SURE: &str = "INSERT INTO repository (name, created_at) SELECT $1, $2 \
     WHERE NOT EXISTS (SELECT 1 FROM repository WHERE name = $1) ON CONFLICT (name) DO NOTHING";
const ALIAS: &str = "SELECT sha256 FROM alias WHERE sha512 = $1";
const ADD_ALIAS: &str = "INSERT INTO alias (sha512, sha256) VALUES ($1, $2) \
     ON CONFLICT (sha512) DO UPDATE SET sha256 = excluded.sha256";
// Whoever gives a name to the bytes meanwhile holds it, and is seen after that.
const LOCK_ALIASES: &str =
    "SELECT sha512 FROM alias WHERE sha256 = ANY($1) ORDER BY sha512 FOR UPDATE";
const DROP_ALIASES: &str = "DELETE FROM alias a WHERE a.sha512 = ANY($1) \
     AND NOT EXISTS (SELECT 1 FROM blob b WHERE b.sha256 = a.sha256) \
     AND NOT EXISTS (SELECT 1 FROM manifest_bytes m WHERE m.sha256 = a.sha256)";

/// The row's id, if the repository ever had content.
pub(crate) async fn find(tx: &Tx, name: &RepositoryName) -> Result<Option<i64>, Failure> {
    tx.first(REPOSITORY, args![name.as_str()], |row| rows::get(row, 0)).await
}

/// The row's id, made if this is the first content. Rows are never removed.
pub(crate) async fn ensure(
    tx: &Tx,
    known: Option<i64>,
    name: &RepositoryName,
    at: Timestamp,
) -> Result<i64, Failure> {
    if let Some(id) = known {
        return Ok(id);
    }
    let values = args![name.as_str(), at.millis()];
    match tx.first(CREATE, values, |row| rows::get(row, 0)).await? {
        Some(id) => Ok(id),
        None => find(tx, name).await?.ok_or(Failure::Race("a repository came and went")),
    }
}

/// The sha256 column of the bytes that a digest names. A sha512 that nothing
/// was ever pushed by stays itself and so matches no row.
pub(crate) async fn sha256(tx: &Tx, digest: &Digest) -> Result<Vec<u8>, Failure> {
    let column = digest.to_column();
    if digest.algorithm() == Algorithm::Sha256 {
        return Ok(column);
    }
    let known = tx.first(ALIAS, args![&column], |row| rows::get(row, 0)).await?;
    Ok(known.unwrap_or(column))
}

/// A statement that notes the other name of the same bytes, which were compared
/// with both. It counts more than what a tree said.
pub(crate) fn adding_alias(sha512: &Digest, sha256: &Digest) -> Last {
    Last::new(ADD_ALIAS, vec![arg(sha512.to_column()), arg(sha256.to_column())])
}

/// A statement after which there is a row of this name.
pub(crate) fn making_sure(name: &RepositoryName, at: Timestamp) -> Last {
    Last::new(MAKE_SURE, vec![arg(name.as_str().to_owned()), arg(at.millis())])
}

/// Forgets other names of bytes that neither a blob nor a manifest has.
pub(crate) async fn drop_aliases(tx: &Tx, sha256: &Vec<Vec<u8>>) -> Result<(), Failure> {
    let read = |row: &tokio_postgres::Row| rows::get::<Vec<u8>>(row, 0);
    let locked = tx.list(LOCK_ALIASES, args![sha256], read).await?;
    if locked.is_empty() {
        return Ok(());
    }
    tx.change(DROP_ALIASES, args![locked]).await.map(drop)
}
