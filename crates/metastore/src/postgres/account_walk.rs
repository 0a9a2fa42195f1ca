//! `AccountWalk`: accounts, grants and the log, as they are elsewhere.

use async_trait::async_trait;
use store::{
    AccountId, AccountRecord, AccountWalk, AuditRecord, AuditSeal, CredentialId, CredentialWalk,
    LastNumbers, Page, RestoreAccess, StoreError, Timestamp,
};
use tokio_postgres::Row;

use super::account::{self, CREDENTIAL};
use super::args::{Arg, arg, args};
use super::failure::Failure;
use super::lease::now;
use super::transaction::{Tx, Work};
use super::{Postgres, audit, change, listen, plain, rows};
use crate::access::{STEP, account_kind, credential_kind};
use crate::audit_prune::count;

/// Writers that have begun are waited for; those that come later get higher
/// numbers.
const SETTLE: &str = "LOCK TABLE audit IN SHARE ROW EXCLUSIVE MODE";

/// The highest number that was given in a table.
macro_rules! last {
    ($table:literal) => {
        concat!(
            "coalesce(pg_sequence_last_value(pg_get_serial_sequence('",
            $table,
            "', 'id')::regclass), 0)"
        )
    };
}
const LAST_NUMBERS: &str =
    concat!("SELECT ", last!("account"), ", ", last!("credential"), ", ", last!("audit"));

/// Raises the numbers of a table.
macro_rules! raise {
    ($table:literal) => {
        concat!(
            "SELECT setval(pg_get_serial_sequence('",
            $table,
            "', 'id')::regclass, $1) WHERE $1 > ",
            last!($table)
        )
    };
}

const PUT_TEAM: &str = "INSERT INTO team (name, created_at) VALUES ($1, $2) \
     ON CONFLICT (name) DO UPDATE SET created_at = excluded.created_at";
pub(crate) const FREE_NAME: &str = "DELETE FROM account WHERE kind = $1 AND name = $2 AND id <> $3";
const PUT_ACCOUNT: &str = "INSERT INTO account \
     (id, kind, name, source, is_admin, is_disabled, secret, epoch, expires, created_at, \
      source_id) \
     OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
     ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, name = excluded.name, \
         source = excluded.source, is_admin = excluded.is_admin, \
         is_disabled = excluded.is_disabled, secret = excluded.secret, epoch = excluded.epoch, \
         expires = excluded.expires, created_at = excluded.created_at, \
         source_id = excluded.source_id";
pub(crate) const LEAVE_TEAMS: &str = "DELETE FROM team_member WHERE account_id = $1";
const JOIN_TEAMS: &str = "INSERT INTO team_member (team, account_id) \
     SELECT t.name, $1 FROM unnest($2::text[]) AS t (name) ON CONFLICT DO NOTHING";
pub(crate) const FREE_TOKEN: &str = "DELETE FROM credential WHERE hash = $1 AND id <> $2";
const PUT_CREDENTIAL: &str = "INSERT INTO credential \
     (id, account_id, kind, hash, label, scopes, epoch, created_at, expires, last_used) \
     OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
     ON CONFLICT (id) DO UPDATE SET account_id = excluded.account_id, kind = excluded.kind, \
         hash = excluded.hash, label = excluded.label, scopes = excluded.scopes, \
         epoch = excluded.epoch, created_at = excluded.created_at, expires = excluded.expires, \
         last_used = excluded.last_used";
const REMOVE_CREDENTIAL: &str = "DELETE FROM credential WHERE id = $1";
const PUT_LINES: &str = concat!(
    "INSERT INTO audit (id, at, written, actor, via, address, action, target, outcome, request, \
     detail, count, sequence, hash) OVERRIDING SYSTEM VALUE SELECT n.id, n.at, ",
    now!(),
    ", n.actor, n.via, n.address, n.action, n.target, n.outcome, n.request, n.detail, n.count, \
     n.sequence, n.hash \
     FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], \
         $7::text[], $8::text[], $9::text[], $10::text[], $11::bigint[], $12::bigint[], \
         $13::bytea[]) AS n (id, at, actor, via, address, action, target, outcome, request, \
         detail, count, sequence, hash) \
     ON CONFLICT (id) DO UPDATE SET at = excluded.at, written = excluded.written, \
         actor = excluded.actor, via = excluded.via, address = excluded.address, \
         action = excluded.action, target = excluded.target, outcome = excluded.outcome, \
         request = excluded.request, detail = excluded.detail, count = excluded.count, \
         sequence = excluded.sequence, hash = excluded.hash"
);
pub(crate) const REMOVE_LINES: &str = "DELETE FROM audit WHERE id IN \
     (SELECT id FROM audit WHERE id BETWEEN $1 AND $2 ORDER BY id LIMIT $3)";

