//! Linking a blob that another repository has.

use oci::RepositoryName;
use rusqlite::{Connection, params};
use store::{BlobState, MountBlob, MountFacts, Rule};

use super::failure::Failure;
use super::{publish, repository, rows};

// Of a blob that very many have, some will do: all other writes wait for this.
pub(crate) const SOURCES: &str = "SELECT r.name FROM repository r WHERE r.id IN \
     (SELECT repository_id FROM link WHERE sha256 = ?1 ORDER BY repository_id LIMIT 1000) \
     AND EXISTS (SELECT 1 FROM blob b WHERE b.sha256 = ?1 AND b.state IN ('live', 'condemned')) \
     ORDER BY r.name LIMIT 100";
pub(crate) const SOURCE: &str = "SELECT r.name FROM repository r \
     JOIN link l ON l.repository_id = r.id AND l.sha256 = ?1 \
     JOIN blob b ON b.sha256 = l.sha256 \
     WHERE r.name = ?2 AND b.state IN ('live', 'condemned')";
const STATE: &str = "SELECT state FROM blob WHERE sha256 = ?1";

/// Facts, rule, plan.
pub(crate) fn mount(
    connection: &Connection,
    command: &MountBlob,
    rule: &Rule<MountFacts, ()>,
) -> Result<(), Failure> {
    let sha256 = repository::sha256(connection, &command.digest)?;
    rule(&MountFacts { sources: sources(connection, &sha256, command.from.as_ref())? })?;
    let state = rows::first(connection, STATE, [&sha256], |row| rows::state(row, 0))?;
    if !matches!(state, Some(BlobState::Live | BlobState::Condemned)) {
        return Err(Failure::Failed(format!(
            "the plan mounts {}, but there is no such blob",
            command.digest
        )));
    }
    let id = repository::ensure(connection, &command.repository, command.at)?;
    publish::revive(connection, &sha256, command.at)?;
    publish::link(connection, id, &sha256, command.at)
}

fn sources(
    connection: &Connection,
    sha256: &[u8],
    from: Option<&RepositoryName>,
) -> Result<Vec<RepositoryName>, Failure> {
    let name = |row: &rusqlite::Row<'_>| rows::repository(row, 0);
    match from {
        Some(from) => rows::list(connection, SOURCE, params![sha256, from.as_str()], name),
        None => rows::list(connection, SOURCES, [sha256], name),
    }
}
