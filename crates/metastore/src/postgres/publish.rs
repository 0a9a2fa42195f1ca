//! Making the bytes of an upload a member of a repository.
//!
//! The row of the digest is locked first, so a collector that wants to bury it
//! waits for us or we for it. A row that does not exist cannot be locked: of
//! two that make it, the second begins again and finds it.
//!
//! A push that brings bytes along has found no row. So it is tried as a whole
//! transaction of one trip first, of which the making of the row fails if there
//! is one.

use futures_util::future::try_join;
use store::{
    BlobKey, BlobPlace, BlobState, PublishBlob, PublishFacts, PublishPlan, Published, Rule,
    Timestamp,
};
use tokio_postgres::Row;

use super::args::{arg, args};
use super::failure::Failure;
use super::session::Last;
use super::transaction::{Guess, Tx, Work, or_fail};
use super::{repository, rows, upload};

pub(crate) const LOCK: &str =
    "SELECT state, verified::text, key FROM blob WHERE sha256 = $1 FOR NO KEY UPDATE";
const REVIVE: &str = "UPDATE blob SET state = 'live', used_at = $2 WHERE sha256 = ANY($1)";
const MAKE: &str = or_fail!(
    "INSERT INTO blob (sha256, size, state, verified, created_at, used_at, key, content) \
     VALUES ($1, $2, 'live', true, $3, $3, $4, $5) ON CONFLICT (sha256) DO NOTHING"
);
const TAKE: &str = "UPDATE blob SET size = $2, state = 'live', verified = true, used_at = $3, \
     key = $4, content = $5 WHERE sha256 = $1";
const LINK_BY_NAME: &str = or_fail!(
    "INSERT INTO link (repository_id, sha256, at) \
     SELECT id, $2, $3 FROM repository WHERE name = $1 \
     ON CONFLICT (repository_id, sha256) DO UPDATE SET at = greatest(link.at, excluded.at)"
);
const LINK: &str = "INSERT INTO link (repository_id, sha256, at) VALUES ($1, $2, $3) \
     ON CONFLICT (repository_id, sha256) DO UPDATE SET at = greatest(link.at, excluded.at)";

/// A row that is ours until the transaction ends.
struct Held {
    state: BlobState,
    verified: bool,
    key: Option<BlobKey>,
}

impl Held {
    /// As a rule sees it: bytes that nobody has hashed count as damaged.
    fn seen(&self) -> BlobState {
        match self.state {
            BlobState::Live | BlobState::Condemned if !self.verified => BlobState::Damaged,
            state => state,
        }
    }
}

fn held(row: &Row) -> Result<Held, Failure> {
    Ok(Held {
        state: rows::state(row, 0)?,
        verified: rows::get::<&str>(row, 1)? == "true",
        key: rows::key_or_null(row, 2)?,
    })
}

/// Facts, rule, plan.
pub(crate) struct Publish {
    pub(crate) command: PublishBlob,
    pub(crate) rule: Rule<PublishFacts, PublishPlan>,
}

impl Work for Publish {
    type Output = Published;

    async fn run(&self, tx: &Tx) -> Result<Published, Failure> {
        let command = &self.command;
        let sha256 = command.sha256.to_column();
        let (existing, known) = try_join(
            tx.first(LOCK, args![&sha256], held),
            repository::find(tx, &command.repository),
        )
        .await?;
        let facts = PublishFacts {
            existing: existing.as_ref().map(Held::seen),
            has_bytes: command.place.is_some(),
        };
        let plan = (self.rule)(&facts)?;
        let unlink = unlink(command, plan, existing.as_ref())?;
        let id = repository::ensure(tx, known, &command.repository, command.at).await?;
        // In this order: the link needs the row.
        tx.keep(applying(command, plan, existing.is_some())?);
        tx.keep(linking(id, sha256, command.at));
        ending(command)?.into_iter().for_each(|last| tx.keep(last));
        Ok(Published { unlink })
    }