fn credential(row: &Row) -> Result<CredentialWalk, Failure> {
    let hash = rows::get::<&[u8]>(row, CREDENTIAL)?.try_into();
    let hash = hash.map_err(|_| Failure::Damaged("a token's hash has not 32 bytes".into()))?;
    Ok(CredentialWalk { record: account::credential(row)?, hash })
}

struct LookAtNumbers;

impl Work for LookAtNumbers {
    type Output = LastNumbers;

    async fn run(&self, tx: &Tx) -> Result<LastNumbers, Failure> {
        tx.batch(SETTLE).await?;
        let read = |row: &Row| {
            let (account, credential) = (rows::get(row, 0)?, rows::get(row, 1)?);
            Ok(LastNumbers { account, credential, line: rows::get(row, 2)? })
        };
        let found = tx.first(LAST_NUMBERS, args![], read).await?;
        found.ok_or_else(|| Failure::Failed("PostgreSQL does not tell its numbers".into()))
    }
}

struct Raise(LastNumbers);

impl Work for Raise {
    type Output = ();

    async fn run(&self, tx: &Tx) -> Result<(), Failure> {
        let raised = [
            (raise!("account"), self.0.account),
            (raise!("credential"), self.0.credential),
            (raise!("audit"), self.0.line),
        ];
        for (sql, to) in raised {
            tx.list(sql, args![to], |_| Ok(())).await?;
        }
        Ok(())
    }
}

/// Rows, which travel together.
struct Restore(Vec<RestoreAccess>);

impl Work for Restore {
    type Output = ();

    async fn run(&self, tx: &Tx) -> Result<(), Failure> {
        let version = change::number(tx, change::LOCK).await? + 1;
        for row in &self.0 {
            restore(tx, row);
        }
        tx.flush().await?;
        tx.change(change::RAISE, args![rows::size_column(version)?]).await?;
        listen::notify(tx, version).await
    }
}

fn restore(tx: &Tx, row: &RestoreAccess) {
    let (sql, values) = match row {
        RestoreAccess::Team { name, created } => {
            (PUT_TEAM, vec![arg(name.clone()), arg(created.millis())])
        }
        RestoreAccess::RemoveTeam(name) => (change::REMOVE_TEAM, vec![arg(name.clone())]),
        RestoreAccess::Account(account) => return restore_account(tx, account),
        RestoreAccess::RemoveAccount(id) => (change::REMOVE_ACCOUNT, vec![arg(id.0)]),
        RestoreAccess::Credential(token) => return restore_credential(tx, token),
        RestoreAccess::RemoveCredential(id) => (REMOVE_CREDENTIAL, vec![arg(id.0)]),
        RestoreAccess::Role(role) => {
            (change::PUT_ROLE, vec![arg(role.name.clone()), arg(role.actions.clone())])
        }
        RestoreAccess::RemoveRole(name) => (change::REMOVE_ROLE, vec![arg(name.clone())]),
        RestoreAccess::Grant(grant) => (change::ADD_GRANT, grant_key(grant)),
        RestoreAccess::RemoveGrant(grant) => (change::REMOVE_GRANT, grant_key(grant)),
        RestoreAccess::Visibility(set) => {
            (change::SET_VISIBILITY, vec![arg(set.pattern.clone()), arg(set.visibility.clone())])
        }
        RestoreAccess::RemoveVisibility(pattern) => {
            (change::DROP_VISIBILITY, vec![arg(pattern.clone())])
        }
    };
    tx.at_last(sql, values);
}

fn grant_key(grant: &store::GrantRecord) -> Vec<Arg<'static>> {
    let key = [&grant.subject, &grant.pattern, &grant.role];
    key.into_iter().map(|text| arg(text.clone())).collect()
}

