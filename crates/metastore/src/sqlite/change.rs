//! Changing accounts and grants: steps, facts, rule, version, log.

use rusqlite::{Connection, params};
use store::{
    AccessChange, AccessFacts, AccountChange, AccountId, AccountKind, AuditNote, ChangedAccess,
    CredentialId, GrantRecord, NewAccount, NewCredential, Refusal, RoleRecord, Rule, Timestamp,
};

use super::failure::Failure;
use super::{audit, rows};
use crate::access::{self, Holder, account_kind, exists, in_use, unknown};

const ADMINS: &str =
    "SELECT count(*) FROM account WHERE is_admin = 1 AND is_disabled = 0 AND kind = 'user'";
const GRANTS: &str = "SELECT count(*) FROM access_grant";
const VISIBILITIES: &str = "SELECT count(*) FROM visibility";
pub(crate) const RAISE: &str = "UPDATE access_version SET version = version + 1 WHERE id = 1";
const VERSION: &str = "SELECT version FROM access_version WHERE id = 1";

const ADD_ACCOUNT: &str = "INSERT INTO account \
     (kind, name, source, is_admin, secret, expires, created_at, source_id) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (kind, name) DO NOTHING";
pub(crate) const FIND_ACCOUNT: &str = "SELECT id FROM account WHERE kind = ?1 AND name = ?2";
pub(crate) const REMOVE_ACCOUNT: &str = "DELETE FROM account WHERE kind = ?1 AND name = ?2";
pub(crate) const SET_SECRET: &str =
    "UPDATE account SET secret = ?2, epoch = epoch + 1 WHERE id = ?1";
pub(crate) const SET_DISABLED: &str = "UPDATE account SET is_disabled = ?2, epoch = epoch + (CASE WHEN ?2 THEN 1 ELSE 0 END) \
     WHERE id = ?1";
pub(crate) const SET_ADMIN: &str = "UPDATE account SET is_admin = ?2 WHERE id = ?1";
pub(crate) const SET_EXPIRES: &str = "UPDATE account SET expires = ?2 WHERE id = ?1";
/// Nothing for an account that is somebody else's at its source already.
const SET_SOURCE_ID: &str =
    "UPDATE account SET source_id = ?2 WHERE id = ?1 AND (source_id IS NULL OR source_id = ?2)";
pub(crate) const DROP_GROUPS: &str = "DELETE FROM account_group WHERE account_id = ?1";
pub(crate) const ADD_GROUP: &str =
    "INSERT INTO account_group (account_id, name) VALUES (?1, ?2) ON CONFLICT DO NOTHING";

const ADD_TEAM: &str = "INSERT INTO team (name, created_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
pub(crate) const FIND_TEAM: &str = "SELECT 1 FROM team WHERE name = ?1";
pub(crate) const REMOVE_TEAM: &str = "DELETE FROM team WHERE name = ?1";
pub(crate) const ADD_MEMBER: &str =
    "INSERT INTO team_member (team, account_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
pub(crate) const REMOVE_MEMBER: &str =
    "DELETE FROM team_member WHERE team = ?1 AND account_id = ?2";

pub(crate) const EPOCH: &str = "SELECT epoch FROM account WHERE id = ?1";
pub(crate) const FIND_CREDENTIAL: &str = "SELECT id FROM credential WHERE hash = ?1";
const ADD_CREDENTIAL: &str = "INSERT INTO credential \
     (account_id, kind, hash, label, scopes, epoch, created_at, expires) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
pub(crate) const REMOVE_CREDENTIAL: &str =
    "DELETE FROM credential WHERE id = ?1 AND account_id = coalesce(?2, account_id)";

pub(crate) const PUT_ROLE: &str = "INSERT INTO role (name, actions) VALUES (?1, ?2) \
     ON CONFLICT (name) DO UPDATE SET actions = excluded.actions";
pub(crate) const FIND_ROLE: &str = "SELECT 1 FROM role WHERE name = ?1";
pub(crate) const REMOVE_ROLE: &str = "DELETE FROM role WHERE name = ?1";
pub(crate) const ROLE_IN_USE: &str = "SELECT 1 FROM access_grant WHERE role = ?1 LIMIT 1";
pub(crate) const ADD_GRANT: &str = "INSERT INTO access_grant (subject, pattern, role) VALUES (?1, ?2, ?3) \
     ON CONFLICT DO NOTHING";
pub(crate) const REMOVE_GRANT: &str =
    "DELETE FROM access_grant WHERE subject = ?1 AND pattern = ?2 AND role = ?3";
pub(crate) const DROP_GRANTS: &str = "DELETE FROM access_grant WHERE subject = ?1";
pub(crate) const SET_VISIBILITY: &str = "INSERT INTO visibility (pattern, visibility) VALUES (?1, ?2) \
     ON CONFLICT (pattern) DO UPDATE SET visibility = excluded.visibility";
