//! Making the bytes of an upload a member of a repository.

use rusqlite::{Connection, params};
use store::{
    BlobKey, BlobPlace, BlobState, PublishBlob, PublishFacts, PublishPlan, Published, Rule,
    Timestamp,
};

use super::failure::Failure;
use super::{content, repository, rows, upload};

const KEY: &str = "SELECT key FROM blob WHERE sha256 = ?1";
const REVIVE: &str = "UPDATE blob SET state = 'live', used_at = ?2 WHERE sha256 = ?1";
const TAKE: &str = "INSERT INTO blob \
     (sha256, size, state, verified, created_at, used_at, key, content) \
     VALUES (?1, ?2, 'live', 1, ?3, ?3, ?4, ?5) \
     ON CONFLICT (sha256) DO UPDATE SET size = excluded.size, state = 'live', verified = 1, \
     used_at = excluded.used_at, key = excluded.key, content = excluded.content";
const LINK: &str = "INSERT INTO link (repository_id, sha256, at) VALUES (?1, ?2, ?3) \
     ON CONFLICT (repository_id, sha256) DO UPDATE SET at = max(at, excluded.at)";

/// Facts, rule, plan.
pub(crate) fn publish(
    connection: &Connection,
    command: &PublishBlob,
    rule: &Rule<PublishFacts, PublishPlan>,
) -> Result<Published, Failure> {
    let sha256 = command.sha256.to_column();
    let existing = content::state(connection, &sha256)?;
    let facts = PublishFacts { existing, has_bytes: command.place.is_some() };
    let unlink = match rule(&facts)? {
        PublishPlan::KeepExisting if existing.is_none() => {
            return Err(Failure::Failed(format!(
                "the plan keeps the row of {}, but there is none",
                command.sha256
            )));
        }
        PublishPlan::KeepExisting => {
            revive(connection, &sha256, command.at)?;
            loser(connection, command)?
        }
        PublishPlan::TakeNew => {
            let buried = match existing {
                Some(BlobState::Deleting) => held(connection, &sha256)?,
                _ => None,
            };
            take(connection, command)?;
            buried
                .filter(|old| !matches!(&command.place, Some(BlobPlace::Stored(new)) if new == old))
        }
    };
    let id = repository::ensure(connection, &command.repository, command.at)?;
    link(connection, id, &sha256, command.at)?;
    if let Some(sha512) = &command.sha512 {
        repository::add_alias(connection, sha512, &command.sha256)?;
    }
    if let Some(session) = &command.session {
        let named = command.sha512.unwrap_or(command.sha256);
        upload::finish(connection, session, &command.repository, &named, command.at)?;
    }
    Ok(Published { unlink })
}

/// Makes the row live and used now.
pub(crate) fn revive(connection: &Connection, sha256: &[u8], at: Timestamp) -> Result<(), Failure> {
    rows::change(connection, REVIVE, params![sha256, at.millis()]).map(drop)
}

/// Makes the blob a member, or one that was pushed again just now.
pub(crate) fn link(
    connection: &Connection,
    repository: i64,
    sha256: &[u8],
    at: Timestamp,
) -> Result<(), Failure> {
    rows::change(connection, LINK, params![repository, sha256, at.millis()]).map(drop)
}

/// The key that the row holds. A buried row was about to lose it, and once the
/// row has another nobody would remember it.
fn held(connection: &Connection, sha256: &[u8]) -> Result<Option<BlobKey>, Failure> {
    let key = rows::first(connection, KEY, [sha256], |row| {
        Ok(row.get_ref(0)?.as_str_or_null()?.map(BlobKey::new))
    })?;
    Ok(key.flatten())
}

/// The new key if the row holds another: a repeated publish of the same key
/// must not lose its bytes.
fn loser(connection: &Connection, command: &PublishBlob) -> Result<Option<BlobKey>, Failure> {
    let Some(BlobPlace::Stored(new)) = &command.place else { return Ok(None) };
    let held = rows::first(connection, KEY, [command.sha256.to_column()], |row| {
        Ok(row.get_ref(0)?.as_str_or_null()? == Some(new.as_str()))
    })?;
    Ok((held != Some(true)).then(|| new.clone()))
}

fn take(connection: &Connection, command: &PublishBlob) -> Result<(), Failure> {
    let (key, bytes) = match &command.place {
        Some(BlobPlace::Stored(key)) => (Some(key.as_str()), None),
        Some(BlobPlace::Inline(bytes)) => (None, Some(bytes.as_ref())),
        None => {
            return Err(Failure::Failed(format!(
                "the plan takes new bytes of {}, but none came along",
                command.sha256
            )));
        }
    };
    let (sha256, size) = (command.sha256.to_column(), rows::size_column(command.size)?);
    let values = params![sha256, size, command.at.millis(), key, bytes];
    rows::change(connection, TAKE, values).map(drop)
}