fn restore_account(tx: &Tx, account: &AccountRecord) {
    let (AccountId(id), kind) = (account.id, account_kind(account.kind));
    tx.at_last(FREE_NAME, vec![arg(kind), arg(account.name.clone()), arg(id)]);
    let values = vec![
        arg(id),
        arg(kind),
        arg(account.name.clone()),
        arg(account.source.clone()),
        arg(account.is_admin),
        arg(account.is_disabled),
        arg(account.secret.as_ref().map(|secret| secret.0.clone())),
        arg(count(account.epoch)),
        arg(account.expires.map(Timestamp::millis)),
        arg(account.created.millis()),
        arg(account.source_id.clone()),
    ];
    tx.at_last(PUT_ACCOUNT, values);
    tx.at_last(change::DROP_GROUPS, vec![arg(id)]);
    if !account.groups.is_empty() {
        tx.at_last(change::ADD_GROUPS, vec![arg(id), arg(account.groups.clone())]);
    }
    tx.at_last(LEAVE_TEAMS, vec![arg(id)]);
    if !account.teams.is_empty() {
        tx.at_last(JOIN_TEAMS, vec![arg(id), arg(account.teams.clone())]);
    }
}

fn restore_credential(tx: &Tx, token: &CredentialWalk) {
    let CredentialWalk { record, hash } = token;
    tx.at_last(FREE_TOKEN, vec![arg(hash.to_vec()), arg(record.id.0)]);
    let values = vec![
        arg(record.id.0),
        arg(record.account.0),
        arg(credential_kind(record.kind)),
        arg(hash.to_vec()),
        arg(record.label.clone()),
        arg(record.scopes.clone()),
        arg(count(record.epoch)),
        arg(record.created.millis()),
        arg(record.expires.map(Timestamp::millis)),
        arg(record.last_used.map(Timestamp::millis)),
    ];
    tx.at_last(PUT_CREDENTIAL, values);
}

struct RestoreLines(Vec<AuditRecord>);

impl Work for RestoreLines {
    type Output = ();

    async fn run(&self, tx: &Tx) -> Result<(), Failure> {
        let seal = |line: &AuditRecord, of: fn(&AuditSeal) -> i64| line.seal.as_ref().map(of);
        let ids: Vec<i64> = self.0.iter().map(|line| line.id).collect();
        let sequences: Vec<Option<i64>> =
            self.0.iter().map(|line| seal(line, |seal| count(seal.sequence))).collect();
        let hashes: Vec<Option<Vec<u8>>> =
            self.0.iter().map(|line| Some(line.seal.as_ref()?.hash.to_vec())).collect();
        let mut values = vec![arg(ids)];
        values.extend(audit::columns(self.0.iter().map(|line| &line.note)));
        values.extend([arg(sequences), arg(hashes)]);
        tx.change(PUT_LINES, &values).await.map(drop)
    }
}

struct RemoveLines(i64, i64);

impl Work for RemoveLines {
    type Output = u64;

    async fn run(&self, tx: &Tx) -> Result<u64, Failure> {
        tx.change(REMOVE_LINES, args![self.0, self.1, rows::limit(STEP)]).await
    }
}

#[async_trait]
impl AccountWalk for Postgres {
    async fn walk_accounts(&self, page: Page<AccountId>) -> Result<Vec<AccountRecord>, StoreError> {
        let start = args![page.after.map_or(0, |id| id.0), rows::limit(page.limit)];
        self.list(account::ACCOUNTS_BY_ID, start, |row| account::account(row, 0)).await
    }

    async fn walk_credentials(
        &self,
        page: Page<CredentialId>,
    ) -> Result<Vec<CredentialWalk>, StoreError> {
        let start = args![page.after.map_or(0, |id| id.0), rows::limit(page.limit)];
        self.list(account::CREDENTIALS_BY_ID, start, credential).await
    }

    async fn last_numbers(&self) -> Result<LastNumbers, StoreError> {
        plain(self.write_hard(LookAtNumbers).await)
    }

    async fn raise_numbers(&self, last: LastNumbers) -> Result<(), StoreError> {
        plain(self.write_hard(Raise(last)).await)
    }

    async fn restore_access(&self, rows: Vec<RestoreAccess>) -> Result<(), StoreError> {
        self.write_bulk(Restore(rows)).await?;
        self.listener.changed();
        Ok(())
    }

    async fn restore_audit(&self, lines: Vec<AuditRecord>) -> Result<(), StoreError> {
        self.write_bulk(RestoreLines(lines)).await
    }

    async fn remove_audit(&self, first: i64, last: i64) -> Result<(), StoreError> {
        loop {
            let removed = self.write_bulk(RemoveLines(first, last)).await?;
            if usize::try_from(removed).is_ok_and(|removed| removed < STEP) {
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