pub(crate) const DROP_VISIBILITY: &str = "DELETE FROM visibility WHERE pattern = ?1";

/// Does all the steps and asks the rule how that is.
pub(crate) fn change(
    connection: &Connection,
    steps: &[AccessChange],
    rule: &Rule<AccessFacts, ()>,
    notes: &[AuditNote],
    at: Timestamp,
) -> Result<ChangedAccess, Failure> {
    let admins_before = number(connection, ADMINS)?;
    let made = steps.iter().map(|step| apply(connection, step, at));
    let made = made.collect::<Result<_, _>>()?;
    rule(&AccessFacts {
        admins_before,
        admins_after: number(connection, ADMINS)?,
        grants_after: number(connection, GRANTS)?,
        visibilities_after: number(connection, VISIBILITIES)?,
    })?;
    if steps.iter().any(AccessChange::raises_version) {
        rows::change(connection, RAISE, [])?;
    }
    let version = number(connection, VERSION)?;
    audit::append(connection, notes)?;
    Ok(ChangedAccess { version, made })
}

fn number(connection: &Connection, sql: &str) -> Result<u64, Failure> {
    rows::first(connection, sql, [], |row| rows::size(row, 0))?
        .ok_or_else(|| Failure::Damaged("the metadata has no version of accounts".into()))
}

/// Refuses unless a row was changed.
fn demand(changed: usize, refusal: impl FnOnce() -> Refusal) -> Result<(), Failure> {
    if changed > 0 { Ok(()) } else { Err(refusal().into()) }
}

/// Does one step; the number of what it made.
fn apply(c: &Connection, step: &AccessChange, at: Timestamp) -> Result<Option<i64>, Failure> {
    match step {
        AccessChange::AddAccount(new) => return add_account(c, new, at).map(Some),
        AccessChange::AddCredential(new) => return add_credential(c, new, at).map(Some),
        AccessChange::ChangeAccount(kind, name, change) => change_account(c, *kind, name, change),
        AccessChange::RemoveAccount(kind, name) => remove_account(c, *kind, name),
        AccessChange::AddTeam(name) => {
            let added = rows::change(c, ADD_TEAM, params![name, at.millis()])?;
            demand(added, || exists(access::team(name)))
        }
        AccessChange::RemoveTeam(name) => {
            demand(rows::change(c, REMOVE_TEAM, [name])?, || unknown(access::team(name)))?;
            rows::change(c, DROP_GRANTS, [access::team_subject(name)]).map(drop)
        }
        AccessChange::AddMember { team, user } => change_member(c, ADD_MEMBER, team, user),
        AccessChange::RemoveMember { team, user } => change_member(c, REMOVE_MEMBER, team, user),
        AccessChange::RemoveCredential { account, id } => {
            let whose = account.map(|account| account.0);
            let removed = rows::change(c, REMOVE_CREDENTIAL, params![id.0, whose])?;
            demand(removed, || unknown(access::token(*id)))
        }
        AccessChange::PutRole(role) => put_role(c, role),
        AccessChange::RemoveRole(name) => remove_role(c, name),
        AccessChange::AddGrant { grant, is_named_role } => add_grant(c, grant, *is_named_role),
        AccessChange::RemoveGrant(grant) => {
            let key = [&grant.subject, &grant.pattern, &grant.role];
            demand(rows::change(c, REMOVE_GRANT, key)?, || unknown(access::grant(grant)))
        }
        AccessChange::SetVisibility { pattern, visibility: Some(visibility) } => {
            rows::change(c, SET_VISIBILITY, [pattern, visibility]).map(drop)
        }
        AccessChange::SetVisibility { pattern, visibility: None } => {
            let dropped = rows::change(c, DROP_VISIBILITY, [pattern])?;
            demand(dropped, || unknown(access::visibility(pattern)))
        }
        AccessChange::AsOf { version } => Ok(access::still_of(number(c, VERSION)?, *version)?),
    }
    .map(|()| None)
}

fn add_account(connection: &Connection, new: &NewAccount, at: Timestamp) -> Result<i64, Failure> {
    let values = params![
        account_kind(new.kind),
        new.name,
        new.source,
        new.is_admin,
        new.secret.as_ref().map(|secret| &secret.0),
        new.expires.map(Timestamp::millis),
        at.millis(),
        new.source_id,
    ];
    let added = rows::change(connection, ADD_ACCOUNT, values)?;
    demand(added, || exists(access::account(new.kind, &new.name)))?;
    Ok(connection.last_insert_rowid())
}

/// The number of an account that must be there.
fn find_account(connection: &Connection, kind: AccountKind, name: &str) -> Result<i64, Failure> {
    rows::first(connection, FIND_ACCOUNT, [account_kind(kind), name], |row| Ok(row.get(0)?))?
        .ok_or_else(|| unknown(access::account(kind, name)).into())
}

