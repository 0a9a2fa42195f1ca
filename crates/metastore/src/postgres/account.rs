//! `AccountStore`: accounts, teams, tokens and what decides about them.

use async_trait::async_trait;
use store::{
    AccessChange, AccessFacts, AccountId, AccountKind, AccountRecord, AccountStore, AuditNote,
    ChangedAccess, CredentialId, CredentialRecord, GrantRecord, PolicyRecord, RoleRecord, Rule,
    SecretHash, StoreError, TeamRecord, Timestamp, VisibilityRecord, WriteError,
};
use tokio_postgres::Row;

use super::args::args;
use super::change::Change;
use super::failure::Failure;
use super::transaction::{Tx, Work};
use super::{Postgres, rows};
use crate::access::{PAGE, STEP, account_kind, parse_account_kind, parse_credential_kind};
use crate::hold::held;

/// What [`account`] reads of a row `a` of `account`.
macro_rules! account {
    () => {
        "a.id, a.kind, a.name, a.source, a.is_admin, a.is_disabled, a.secret, a.epoch, \
         a.expires, a.created_at, a.source_id, \
         ARRAY(SELECT m.team FROM team_member m WHERE m.account_id = a.id ORDER BY m.team), \
         ARRAY(SELECT g.name FROM account_group g WHERE g.account_id = a.id ORDER BY g.name)"
    };
}

/// What [`credential`] reads of a row `c` of `credential`.
macro_rules! credential {
    () => {
        "c.id, c.account_id, c.kind, c.label, c.scopes, c.epoch, c.created_at, c.expires, \
         c.last_used"
    };
}
/// How many columns that is.
pub(crate) const CREDENTIAL: usize = 9;

const VERSION: &str = "SELECT version FROM access_version WHERE id = 1";
// One statement is one moment.
const POLICY: &str = "SELECT * FROM ( \
         SELECT 0::bigint AS part, version, '' AS a, '' AS b, '' AS c, '{}'::text[] AS actions \
             FROM access_version WHERE id = 1 \
         UNION ALL SELECT 1, 0, name, '', '', actions FROM role \
         UNION ALL SELECT 2, 0, subject, pattern, role, '{}' FROM access_grant \
         UNION ALL SELECT 3, 0, pattern, visibility, '', '{}' FROM visibility) AS policy \
     ORDER BY part, a COLLATE \"C\", b COLLATE \"C\", c COLLATE \"C\"";
pub(crate) const ACCOUNT: &str =
    concat!("SELECT ", account!(), " FROM account a WHERE a.kind = $1 AND a.name = $2");
pub(crate) const ACCOUNT_BY_ID: &str =
    concat!("SELECT ", account!(), " FROM account a WHERE a.id = $1");
pub(crate) const ACCOUNTS: &str = concat!(
    "SELECT ",
    account!(),
    " FROM account a WHERE a.kind = $1 AND a.name > $2 ORDER BY a.name LIMIT $3"
);
pub(crate) const ACCOUNTS_BY_ID: &str =
    concat!("SELECT ", account!(), " FROM account a WHERE a.id > $1 ORDER BY a.id LIMIT $2");
pub(crate) const CREDENTIAL_AND_ACCOUNT: &str = concat!(
    "SELECT ",
    credential!(),
    ", ",
    account!(),
    " FROM credential c JOIN account a ON a.id = c.account_id WHERE c.hash = $1"
);
pub(crate) const CREDENTIAL_BY_ID: &str =
    concat!("SELECT ", credential!(), " FROM credential c WHERE c.id = $1");
pub(crate) const CREDENTIALS: &str = concat!(
    "SELECT ",
    credential!(),
    " FROM credential c WHERE c.account_id = $1 ORDER BY c.id LIMIT $2"
);
/// With the hash behind the rest.
pub(crate) const CREDENTIALS_BY_ID: &str = concat!(
    "SELECT ",
    credential!(),
    ", c.hash FROM credential c WHERE c.id > $1 ORDER BY c.id LIMIT $2"
);
pub(crate) const TEAMS: &str = "SELECT t.name, t.created_at, \
     ARRAY(SELECT a.name FROM team_member m JOIN account a ON a.id = m.account_id \
         WHERE m.team = t.name ORDER BY a.name) \
     FROM team t WHERE t.name > $1 ORDER BY t.name LIMIT $2";
