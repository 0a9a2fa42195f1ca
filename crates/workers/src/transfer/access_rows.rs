//! Rows about accounts and what they may do, in an order that both sides have.

use std::collections::BTreeMap;

use futures_util::FutureExt;
use serde_json::json;
use store::{
    AccountId, AccountKind, AccountRecord, AccountWalk, CredentialId, CredentialKind,
    CredentialWalk, Page, PolicyRecord, RestoreAccess, StoreError, Timestamp,
};

use super::cursor::Cursor;

/// Accounts, tokens and teams in one page.
const PAGE: usize = 500;

/// A number, or else a name.
pub(super) type Key = (i64, String);

/// One list of rows.
pub(super) type Rows<'a> = Cursor<'a, RestoreAccess, Key>;

/// All lists, in the order in which they can be written: teams before their members, accounts
/// before their tokens.
pub(super) fn lists(side: &dyn AccountWalk) -> [Rows<'_>; 4] {
    [
        Cursor::new(PAGE, key, Box::new(move |page| teams(side, page).boxed())),
        Cursor::new(PAGE, key, Box::new(move |page| accounts(side, page).boxed())),
        Cursor::new(PAGE, key, Box::new(move |page| tokens(side, page).boxed())),
        Cursor::new(PAGE, key, Box::new(move |page| policy(side, page).boxed())),
    ]
}

async fn teams(side: &dyn AccountWalk, page: Page<Key>) -> Result<Vec<RestoreAccess>, StoreError> {
    let after = page.after.map(|(_, name)| name);
    let teams = side.teams(after.as_deref(), page.limit).await?.into_iter();
    Ok(teams.map(|team| RestoreAccess::Team { name: team.name, created: team.created }).collect())
}

async fn accounts(
    side: &dyn AccountWalk,
    page: Page<Key>,
) -> Result<Vec<RestoreAccess>, StoreError> {
    let after = page.after.map(|(number, _)| AccountId(number));
    let accounts = side.walk_accounts(Page { after, limit: page.limit }).await?;
    Ok(accounts.into_iter().map(RestoreAccess::Account).collect())
}

async fn tokens(side: &dyn AccountWalk, page: Page<Key>) -> Result<Vec<RestoreAccess>, StoreError> {
    let after = page.after.map(|(number, _)| CredentialId(number));
    let tokens = side.walk_credentials(Page { after, limit: page.limit }).await?;
    Ok(tokens.into_iter().map(RestoreAccess::Credential).collect())
}

/// Everything at once, as the registry itself reads it.
async fn policy(side: &dyn AccountWalk, page: Page<Key>) -> Result<Vec<RestoreAccess>, StoreError> {
    if page.after.is_some() {
        return Ok(Vec::new());
    }
    let PolicyRecord { roles, grants, visibilities, .. } = side.policy().await?;
    let roles = roles.into_iter().map(RestoreAccess::Role);
    let grants = grants.into_iter().map(RestoreAccess::Grant);
    let visibilities = visibilities.into_iter().map(RestoreAccess::Visibility);
    let rows = roles.chain(grants).chain(visibilities);
    let sorted: BTreeMap<_, _> = rows.map(|row| (key(&row), row)).collect();
    Ok(sorted.into_values().collect())
}

/// What orders the rows of one list; no two of them share it.
fn key(row: &RestoreAccess) -> Key {
    match row {
        RestoreAccess::Team { name, .. } => (0, name.clone()),
        RestoreAccess::Account(account) => (account.id.0, String::new()),
        RestoreAccess::Credential(token) => (token.record.id.0, String::new()),
        other => (0, what(other)),
    }
}

/// The row as an operator would call it.
pub(super) fn what(row: &RestoreAccess) -> String {
    match row {
        RestoreAccess::Team { name, .. } | RestoreAccess::RemoveTeam(name) => {
            format!("team {name}")
        }
        RestoreAccess::Account(account) => format!("{} {}", kind(account.kind), account.name),
        RestoreAccess::RemoveAccount(id) => format!("account {}", id.0),
        RestoreAccess::Credential(token) => format!("token {}", token.record.id.0),
        RestoreAccess::RemoveCredential(id) => format!("token {}", id.0),
        RestoreAccess::Role(role) => format!("role {}", role.name),
        RestoreAccess::RemoveRole(name) => format!("role {name}"),
        RestoreAccess::Grant(grant) | RestoreAccess::RemoveGrant(grant) => {
            format!("grant {} {} {}", grant.subject, grant.role, grant.pattern)
        }
        RestoreAccess::Visibility(set) => format!("visibility of {}", set.pattern),
        RestoreAccess::RemoveVisibility(pattern) => format!("visibility of {pattern}"),
    }
}

/// What takes the row out of the other store.
pub(super) fn removal(row: RestoreAccess) -> RestoreAccess {
    match row {
        RestoreAccess::Team { name, .. } => RestoreAccess::RemoveTeam(name),
        RestoreAccess::Account(account) => RestoreAccess::RemoveAccount(account.id),
        RestoreAccess::Credential(token) => RestoreAccess::RemoveCredential(token.record.id),
        RestoreAccess::Role(role) => RestoreAccess::RemoveRole(role.name),
        RestoreAccess::Grant(grant) => RestoreAccess::RemoveGrant(grant),
        RestoreAccess::Visibility(set) => RestoreAccess::RemoveVisibility(set.pattern),
        gone => gone,
    }
}

/// Everything that a row says, in one line, but for when a token was used: that goes on while
/// everything else stands still. It holds secret hashes, so it is hashed and never shown.
pub(super) fn text(row: &RestoreAccess) -> String {
    let said = match row {
        RestoreAccess::Team { created, .. } => json!([created.millis()]),
        RestoreAccess::Account(account) => account_text(account),
        RestoreAccess::Credential(token) => token_text(token),
        RestoreAccess::Role(role) => json!([role.actions]),
        RestoreAccess::Visibility(set) => json!([set.visibility]),
        _ => json!([]),
    };
    format!("{} {said}\n", what(row))
}

fn account_text(account: &AccountRecord) -> serde_json::Value {
    json!([
        account.id.0,
        account.source,
        account.source_id,
        account.is_admin,
        account.is_disabled,
        account.secret.as_ref().map(|secret| &secret.0),
        account.epoch,
        account.expires.map(Timestamp::millis),
        account.created.millis(),
        account.teams,
        account.groups,
    ])
}

fn token_text(token: &CredentialWalk) -> serde_json::Value {
    let CredentialWalk { record, hash } = token;
    json!([
        record.account.0,
        match record.kind {
            CredentialKind::Personal => "personal",
            CredentialKind::Refresh => "refresh",
        },
        hash,
        record.label,
        record.scopes,
        record.epoch,
        record.created.millis(),
        record.expires.map(Timestamp::millis),
    ])
}

fn kind(kind: AccountKind) -> &'static str {
    match kind {
        AccountKind::User => "user",
        AccountKind::Robot => "robot",
    }
}
