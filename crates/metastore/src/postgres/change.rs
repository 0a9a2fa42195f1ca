//! Changing accounts and grants: steps, facts, rule, version, log.
//!
//! The row of the version is locked first, so one change comes after the other
//! and each sees all that the ones before it did.

use store::{
    AccessChange, AccessFacts, AccountChange, AccountId, AccountKind, AuditNote, ChangedAccess,
    CredentialId, GrantRecord, NewAccount, NewCredential, Refusal, Rule, Timestamp,
};
use tokio_postgres::Row;

use super::args::args;
use super::failure::Failure;
use super::transaction::{Tx, Work};
use super::{audit, listen, rows};
use crate::access::{self, Holder, account_kind, exists, in_use, unknown};

pub(crate) const LOCK: &str = "SELECT version FROM access_version WHERE id = 1 FOR UPDATE";
pub(crate) const RAISE: &str = "UPDATE access_version SET version = $1 WHERE id = 1";
const ADMINS: &str =
    "SELECT count(*) FROM account WHERE is_admin AND NOT is_disabled AND kind = 'user'";
const GRANTS: &str = "SELECT count(*) FROM access_grant";
const VISIBILITIES: &str = "SELECT count(*) FROM visibility";

const ADD_ACCOUNT: &str = "INSERT INTO account \
     (kind, name, source, is_admin, secret, expires, created_at, source_id) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (kind, name) DO NOTHING RETURNING id";
pub(crate) const FIND_ACCOUNT: &str = "SELECT id FROM account WHERE kind = $1 AND name = $2";
pub(crate) const REMOVE_ACCOUNT: &str = "DELETE FROM account WHERE id = $1";
const SET_SECRET: &str = "UPDATE account SET secret = $2, epoch = epoch + 1 WHERE id = $1";
const SET_DISABLED: &str = "UPDATE account SET is_disabled = $2, epoch = epoch + (CASE WHEN $2 THEN 1 ELSE 0 END) \
     WHERE id = $1";
const SET_ADMIN: &str = "UPDATE account SET is_admin = $2 WHERE id = $1";
const SET_EXPIRES: &str = "UPDATE account SET expires = $2 WHERE id = $1";
/// Nothing for an account that is somebody else's at its source already.
const SET_SOURCE_ID: &str =
    "UPDATE account SET source_id = $2 WHERE id = $1 AND (source_id IS NULL OR source_id = $2)";
pub(crate) const DROP_GROUPS: &str = "DELETE FROM account_group WHERE account_id = $1";
pub(crate) const ADD_GROUPS: &str = "INSERT INTO account_group (account_id, name) \
     SELECT $1, g.name FROM unnest($2::text[]) AS g (name) ON CONFLICT DO NOTHING";

const ADD_TEAM: &str = "INSERT INTO team (name, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING";
const FIND_TEAM: &str = "SELECT 1 FROM team WHERE name = $1";
pub(crate) const REMOVE_TEAM: &str = "DELETE FROM team WHERE name = $1";
const ADD_MEMBER: &str =
    "INSERT INTO team_member (team, account_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
const REMOVE_MEMBER: &str = "DELETE FROM team_member WHERE team = $1 AND account_id = $2";

const EPOCH: &str = "SELECT epoch FROM account WHERE id = $1";
pub(crate) const FIND_CREDENTIAL: &str = "SELECT id FROM credential WHERE hash = $1";
const ADD_CREDENTIAL: &str = "INSERT INTO credential \
     (account_id, kind, hash, label, scopes, epoch, created_at, expires) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id";
const REMOVE_CREDENTIAL: &str =
    "DELETE FROM credential WHERE id = $1 AND account_id = coalesce($2, account_id)";

pub(crate) const PUT_ROLE: &str = "INSERT INTO role (name, actions) VALUES ($1, $2) \
     ON CONFLICT (name) DO UPDATE SET actions = excluded.actions";
const FIND_ROLE: &str = "SELECT 1 FROM role WHERE name = $1";
pub(crate) const REMOVE_ROLE: &str = "DELETE FROM role WHERE name = $1";
pub(crate) const ROLE_IN_USE: &str = "SELECT 1 FROM access_grant WHERE role = $1 LIMIT 1";
pub(crate) const ADD_GRANT: &str = "INSERT INTO access_grant (subject, pattern, role) VALUES ($1, $2, $3) \
     ON CONFLICT DO NOTHING";
pub(crate) const REMOVE_GRANT: &str =
    "DELETE FROM access_grant WHERE subject = $1 AND pattern = $2 AND role = $3";
pub(crate) const DROP_GRANTS: &str = "DELETE FROM access_grant WHERE subject = $1";
pub(crate) const SET_VISIBILITY: &str = "INSERT INTO visibility (pattern, visibility) VALUES ($1, $2) \
     ON CONFLICT (pattern) DO UPDATE SET visibility = excluded.visibility";