fn find_team(connection: &Connection, name: &str) -> Result<(), Failure> {
    rows::first(connection, FIND_TEAM, [name], |_| Ok(()))?
        .ok_or_else(|| unknown(access::team(name)).into())
}

fn change_account(
    connection: &Connection,
    kind: AccountKind,
    name: &str,
    change: &AccountChange,
) -> Result<(), Failure> {
    let id = find_account(connection, kind, name)?;
    match change {
        AccountChange::Secret(secret) => {
            let secret = secret.as_ref().map(|secret| &secret.0);
            rows::change(connection, SET_SECRET, params![id, secret])
        }
        AccountChange::Disabled(disabled) => {
            rows::change(connection, SET_DISABLED, params![id, disabled])
        }
        AccountChange::Admin(admin) => rows::change(connection, SET_ADMIN, params![id, admin]),
        AccountChange::Expires(expires) => {
            let expires = expires.map(Timestamp::millis);
            rows::change(connection, SET_EXPIRES, params![id, expires])
        }
        AccountChange::SourceId(source_id) => {
            let set = rows::change(connection, SET_SOURCE_ID, params![id, source_id])?;
            return demand(set, || exists(access::account(kind, name)));
        }
        AccountChange::Groups(groups) => {
            rows::change(connection, DROP_GROUPS, [id])?;
            return groups.iter().try_for_each(|group| {
                rows::change(connection, ADD_GROUP, params![id, group]).map(drop)
            });
        }
    }
    .map(drop)
}

/// Tokens, memberships and groups go with the row.
fn remove_account(connection: &Connection, kind: AccountKind, name: &str) -> Result<(), Failure> {
    let removed = rows::change(connection, REMOVE_ACCOUNT, [account_kind(kind), name])?;
    demand(removed, || unknown(access::account(kind, name)))?;
    rows::change(connection, DROP_GRANTS, [access::account_subject(kind, name)]).map(drop)
}

fn change_member(
    connection: &Connection,
    sql: &str,
    team: &str,
    user: &str,
) -> Result<(), Failure> {
    find_team(connection, team)?;
    let id = find_account(connection, AccountKind::User, user)?;
    rows::change(connection, sql, params![team, id]).map(drop)
}

fn add_credential(
    connection: &Connection,
    new: &NewCredential,
    at: Timestamp,
) -> Result<i64, Failure> {
    let AccountId(account) = new.account;
    let epoch: Option<i64> = rows::first(connection, EPOCH, [account], |row| Ok(row.get(0)?))?;
    let epoch = epoch.ok_or_else(|| unknown(access::account_number(new.account)))?;
    let hash = new.hash.as_slice();
    let same = rows::first(connection, FIND_CREDENTIAL, [hash], |row| Ok(row.get(0)?))?;
    if let Some(id) = same {
        return Err(exists(access::token(CredentialId(id))).into());
    }
    let values = params![
        account,
        access::credential_kind(new.kind),
        hash,
        new.label,
        list(&new.scopes)?,
        epoch,
        at.millis(),
        new.expires.map(Timestamp::millis),
    ];
    rows::change(connection, ADD_CREDENTIAL, values)?;
    Ok(connection.last_insert_rowid())
}

fn put_role(connection: &Connection, role: &RoleRecord) -> Result<(), Failure> {
    rows::change(connection, PUT_ROLE, params![role.name, list(&role.actions)?]).map(drop)
}

fn remove_role(connection: &Connection, name: &str) -> Result<(), Failure> {
    demand(rows::change(connection, REMOVE_ROLE, [name])?, || unknown(access::role(name)))?;
    match rows::first(connection, ROLE_IN_USE, [name], |_| Ok(()))? {
        Some(()) => Err(in_use(access::role(name)).into()),
        None => Ok(()),
    }
}

fn add_grant(
    connection: &Connection,
    grant: &GrantRecord,
    is_named_role: bool,
) -> Result<(), Failure> {
    match access::holder(&grant.subject) {
        Some(Holder::Account(kind, name)) => find_account(connection, kind, name).map(drop)?,
        Some(Holder::Team(name)) => find_team(connection, name)?,
        None => {}
    }
    if is_named_role {
        rows::first(connection, FIND_ROLE, [&grant.role], |_| Ok(()))?
            .ok_or_else(|| unknown(access::role(&grant.role)))?;
    }
    let values = [&grant.subject, &grant.pattern, &grant.role];
    rows::change(connection, ADD_GRANT, values).map(drop)
}

/// Texts as a column keeps them.
pub(crate) fn list(texts: &[String]) -> Result<String, Failure> {
    serde_json::to_string(texts)
        .map_err(|error| Failure::Failed(format!("a list was not written as JSON: {error}")))
}
