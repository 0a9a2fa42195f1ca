//! `AccountWalk`: accounts, grants and the log, as they are elsewhere.

use async_trait::async_trait;
use rusqlite::{Connection, params};
use store::{
    AccountId, AccountRecord, AccountWalk, AuditRecord, CredentialId, CredentialWalk, LastNumbers,
    Page, RestoreAccess, StoreError, Timestamp,
};

use super::account::{self, CREDENTIAL};
use super::failure::Failure;
use super::lease::now;
use super::{Sqlite, change, rows};
use crate::access::{STEP, account_kind, credential_kind};
use crate::audit_prune::count;

/// A table of a row per table.
const LAST_NUMBER: &str = "SELECT seq FROM sqlite_sequence WHERE name = ?1";
const RAISE_NUMBER: &str = "UPDATE sqlite_sequence SET seq = max(seq, ?2) WHERE name = ?1";
const FIRST_NUMBER: &str = "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)";

const PUT_TEAM: &str = "INSERT INTO team (name, created_at) VALUES (?1, ?2) \
     ON CONFLICT (name) DO UPDATE SET created_at = excluded.created_at";
pub(crate) const FREE_NAME: &str = "DELETE FROM account WHERE kind = ?1 AND name = ?2 AND id <> ?3";
const PUT_ACCOUNT: &str = "INSERT INTO account \
     (id, kind, name, source, is_admin, is_disabled, secret, epoch, expires, created_at, \
      source_id) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
     ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, name = excluded.name, \
         source = excluded.source, is_admin = excluded.is_admin, \
         is_disabled = excluded.is_disabled, secret = excluded.secret, epoch = excluded.epoch, \
         expires = excluded.expires, created_at = excluded.created_at, \
         source_id = excluded.source_id";
pub(crate) const LEAVE_TEAMS: &str = "DELETE FROM team_member WHERE account_id = ?1";
pub(crate) const REMOVE_ACCOUNT: &str = "DELETE FROM account WHERE id = ?1";
pub(crate) const FREE_TOKEN: &str = "DELETE FROM credential WHERE hash = ?1 AND id <> ?2";
const PUT_CREDENTIAL: &str = "INSERT INTO credential \
     (id, account_id, kind, hash, label, scopes, epoch, created_at, expires, last_used) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) \
     ON CONFLICT (id) DO UPDATE SET account_id = excluded.account_id, kind = excluded.kind, \
         hash = excluded.hash, label = excluded.label, scopes = excluded.scopes, \
         epoch = excluded.epoch, created_at = excluded.created_at, expires = excluded.expires, \
         last_used = excluded.last_used";
pub(crate) const REMOVE_CREDENTIAL: &str = "DELETE FROM credential WHERE id = ?1";
const PUT_LINE: &str = concat!(
    "INSERT INTO audit (id, at, written, actor, via, address, action, target, outcome, request, \
     detail, count, sequence, hash) VALUES (?1, ?2, ",
    now!(),
    ", ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) \
     ON CONFLICT (id) DO UPDATE SET at = excluded.at, written = excluded.written, \
         actor = excluded.actor, via = excluded.via, address = excluded.address, \
         action = excluded.action, target = excluded.target, outcome = excluded.outcome, \
         request = excluded.request, detail = excluded.detail, count = excluded.count, \
         sequence = excluded.sequence, hash = excluded.hash"
);
pub(crate) const REMOVE_LINES: &str = "DELETE FROM audit WHERE id IN \
     (SELECT id FROM audit WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3)";

fn credential(row: &rusqlite::Row<'_>) -> Result<CredentialWalk, Failure> {
    let hash = row.get_ref(CREDENTIAL)?.as_blob()?.try_into();
    let hash = hash.map_err(|_| Failure::Damaged("a token's hash has not 32 bytes".into()))?;
    Ok(CredentialWalk { record: account::credential(row)?, hash })
}

fn last_number(connection: &Connection, table: &str) -> Result<i64, Failure> {
    let found = rows::first(connection, LAST_NUMBER, [table], |row| Ok(row.get(0)?))?;
    Ok(found.unwrap_or(0))
}

fn raise_number(connection: &Connection, table: &str, to: i64) -> Result<(), Failure> {
    match rows::change(connection, RAISE_NUMBER, params![table, to])? {
        // Nothing was ever given a number here.
        0 => rows::change(connection, FIRST_NUMBER, params![table, to]).map(drop),
        _ => Ok(()),
    }
}

fn restore(connection: &Connection, row: &RestoreAccess) -> Result<(), Failure> {
    match row {
        RestoreAccess::Team { name, created } => {
            rows::change(connection, PUT_TEAM, params![name, created.millis()])
        }
        RestoreAccess::RemoveTeam(name) => rows::change(connection, change::REMOVE_TEAM, [name]),
        RestoreAccess::Account(account) => return restore_account(connection, account),
        RestoreAccess::RemoveAccount(id) => rows::change(connection, REMOVE_ACCOUNT, [id.0]),
        RestoreAccess::Credential(token) => return restore_credential(connection, token),
        RestoreAccess::RemoveCredential(id) => rows::change(connection, REMOVE_CREDENTIAL, [id.0]),
        RestoreAccess::Role(role) => {
            let actions = change::list(&role.actions)?;
            rows::change(connection, change::PUT_ROLE, params![role.name, actions])
        }
        RestoreAccess::RemoveRole(name) => rows::change(connection, change::REMOVE_ROLE, [name]),
        RestoreAccess::Grant(grant) => {
            let key = [&grant.subject, &grant.pattern, &grant.role];
            rows::change(connection, change::ADD_GRANT, key)
        }
        RestoreAccess::RemoveGrant(grant) => {
            let key = [&grant.subject, &grant.pattern, &grant.role];
            rows::change(connection, change::REMOVE_GRANT, key)
        }
        RestoreAccess::Visibility(set) => {
            rows::change(connection, change::SET_VISIBILITY, [&set.pattern, &set.visibility])
        }
        RestoreAccess::RemoveVisibility(pattern) => {
            rows::change(connection, change::DROP_VISIBILITY, [pattern])
        }
    }
    .map(drop)
}

