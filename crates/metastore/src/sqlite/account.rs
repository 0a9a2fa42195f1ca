//! `AccountStore`: accounts, teams, tokens and what decides about them.

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};
use store::{
    AccessChange, AccessFacts, AccountId, AccountKind, AccountRecord, AccountStore, AuditNote,
    ChangedAccess, CredentialId, CredentialRecord, GrantRecord, PolicyRecord, RoleRecord, Rule,
    SecretHash, StoreError, TeamRecord, Timestamp, VisibilityRecord, WriteError,
};

use super::failure::Failure;
use super::{Sqlite, change, rows};
use crate::access::{PAGE, STEP, parse_account_kind, parse_credential_kind};
use crate::hold::held;

/// What [`account`] reads of a row `a` of `account`.
macro_rules! account {
    () => {
        "a.id, a.kind, a.name, a.source, a.is_admin, a.is_disabled, a.secret, a.epoch, \
         a.expires, a.created_at, a.source_id, \
         (SELECT json_group_array(m.team ORDER BY m.team) FROM team_member m \
             WHERE m.account_id = a.id), \
         (SELECT json_group_array(g.name ORDER BY g.name) FROM account_group g \
             WHERE g.account_id = a.id)"
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
const ROLES: &str = "SELECT name, actions FROM role ORDER BY name";
const GRANTS: &str =
    "SELECT subject, role, pattern FROM access_grant ORDER BY subject, pattern, role";
const VISIBILITIES: &str = "SELECT pattern, visibility FROM visibility ORDER BY pattern";
pub(crate) const ACCOUNT: &str =
    concat!("SELECT ", account!(), " FROM account a WHERE a.kind = ?1 AND a.name = ?2");
pub(crate) const ACCOUNT_BY_ID: &str =
    concat!("SELECT ", account!(), " FROM account a WHERE a.id = ?1");
pub(crate) const ACCOUNTS: &str = concat!(
    "SELECT ",
    account!(),
    " FROM account a WHERE a.kind = ?1 AND a.name > ?2 ORDER BY a.name LIMIT ?3"
);
pub(crate) const ACCOUNTS_BY_ID: &str =
    concat!("SELECT ", account!(), " FROM account a WHERE a.id > ?1 ORDER BY a.id LIMIT ?2");
pub(crate) const CREDENTIAL_AND_ACCOUNT: &str = concat!(
    "SELECT ",
    credential!(),
    ", ",
    account!(),
    " FROM credential c JOIN account a ON a.id = c.account_id WHERE c.hash = ?1"
);
pub(crate) const CREDENTIAL_BY_ID: &str =
    concat!("SELECT ", credential!(), " FROM credential c WHERE c.id = ?1");
pub(crate) const CREDENTIALS: &str = concat!(
    "SELECT ",
    credential!(),
    " FROM credential c WHERE c.account_id = ?1 ORDER BY c.id LIMIT ?2"
);
/// With the hash behind the rest.
pub(crate) const CREDENTIALS_BY_ID: &str = concat!(
    "SELECT ",
    credential!(),
    ", c.hash FROM credential c WHERE c.id > ?1 ORDER BY c.id LIMIT ?2"
);
pub(crate) const TEAMS: &str = "SELECT t.name, t.created_at, \
     (SELECT json_group_array(a.name ORDER BY a.name) FROM team_member m \
         JOIN account a ON a.id = m.account_id WHERE m.team = t.name) \
     FROM team t WHERE t.name > ?1 ORDER BY t.name LIMIT ?2";
pub(crate) const NOTE_USE: &str =
    "UPDATE credential SET last_used = max(coalesce(last_used, ?2), ?2) WHERE id = ?1";
pub(crate) const REMOVE_ENDED: &str = "DELETE FROM credential WHERE id IN \
     (SELECT id FROM credential WHERE expires < ?1 ORDER BY expires LIMIT ?2)";

fn version(connection: &Connection) -> Result<u64, Failure> {
    rows::first(connection, VERSION, [], |row| rows::size(row, 0))?
        .ok_or_else(|| Failure::Damaged("the metadata has no version of accounts".into()))
}

fn texts(row: &Row<'_>, column: usize) -> Result<Vec<String>, Failure> {
    serde_json::from_str(row.get_ref(column)?.as_str()?)
        .map_err(|error| Failure::Damaged(format!("a column of the metadata is no list: {error}")))
}

pub(crate) fn account(row: &Row<'_>, start: usize) -> Result<AccountRecord, Failure> {
    let kind = row.get_ref(start + 1)?.as_str()?;
    let kind = parse_account_kind(kind)
        .ok_or_else(|| Failure::Damaged(format!("an account of the metadata is a {kind:?}")))?;
    Ok(AccountRecord {
        id: AccountId(row.get(start)?),
        kind,
        name: row.get(start + 2)?,
        source: row.get(start + 3)?,
        is_admin: row.get(start + 4)?,
        is_disabled: row.get(start + 5)?,
        secret: row.get::<_, Option<String>>(start + 6)?.map(SecretHash),
        epoch: rows::size(row, start + 7)?,
        expires: rows::time_or_null(row, start + 8)?,
        created: rows::time(row, start + 9)?,
        source_id: row.get(start + 10)?,
        teams: texts(row, start + 11)?,
        groups: texts(row, start + 12)?,
    })
}

pub(crate) fn credential(row: &Row<'_>) -> Result<CredentialRecord, Failure> {
    let kind = row.get_ref(2)?.as_str()?;
    let kind = parse_credential_kind(kind)
        .ok_or_else(|| Failure::Damaged(format!("a token of the metadata is a {kind:?}")))?;
    Ok(CredentialRecord {
        id: CredentialId(row.get(0)?),
        account: AccountId(row.get(1)?),
        kind,
        label: row.get(3)?,
        scopes: texts(row, 4)?,
        epoch: rows::size(row, 5)?,
        created: rows::time(row, 6)?,
        expires: rows::time_or_null(row, 7)?,
        last_used: rows::time_or_null(row, 8)?,
    })
}

fn policy(connection: &Connection) -> Result<PolicyRecord, Failure> {
    // A reader has a transaction already, unless something is being written.
    let moment =
        connection.is_autocommit().then(|| connection.unchecked_transaction()).transpose()?;
    let policy = PolicyRecord {
        version: version(connection)?,
        roles: rows::list(connection, ROLES, [], |row| {
            Ok(RoleRecord { name: row.get(0)?, actions: texts(row, 1)? })
        })?,
        grants: rows::list(connection, GRANTS, [], |row| {
            Ok(GrantRecord { subject: row.get(0)?, role: row.get(1)?, pattern: row.get(2)? })
        })?,
        visibilities: rows::list(connection, VISIBILITIES, [], |row| {
            Ok(VisibilityRecord { pattern: row.get(0)?, visibility: row.get(1)? })
        })?,
    };
    moment.map(rusqlite::Transaction::commit).transpose()?;
    Ok(policy)
}

#[async_trait]
impl AccountStore for Sqlite {
    async fn access_version(&self) -> Result<u64, StoreError> {
        self.read(version)
    }

    async fn policy(&self) -> Result<PolicyRecord, StoreError> {
        self.read_slowly(policy).await
    }

    async fn account(
        &self,
        kind: AccountKind,
        name: &str,
    ) -> Result<Option<AccountRecord>, StoreError> {
        let key = params![crate::access::account_kind(kind), name];
        self.read(|connection| rows::first(connection, ACCOUNT, key, |row| account(row, 0)))
    }

    async fn account_by_id(&self, id: AccountId) -> Result<Option<AccountRecord>, StoreError> {
        self.read(|connection| {
            rows::first(connection, ACCOUNT_BY_ID, [id.0], |row| account(row, 0))
        })
    }

    async fn credential(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<(CredentialRecord, AccountRecord)>, StoreError> {
        self.read(|connection| {
            rows::first(connection, CREDENTIAL_AND_ACCOUNT, [hash.as_slice()], |row| {
                Ok((credential(row)?, account(row, CREDENTIAL)?))
            })
        })
    }

    async fn credential_by_id(
        &self,
        id: CredentialId,
    ) -> Result<Option<CredentialRecord>, StoreError> {
        self.read(|connection| rows::first(connection, CREDENTIAL_BY_ID, [id.0], credential))
    }

    async fn accounts(
        &self,
        kind: AccountKind,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<AccountRecord>, StoreError> {
        let limit = rows::limit(limit.min(PAGE));
        let start = params![crate::access::account_kind(kind), after.unwrap_or_default(), limit];
        self.read(|connection| rows::list(connection, ACCOUNTS, start, |row| account(row, 0)))
    }

    async fn teams(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<TeamRecord>, StoreError> {
        let start = params![after.unwrap_or_default(), rows::limit(limit.min(PAGE))];
        self.read(|connection| {
            rows::list(connection, TEAMS, start, |row| {
                let (name, members) = (row.get(0)?, texts(row, 2)?);
                Ok(TeamRecord { name, members, created: rows::time(row, 1)? })
            })
        })
    }

    async fn credentials(&self, account: AccountId) -> Result<Vec<CredentialRecord>, StoreError> {
        let start = [account.0, rows::limit(PAGE)];
        self.read(|connection| rows::list(connection, CREDENTIALS, start, credential))
    }

    async fn change_access(
        &self,
        steps: Vec<AccessChange>,
        rule: Rule<AccessFacts, ()>,
        notes: Vec<AuditNote>,
        at: Timestamp,
    ) -> Result<ChangedAccess, WriteError> {
        let raises = steps.iter().any(AccessChange::raises_version);
        let work =
            move |connection: &Connection| change::change(connection, &steps, &rule, &notes, at);
        let _passing = self.hold.pass().await.ok_or_else(held)?;
        let changed = self.write_hard(work).await?;
        if raises {
            self.access.notify_waiters();
        }
        Ok(changed)
    }

    async fn note_use(&self, uses: Vec<(CredentialId, Timestamp)>) -> Result<(), StoreError> {
        for step in uses.chunks(STEP) {
            let step = step.to_vec();
            self.write_bulk_softly(move |connection| {
                step.iter().try_for_each(|(id, at)| {
                    rows::change(connection, NOTE_USE, [id.0, at.millis()]).map(drop)
                })
            })
            .await?;
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
            let which = [before.millis(), rows::limit(step)];
            let removed =
                self.write_bulk(move |connection| rows::change(connection, REMOVE_ENDED, which));
            let removed = removed.await?;
            total += removed;
            if removed < step {
                break;
            }
        }
        Ok(total)
    }
}
