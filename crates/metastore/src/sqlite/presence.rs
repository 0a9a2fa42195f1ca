//! Which of a manifest's references are in its repository.

use oci::{Digest, Role};
use rusqlite::{Connection, params};
use store::{BlobState, Presence};

use super::failure::Failure;
use super::{repository, rows};

pub(crate) const PRESENCE: &str = "SELECT \
     (SELECT b.state FROM link l JOIN blob b ON b.sha256 = l.sha256 \
      WHERE l.repository_id = ?1 AND l.sha256 = ?2), \
     EXISTS (SELECT 1 FROM manifest WHERE repository_id = ?1 AND sha256 = ?2)";

/// A reference as it was found.
pub(crate) struct Found {
    /// What the rule may know.
    pub(crate) presence: Presence,
    /// The sha256 column of a condemned blob, to be revived.
    pub(crate) condemned: Option<Vec<u8>>,
}

/// Looks each reference up, in order; all are absent without a repository.
pub(crate) fn find(
    connection: &Connection,
    repository: Option<i64>,
    references: &[(Role, Digest)],
) -> Result<Vec<Found>, Failure> {
    references.iter().map(|(role, digest)| one(connection, repository, *role, *digest)).collect()
}

fn one(
    connection: &Connection,
    repository: Option<i64>,
    role: Role,
    digest: Digest,
) -> Result<Found, Failure> {
    let sha256 = repository::sha256(connection, &digest)?;
    let found = rows::first(connection, PRESENCE, params![repository, sha256], |row| {
        let state = match row.get_ref(0)?.as_str_or_null()? {
            Some(_) => Some(rows::state(row, 0)?),
            None => None,
        };
        Ok((state, row.get(1)?))
    })?;
    let (state, manifest) = found.unwrap_or((None, false));
    let blob = matches!(state, Some(BlobState::Live | BlobState::Condemned));
    let condemned = (state == Some(BlobState::Condemned)).then_some(sha256);
    Ok(Found { presence: Presence { role, digest, blob, manifest }, condemned })
}