// What somebody else notes or removes right now is passed over, so this waits
// for nobody.
pub(crate) const NOTE_USE: &str = "UPDATE credential c \
     SET last_used = greatest(c.last_used, u.at) \
     FROM (SELECT id, max(at) AS at FROM unnest($1::bigint[], $2::bigint[]) AS n (id, at) \
         GROUP BY id) AS u \
     WHERE c.id = u.id AND c.id IN (SELECT id FROM credential WHERE id = ANY($1) \
         FOR NO KEY UPDATE SKIP LOCKED)";
pub(crate) const REMOVE_ENDED: &str = "DELETE FROM credential WHERE id IN \
     (SELECT id FROM credential WHERE expires < $1 ORDER BY expires LIMIT $2 \
         FOR UPDATE SKIP LOCKED)";

pub(crate) fn account(row: &Row, start: usize) -> Result<AccountRecord, Failure> {
    let kind = rows::get(row, start + 1)?;
    let kind = parse_account_kind(kind)
        .ok_or_else(|| Failure::Damaged(format!("an account of the metadata is a {kind:?}")))?;
    Ok(AccountRecord {
        id: AccountId(rows::get(row, start)?),
        kind,
        name: rows::get(row, start + 2)?,
        source: rows::get(row, start + 3)?,
        is_admin: rows::get(row, start + 4)?,
        is_disabled: rows::get(row, start + 5)?,
        secret: rows::get::<Option<String>>(row, start + 6)?.map(SecretHash),
        epoch: rows::size(row, start + 7)?,
        expires: rows::time_or_null(row, start + 8)?,
        created: rows::time(row, start + 9)?,
        source_id: rows::get(row, start + 10)?,
        teams: rows::get(row, start + 11)?,
        groups: rows::get(row, start + 12)?,
    })
}

pub(crate) fn credential(row: &Row) -> Result<CredentialRecord, Failure> {
    let kind = rows::get(row, 2)?;
    let kind = parse_credential_kind(kind)
        .ok_or_else(|| Failure::Damaged(format!("a token of the metadata is a {kind:?}")))?;
    Ok(CredentialRecord {
        id: CredentialId(rows::get(row, 0)?),
        account: AccountId(rows::get(row, 1)?),
        kind,
        label: rows::get(row, 3)?,
        scopes: rows::get(row, 4)?,
        epoch: rows::size(row, 5)?,
        created: rows::time(row, 6)?,
        expires: rows::time_or_null(row, 7)?,
        last_used: rows::time_or_null(row, 8)?,
    })
}

/// One row of [`POLICY`].
enum Part {
    Version(u64),
    Role(RoleRecord),
    Grant(GrantRecord),
    Visibility(VisibilityRecord),
}

fn part(row: &Row) -> Result<Part, Failure> {
    Ok(match rows::get::<i64>(row, 0)? {
        0 => Part::Version(rows::size(row, 1)?),
        1 => Part::Role(RoleRecord { name: rows::get(row, 2)?, actions: rows::get(row, 5)? }),
        2 => Part::Grant(GrantRecord {
            subject: rows::get(row, 2)?,
            role: rows::get(row, 4)?,
            pattern: rows::get(row, 3)?,
        }),
        _ => Part::Visibility(VisibilityRecord {
            pattern: rows::get(row, 2)?,
            visibility: rows::get(row, 3)?,
        }),
    })
}

/// When tokens were used, as arrays of numbers and times.
struct NoteUse(Vec<i64>, Vec<i64>);

impl Work for NoteUse {
    type Output = ();

    async fn run(&self, tx: &Tx) -> Result<(), Failure> {
        tx.change(NOTE_USE, args![&self.0, &self.1]).await.map(drop)
    }
}

struct RemoveEnded {
    before: Timestamp,
    limit: i64,
}

impl Work for RemoveEnded {
    type Output = u64;

    async fn run(&self, tx: &Tx) -> Result<u64, Failure> {
        tx.change(REMOVE_ENDED, args![self.before.millis(), self.limit]).await
    }
}