pub(crate) const DROP_VISIBILITY: &str = "DELETE FROM visibility WHERE pattern = $1";

/// All steps, then the rule about how that is.
pub(crate) struct Change {
    pub(crate) steps: Vec<AccessChange>,
    pub(crate) rule: Rule<AccessFacts, ()>,
    pub(crate) notes: Vec<AuditNote>,
    pub(crate) at: Timestamp,
}

impl Work for Change {
    type Output = ChangedAccess;

    async fn run(&self, tx: &Tx) -> Result<ChangedAccess, Failure> {
        let before = number(tx, LOCK).await?;
        let admins_before = number(tx, ADMINS).await?;
        let mut made = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            made.push(apply(tx, step, self.at).await?);
        }
        let admins_after = number(tx, ADMINS).await?;
        let grants_after = number(tx, GRANTS).await?;
        let visibilities_after = number(tx, VISIBILITIES).await?;
        let facts = AccessFacts { admins_before, admins_after, grants_after, visibilities_after };
        (self.rule)(&facts)?;
        audit::append(tx, &self.notes).await?;
        let raises = self.steps.iter().any(AccessChange::raises_version);
        let version = before + u64::from(raises);
        if raises {
            tx.change(RAISE, args![rows::size_column(version)?]).await?;
            listen::notify(tx, version).await?;
        }
        Ok(ChangedAccess { version, made })
    }
}

pub(crate) async fn number(tx: &Tx, sql: &str) -> Result<u64, Failure> {
    let number = tx.first(sql, args![], |row| rows::size(row, 0)).await?;
    number.ok_or_else(|| Failure::Damaged("the metadata has no version of accounts".into()))
}

fn id(row: &Row) -> Result<i64, Failure> {
    rows::get(row, 0)
}

/// Refuses unless a row was changed.
fn demand(changed: u64, refusal: impl FnOnce() -> Refusal) -> Result<(), Failure> {
    if changed > 0 { Ok(()) } else { Err(refusal().into()) }
}

/// Does one step; the number of what it made.
async fn apply(tx: &Tx, step: &AccessChange, at: Timestamp) -> Result<Option<i64>, Failure> {
    match step {
        AccessChange::AddAccount(new) => return add_account(tx, new, at).await.map(Some),
        AccessChange::AddCredential(new) => return add_credential(tx, new, at).await.map(Some),
        AccessChange::ChangeAccount(kind, name, change) => {
            change_account(tx, *kind, name, change).await?;
        }
        AccessChange::RemoveAccount(kind, name) => remove_account(tx, *kind, name).await?,
        AccessChange::AddTeam(name) => {
            let added = tx.change(ADD_TEAM, args![name, at.millis()]).await?;
            demand(added, || exists(access::team(name)))?;
        }
        AccessChange::RemoveTeam(name) => {
            let removed = tx.change(REMOVE_TEAM, args![name]).await?;
            demand(removed, || unknown(access::team(name)))?;
            tx.change(DROP_GRANTS, args![access::team_subject(name)]).await?;
        }
        AccessChange::AddMember { team, user } => {
            change_member(tx, ADD_MEMBER, team, user).await?;
        }
        AccessChange::RemoveMember { team, user } => {
            change_member(tx, REMOVE_MEMBER, team, user).await?;
        }
        AccessChange::RemoveCredential { account, id } => {
            let whose = account.map(|account| account.0);
            let removed = tx.change(REMOVE_CREDENTIAL, args![id.0, whose]).await?;
            demand(removed, || unknown(access::token(*id)))?;
        }
        AccessChange::PutRole(role) => {
            tx.change(PUT_ROLE, args![&role.name, &role.actions]).await?;
        }
        AccessChange::RemoveRole(name) => remove_role(tx, name).await?,
        AccessChange::AddGrant { grant, is_named_role } => {
            add_grant(tx, grant, *is_named_role).await?;
        }
        AccessChange::RemoveGrant(grant) => {
            let key = args![&grant.subject, &grant.pattern, &grant.role];
            demand(tx.change(REMOVE_GRANT, key).await?, || unknown(access::grant(grant)))?;
        }
        AccessChange::SetVisibility { pattern, visibility } => {
            set_visibility(tx, pattern, visibility.as_deref()).await?;
        }
        AccessChange::AsOf { version } => {
            access::still_of(number(tx, LOCK).await?, *version)?;
        }
    }
    Ok(None)
}

async fn add_account(tx: &Tx, new: &NewAccount, at: Timestamp) -> Result<i64, Failure> {
    let values = args![
        account_kind(new.kind),
        &new.name,
        rows::text(&new.source),
        new.is_admin,
        new.secret.as_ref().map(|secret| &secret.0),
        new.expires.map(Timestamp::millis),
        at.millis(),
        new.source_id.as_deref().map(rows::text),
    ];
    tx.first(ADD_ACCOUNT, values, id)
        .await?
        .ok_or_else(|| exists(access::account(new.kind, &new.name)).into())
}

