//! Taking a blob out of a repository.

use oci::Digest;
use rusqlite::{Connection, params};
use store::{Rule, UnlinkBlob, UnlinkFacts};

use super::failure::Failure;
use super::{repository, rows};

const LINKED: &str = "SELECT 1 FROM link WHERE repository_id = ?1 AND sha256 = ?2";
pub(crate) const NEEDED_BY: &str = "SELECT m.sha256 FROM reference f INDEXED BY reference_by_digest \
     JOIN manifest m ON m.id = f.manifest_id \
     WHERE f.repository_id = ?1 \
     AND f.digest IN (SELECT ?2 UNION ALL SELECT sha512 FROM alias WHERE sha256 = ?2) LIMIT 1";
const UNLINK: &str = "DELETE FROM link WHERE repository_id = ?1 AND sha256 = ?2";

/// Facts, rule, plan.
pub(crate) fn unlink(
    connection: &Connection,
    command: &UnlinkBlob,
    rule: &Rule<UnlinkFacts, ()>,
) -> Result<(), Failure> {
    let sha256 = repository::sha256(connection, &command.digest)?;
    let id = repository::find(connection, &command.repository)?;
    let facts = match id {
        Some(id) => UnlinkFacts {
            linked: rows::first(connection, LINKED, params![id, sha256], |_| Ok(()))?.is_some(),
            needed_by: needed_by(connection, id, &sha256)?,
        },
        None => UnlinkFacts { linked: false, needed_by: None },
    };
    rule(&facts)?;
    rows::change(connection, UNLINK, params![id, sha256]).map(drop)
}

/// A manifest of the repository that references the bytes by either digest.
fn needed_by(
    connection: &Connection,
    repository: i64,
    sha256: &[u8],
) -> Result<Option<Digest>, Failure> {
    rows::first(connection, NEEDED_BY, params![repository, sha256], |row| rows::digest(row, 0))
}