/// The exclusive start of a page of names. No name has a zero byte, which is
/// no text here, so the names after what stands before it are the same.
fn start(after: Option<&str>) -> &str {
    after.unwrap_or_default().split('\0').next().unwrap_or_default()
}

#[async_trait]
impl AccountStore for Postgres {
    async fn access_version(&self) -> Result<u64, StoreError> {
        self.first(VERSION, args![], |row| rows::size(row, 0))
            .await?
            .ok_or_else(|| StoreError::Damaged("the metadata has no version of accounts".into()))
    }

    async fn policy(&self) -> Result<PolicyRecord, StoreError> {
        let mut policy = PolicyRecord::default();
        for part in self.list(POLICY, args![], part).await? {
            match part {
                Part::Version(version) => policy.version = version,
                Part::Role(role) => policy.roles.push(role),
                Part::Grant(grant) => policy.grants.push(grant),
                Part::Visibility(visibility) => policy.visibilities.push(visibility),
            }
        }
        Ok(policy)
    }

    async fn account(
        &self,
        kind: AccountKind,
        name: &str,
    ) -> Result<Option<AccountRecord>, StoreError> {
        if name.contains('\0') {
            return Ok(None);
        }
        self.first(ACCOUNT, args![account_kind(kind), name], |row| account(row, 0)).await
    }

    async fn account_by_id(&self, id: AccountId) -> Result<Option<AccountRecord>, StoreError> {
        self.first(ACCOUNT_BY_ID, args![id.0], |row| account(row, 0)).await
    }

    async fn credential(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<(CredentialRecord, AccountRecord)>, StoreError> {
        let read = |row: &Row| Ok((credential(row)?, account(row, CREDENTIAL)?));
        self.first(CREDENTIAL_AND_ACCOUNT, args![hash.as_slice()], read).await
    }

    async fn credential_by_id(
        &self,
        id: CredentialId,
    ) -> Result<Option<CredentialRecord>, StoreError> {
        self.first(CREDENTIAL_BY_ID, args![id.0], credential).await
    }

    async fn accounts(
        &self,
        kind: AccountKind,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<AccountRecord>, StoreError> {
        let page = args![account_kind(kind), start(after), rows::limit(limit.min(PAGE))];
        self.list(ACCOUNTS, page, |row| account(row, 0)).await
    }

    async fn teams(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<TeamRecord>, StoreError> {
        self.list(TEAMS, args![start(after), rows::limit(limit.min(PAGE))], |row| {
            let (name, members) = (rows::get(row, 0)?, rows::get(row, 2)?);
            Ok(TeamRecord { name, members, created: rows::time(row, 1)? })
        })
        .await
    }

    async fn credentials(&self, account: AccountId) -> Result<Vec<CredentialRecord>, StoreError> {
        self.list(CREDENTIALS, args![account.0, rows::limit(PAGE)], credential).await
    }

    async fn change_access(
        &self,
        steps: Vec<AccessChange>,
        rule: Rule<AccessFacts, ()>,
        notes: Vec<AuditNote>,
        at: Timestamp,
    ) -> Result<ChangedAccess, WriteError> {
        let raises = steps.iter().any(AccessChange::raises_version);
        let _passing = self.hold.pass().await.ok_or_else(held)?;
        let changed = self.write_hard(Change { steps, rule, notes, at }).await?;
        if raises {
            self.listener.changed();
        }
        Ok(changed)
    }

    async fn note_use(&self, uses: Vec<(CredentialId, Timestamp)>) -> Result<(), StoreError> {
        for step in uses.chunks(STEP) {
            let (ids, times) = step.iter().map(|(id, at)| (id.0, at.millis())).unzip();
            self.write_bulk_softly(NoteUse(ids, times)).await?;
        }
        Ok(())
    }

    async fn remove_ended_credentials(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let Some(_passing) = self.hold.pass().await else { return Ok(0) };
        let mut total = 0;
        while total < limit {
            let step = (limit - total).min(STEP);
            let removed = self.write_bulk(RemoveEnded { before, limit: rows::limit(step) }).await?;
            let removed = usize::try_from(removed).unwrap_or(usize::MAX);
            total += removed;
            if removed < step {
                break;
            }
        }
        Ok(total)
    }
}