/// The number of an account that must be there.
async fn find_account(tx: &Tx, kind: AccountKind, name: &str) -> Result<i64, Failure> {
    tx.first(FIND_ACCOUNT, args![account_kind(kind), name], id)
        .await?
        .ok_or_else(|| unknown(access::account(kind, name)).into())
}

async fn find_team(tx: &Tx, name: &str) -> Result<(), Failure> {
    tx.first(FIND_TEAM, args![name], |_| Ok(()))
        .await?
        .ok_or_else(|| unknown(access::team(name)).into())
}

async fn change_account(
    tx: &Tx,
    kind: AccountKind,
    name: &str,
    change: &AccountChange,
) -> Result<(), Failure> {
    let id = find_account(tx, kind, name).await?;
    match change {
        AccountChange::Secret(secret) => {
            let secret = secret.as_ref().map(|secret| &secret.0);
            tx.change(SET_SECRET, args![id, secret]).await?
        }
        AccountChange::Disabled(disabled) => tx.change(SET_DISABLED, args![id, *disabled]).await?,
        AccountChange::Admin(admin) => tx.change(SET_ADMIN, args![id, *admin]).await?,
        AccountChange::Expires(expires) => {
            tx.change(SET_EXPIRES, args![id, expires.map(Timestamp::millis)]).await?
        }
        AccountChange::SourceId(source_id) => {
            let set = tx.change(SET_SOURCE_ID, args![id, rows::text(source_id)]).await?;
            return demand(set, || exists(access::account(kind, name)));
        }
        AccountChange::Groups(groups) => {
            let groups: Vec<String> = groups.iter().map(|group| rows::text(group)).collect();
            tx.change(DROP_GROUPS, args![id]).await?;
            tx.change(ADD_GROUPS, args![id, groups]).await?
        }
    };
    Ok(())
}

/// Tokens, memberships and groups go with the row.
async fn remove_account(tx: &Tx, kind: AccountKind, name: &str) -> Result<(), Failure> {
    let id = find_account(tx, kind, name).await?;
    tx.change(REMOVE_ACCOUNT, args![id]).await?;
    tx.change(DROP_GRANTS, args![access::account_subject(kind, name)]).await.map(drop)
}

async fn change_member(tx: &Tx, sql: &str, team: &str, user: &str) -> Result<(), Failure> {
    find_team(tx, team).await?;
    let id = find_account(tx, AccountKind::User, user).await?;
    tx.change(sql, args![team, id]).await.map(drop)
}

async fn add_credential(tx: &Tx, new: &NewCredential, at: Timestamp) -> Result<i64, Failure> {
    let AccountId(account) = new.account;
    let epoch: Option<i64> = tx.first(EPOCH, args![account], |row| rows::get(row, 0)).await?;
    let epoch = epoch.ok_or_else(|| unknown(access::account_number(new.account)))?;
    let hash = new.hash.as_slice();
    if let Some(same) = tx.first(FIND_CREDENTIAL, args![hash], id).await? {
        return Err(exists(access::token(CredentialId(same))).into());
    }
    let values = args![
        account,
        access::credential_kind(new.kind),
        hash,
        rows::text(&new.label),
        &new.scopes,
        epoch,
        at.millis(),
        new.expires.map(Timestamp::millis),
    ];
    tx.first(ADD_CREDENTIAL, values, id)
        .await?
        .ok_or_else(|| Failure::Failed("a token was made and has no number".into()))
}

async fn remove_role(tx: &Tx, name: &str) -> Result<(), Failure> {
    let removed = tx.change(REMOVE_ROLE, args![name]).await?;
    demand(removed, || unknown(access::role(name)))?;
    match tx.first(ROLE_IN_USE, args![name], |_| Ok(())).await? {
        Some(()) => Err(in_use(access::role(name)).into()),
        None => Ok(()),
    }
}

async fn add_grant(tx: &Tx, grant: &GrantRecord, is_named_role: bool) -> Result<(), Failure> {
    match access::holder(&grant.subject) {
        Some(Holder::Account(kind, name)) => find_account(tx, kind, name).await.map(drop)?,
        Some(Holder::Team(name)) => find_team(tx, name).await?,
        None => {}
    }
    if is_named_role {
        tx.first(FIND_ROLE, args![&grant.role], |_| Ok(()))
            .await?
            .ok_or_else(|| unknown(access::role(&grant.role)))?;
    }
    let values = args![&grant.subject, &grant.pattern, &grant.role];
    tx.change(ADD_GRANT, values).await.map(drop)
}

async fn set_visibility(tx: &Tx, pattern: &str, visibility: Option<&str>) -> Result<(), Failure> {
    match visibility {
        Some(visibility) => tx.change(SET_VISIBILITY, args![pattern, visibility]).await.map(drop),
        None => {
            let dropped = tx.change(DROP_VISIBILITY, args![pattern]).await?;
            demand(dropped, || unknown(access::visibility(pattern)))
        }
    }
}
