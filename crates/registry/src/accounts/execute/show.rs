//! What is stored, as answers show it.

use store::{AccountRecord, CredentialKind, CredentialRecord, GrantRecord, TeamRecord};

use crate::accounts::access_file::LOCAL;
use crate::accounts::command::{AccountView, GrantView, TeamView, TokenView};
use crate::accounts::{Moment, live};

pub(super) fn account(record: AccountRecord) -> AccountView {
    AccountView {
        subject: live::subject(&record),
        admin: record.is_admin,
        disabled: record.is_disabled,
        has_secret: record.source == LOCAL && record.secret.is_some(),
        source: record.source,
        expires: record.expires.map(Moment),
        created: Moment(record.created),
        teams: record.teams,
        groups: record.groups,
    }
}

pub(super) fn team(record: TeamRecord) -> TeamView {
    TeamView { name: record.name, members: record.members, created: Moment(record.created) }
}

pub(super) fn token(record: CredentialRecord) -> TokenView {
    TokenView {
        id: record.id.0,
        label: record.label,
        scopes: record.scopes,
        created: Moment(record.created),
        expires: record.expires.map(Moment),
        last_used: record.last_used.map(Moment),
        personal: record.kind == CredentialKind::Personal,
    }
}

pub(super) fn grant(record: GrantRecord) -> GrantView {
    GrantView { subject: record.subject, role: record.role, pattern: record.pattern }
}

/// The `next` of a page: the name of its last entry, if the page is full.
pub(super) fn next<T>(page: &[T], limit: usize, name: impl Fn(&T) -> String) -> Option<String> {
    if page.len() < limit { None } else { page.last().map(name) }
}