    fn guess(&self) -> Option<Guess<Published>> {
        let command = &self.command;
        let (name, sha256, at) = (&command.repository, command.sha256.to_column(), command.at);
        command.place.as_ref()?;
        let plan = (self.rule)(&PublishFacts { existing: None, has_bytes: true }).ok()?;
        if plan != PublishPlan::TakeNew {
            return None;
        }
        let link = vec![arg(name.as_str().to_owned()), arg(sha256), arg(at.millis())];
        let mut statements = vec![
            repository::making_sure(name, at),
            applying(command, plan, false).ok()?,
            Last::new(LINK_BY_NAME, link).or(|| Failure::Race("a repository came and went")),
        ];
        statements.extend(ending(command).ok()?);
        Some(Guess { statements, output: Published { unlink: None } })
    }
}

/// The key that no row will hold: the new one if it lost, or that of a buried
/// row, which nobody would remember once the row has another.
fn unlink(
    command: &PublishBlob,
    plan: PublishPlan,
    existing: Option<&Held>,
) -> Result<Option<BlobKey>, Failure> {
    let new = match &command.place {
        Some(BlobPlace::Stored(key)) => Some(key),
        _ => None,
    };
    let old = existing.and_then(|held| held.key.as_ref());
    match (plan, existing) {
        (PublishPlan::KeepExisting, None) => Err(Failure::Failed(format!(
            "the plan keeps the row of {}, but there is none",
            command.sha256
        ))),
        // A repeated publish of the same key must not lose its bytes.
        (PublishPlan::KeepExisting, Some(_)) => Ok(new.filter(|new| old != Some(*new)).cloned()),
        (PublishPlan::TakeNew, _) if command.place.is_none() => Err(Failure::Failed(format!(
            "the plan takes new bytes of {}, but none came along",
            command.sha256
        ))),
        (PublishPlan::TakeNew, Some(held)) if held.state == BlobState::Deleting => {
            Ok(old.filter(|old| new != Some(*old)).cloned())
        }
        (PublishPlan::TakeNew, _) => Ok(None),
    }
}

/// What the plan does to the row of the blob.
fn applying(command: &PublishBlob, plan: PublishPlan, exists: bool) -> Result<Last, Failure> {
    let (sha256, at) = (command.sha256.to_column(), command.at);
    if plan == PublishPlan::KeepExisting {
        return Ok(reviving(vec![sha256], at));
    }
    let (key, content) = match &command.place {
        Some(BlobPlace::Stored(key)) => (Some(key.as_str().to_owned()), None),
        Some(BlobPlace::Inline(bytes)) => (None, Some(bytes.to_vec())),
        None => (None, None),
    };
    let size = rows::size_column(command.size)?;
    let values = vec![arg(sha256), arg(size), arg(at.millis()), arg(key), arg(content)];
    Ok(match exists {
        // It is locked, so it is there.
        true => Last::new(TAKE, values),
        false => Last::new(MAKE, values).or(|| Failure::Race("two pushes of one blob met")),
    })
}

/// What follows the link: the other name, and the end of the upload.
fn ending(command: &PublishBlob) -> Result<Vec<Last>, Failure> {
    let mut ending = Vec::new();
    if let Some(sha512) = &command.sha512 {
        ending.push(repository::adding_alias(sha512, &command.sha256));
    }
    if let Some(session) = &command.session {
        let named = command.sha512.as_ref().unwrap_or(&command.sha256);
        ending.push(upload::finishing(session, &command.repository, named, command.at)?);
    }
    Ok(ending)
}

/// Locks the row of a blob; what state it is in.
pub(crate) async fn lock(tx: &Tx, sha256: &Vec<u8>) -> Result<Option<BlobState>, Failure> {
    Ok(tx.first(LOCK, args![sha256], held).await?.map(|held| held.state))
}

/// A statement that makes rows live and used now; they are locked, or linked.
pub(crate) fn reviving(sha256: Vec<Vec<u8>>, at: Timestamp) -> Last {
    Last::new(REVIVE, vec![arg(sha256), arg(at.millis())])
}

/// A statement that makes the blob a member, or one that was pushed again just
/// now.
pub(crate) fn linking(repository: i64, sha256: Vec<u8>, at: Timestamp) -> Last {
    Last::new(LINK, vec![arg(repository), arg(sha256), arg(at.millis())])
}