fn restore_account(connection: &Connection, account: &AccountRecord) -> Result<(), Failure> {
    let (AccountId(id), kind) = (account.id, account_kind(account.kind));
    rows::change(connection, FREE_NAME, params![kind, account.name, id])?;
    let values = params![
        id,
        kind,
        account.name,
        account.source,
        account.is_admin,
        account.is_disabled,
        account.secret.as_ref().map(|secret| &secret.0),
        count(account.epoch),
        account.expires.map(Timestamp::millis),
        account.created.millis(),
        account.source_id,
    ];
    rows::change(connection, PUT_ACCOUNT, values)?;
    rows::change(connection, change::DROP_GROUPS, [id])?;
    for group in &account.groups {
        rows::change(connection, change::ADD_GROUP, params![id, group])?;
    }
    rows::change(connection, LEAVE_TEAMS, [id])?;
    for team in &account.teams {
        rows::change(connection, change::ADD_MEMBER, params![team, id])?;
    }
    Ok(())
}

fn restore_credential(connection: &Connection, token: &CredentialWalk) -> Result<(), Failure> {
    let CredentialWalk { record, hash } = token;
    rows::change(connection, FREE_TOKEN, params![hash.as_slice(), record.id.0])?;
    let values = params![
        record.id.0,
        record.account.0,
        credential_kind(record.kind),
        hash.as_slice(),
        record.label,
        change::list(&record.scopes)?,
        count(record.epoch),
        record.created.millis(),
        record.expires.map(Timestamp::millis),
        record.last_used.map(Timestamp::millis),
    ];
    rows::change(connection, PUT_CREDENTIAL, values).map(drop)
}

fn restore_line(connection: &Connection, line: &AuditRecord) -> Result<(), Failure> {
    let AuditRecord { id, note, seal } = line;
    let values = params![
        id,
        note.at.millis(),
        note.actor,
        note.via,
        note.address,
        note.action,
        note.target,
        note.outcome,
        note.request,
        note.detail,
        count(note.count),
        seal.as_ref().map(|seal| count(seal.sequence)),
        seal.as_ref().map(|seal| seal.hash.as_slice()),
    ];
    rows::change(connection, PUT_LINE, values).map(drop)
}

#[async_trait]
impl AccountWalk for Sqlite {
    async fn walk_accounts(&self, page: Page<AccountId>) -> Result<Vec<AccountRecord>, StoreError> {
        let start = [page.after.map_or(0, |id| id.0), rows::limit(page.limit)];
        self.read(|connection| {
            rows::list(connection, account::ACCOUNTS_BY_ID, start, |row| account::account(row, 0))
        })
    }

    async fn walk_credentials(
        &self,
        page: Page<CredentialId>,
    ) -> Result<Vec<CredentialWalk>, StoreError> {
        let start = [page.after.map_or(0, |id| id.0), rows::limit(page.limit)];
        self.read(|connection| {
            rows::list(connection, account::CREDENTIALS_BY_ID, start, credential)
        })
    }

    async fn last_numbers(&self) -> Result<LastNumbers, StoreError> {
        // One process writes, in the order of the numbers.
        self.read(|connection| {
            Ok(LastNumbers {
                account: last_number(connection, "account")?,
                credential: last_number(connection, "credential")?,
                line: last_number(connection, "audit")?,
            })
        })
    }

    async fn raise_numbers(&self, last: LastNumbers) -> Result<(), StoreError> {
        self.write_bulk(move |connection| {
            raise_number(connection, "account", last.account)?;
            raise_number(connection, "credential", last.credential)?;
            raise_number(connection, "audit", last.line)
        })
        .await
    }

    async fn restore_access(&self, rows: Vec<RestoreAccess>) -> Result<(), StoreError> {
        self.write_bulk(move |connection| {
            rows.iter().try_for_each(|row| restore(connection, row))?;
            rows::change(connection, change::RAISE, []).map(drop)
        })
        .await?;
        self.access.notify_waiters();
        Ok(())
    }

    async fn restore_audit(&self, lines: Vec<AuditRecord>) -> Result<(), StoreError> {
        self.write_bulk(move |connection| {
            lines.iter().try_for_each(|line| restore_line(connection, line))
        })
        .await
    }

    async fn remove_audit(&self, first: i64, last: i64) -> Result<(), StoreError> {
        let range = [first, last, rows::limit(STEP)];
        loop {
            let removed =
                self.write_bulk(move |connection| rows::change(connection, REMOVE_LINES, range));
            if removed.await? < STEP {
                return Ok(());
            }
        }
    }

    async fn hold_access(&self) {
        self.hold.set().await;
    }

    async fn release_access(&self) {
        self.hold.release();
    }
}
