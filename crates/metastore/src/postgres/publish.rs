//! Making the bytes of an upload a member of a repository.
//!
//! The row of the digest is locked first, so a collector that wants to bury it
//! waits for us or we for it. A row that does not exist cannot be locked: of
//! two that make it, the second begins again and finds it.

use futures_util::future::{try_join, try_join4};
use store::{
    BlobKey, BlobPlace, BlobState, PublishBlob, PublishFacts, PublishPlan, Published, Rule,
    Timestamp,
};
use tokio_postgres::Row;

use super::args::args;
use super::failure::Failure;
use super::transaction::{Tx, Work};
use super::{repository, rows, upload};

pub(crate) const LOCK: &str =
    "SELECT state, verified::text, key FROM blob WHERE sha256 = $1 FOR NO KEY UPDATE";
const REVIVE: &str = "UPDATE blob SET state = 'live', used_at = $2 WHERE sha256 = ANY($1)";
const MAKE: &str = "INSERT INTO blob \
     (sha256, size, state, verified, created_at, used_at, key, content) \
     VALUES ($1, $2, 'live', true, $3, $3, $4, $5) ON CONFLICT (sha256) DO NOTHING";
const TAKE: &str = "UPDATE blob SET size = $2, state = 'live', verified = true, used_at = $3, \
     key = $4, content = $5 WHERE sha256 = $1";
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
        let named = command.sha512.as_ref().unwrap_or(&command.sha256);
        // In this order: the link needs the row.
        try_join4(
            apply(tx, command, plan, existing.is_some()),
            link(tx, id, &sha256, command.at),
            repository::add_alias(tx, command.sha512.as_ref(), &command.sha256),
            upload::finish(tx, command.session.as_ref(), &command.repository, named, command.at),
        )
        .await?;
        Ok(Published { unlink })
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

async fn apply(
    tx: &Tx,
    command: &PublishBlob,
    plan: PublishPlan,
    exists: bool,
) -> Result<(), Failure> {
    if plan == PublishPlan::KeepExisting {
        return revive(tx, &vec![command.sha256.to_column()], command.at).await;
    }
    let (key, content) = match &command.place {
        Some(BlobPlace::Stored(key)) => (Some(key.as_str()), None),
        Some(BlobPlace::Inline(bytes)) => (None, Some(bytes.as_ref())),
        None => (None, None),
    };
    let size = rows::size_column(command.size)?;
    let sql = if exists { TAKE } else { MAKE };
    let values = args![command.sha256.to_column(), size, command.at.millis(), key, content];
    match tx.change(sql, values).await? {
        0 => Err(Failure::Race("two pushes of one blob met")),
        _ => Ok(()),
    }
}

/// Locks the row of a blob; what state it is in.
pub(crate) async fn lock(tx: &Tx, sha256: &Vec<u8>) -> Result<Option<BlobState>, Failure> {
    Ok(tx.first(LOCK, args![sha256], held).await?.map(|held| held.state))
}

/// Makes rows live and used now.
pub(crate) async fn revive(tx: &Tx, sha256: &Vec<Vec<u8>>, at: Timestamp) -> Result<(), Failure> {
    if sha256.is_empty() {
        return Ok(());
    }
    tx.change(REVIVE, args![sha256, at.millis()]).await.map(drop)
}

/// Makes the blob a member, or one that was pushed again just now.
pub(crate) async fn link(
    tx: &Tx,
    repository: i64,
    sha256: &Vec<u8>,
    at: Timestamp,
) -> Result<(), Failure> {
    tx.change(LINK, args![repository, sha256, at.millis()]).await.map(drop)
}
