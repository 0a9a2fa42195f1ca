//! What both engines say alike about accounts and grants: the texts of their
//! columns, whom a subject names, and what could not be done.

use std::time::Duration;

use store::{
    AccessRefusal, AccountId, AccountKind, CredentialId, CredentialKind, GrantRecord, Refusal,
};

/// Most entries of one page of accounts, teams, tokens or lines of the log.
pub(crate) const PAGE: usize = 1000;
/// Rows of one step of bulk work on tokens or on the log.
pub(crate) const STEP: usize = 500;
/// How long whoever waits for a change of accounts or grants is kept waiting.
pub(crate) const WAIT: Duration = Duration::from_secs(30);

/// The column of a kind of account; also how operators write it.
pub(crate) fn account_kind(kind: AccountKind) -> &'static str {
    match kind {
        AccountKind::User => "user",
        AccountKind::Robot => "robot",
    }
}

/// The kind of account that a column says.
pub(crate) fn parse_account_kind(text: &str) -> Option<AccountKind> {
    [AccountKind::User, AccountKind::Robot].into_iter().find(|kind| account_kind(*kind) == text)
}

/// The column of a kind of token.
pub(crate) fn credential_kind(kind: CredentialKind) -> &'static str {
    match kind {
        CredentialKind::Personal => "personal",
        CredentialKind::Refresh => "refresh",
    }
}

/// The kind of token that a column says.
pub(crate) fn parse_credential_kind(text: &str) -> Option<CredentialKind> {
    let all = [CredentialKind::Personal, CredentialKind::Refresh];
    all.into_iter().find(|kind| credential_kind(*kind) == text)
}

/// Whom a subject names, if it must exist.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Holder<'a> {
    /// An account of this kind and name.
    Account(AccountKind, &'a str),
    /// A team.
    Team(&'a str),
}

/// Whom a subject names, if it must exist.
pub(crate) fn holder(subject: &str) -> Option<Holder<'_>> {
    let (kind, name) = subject.split_once(':')?;
    if kind == "team" {
        return Some(Holder::Team(name));
    }
    parse_account_kind(kind).map(|kind| Holder::Account(kind, name))
}

/// The subject of an account's own grants.
pub(crate) fn account_subject(kind: AccountKind, name: &str) -> String {
    format!("{}:{name}", account_kind(kind))
}

/// The subject of a team's grants.
pub(crate) fn team_subject(name: &str) -> String {
    format!("team:{name}")
}

/// An account as operators write it.
pub(crate) fn account(kind: AccountKind, name: &str) -> String {
    format!("{} {name}", account_kind(kind))
}

/// An account of which only the number is known.
pub(crate) fn account_number(id: AccountId) -> String {
    format!("account {}", id.0)
}

/// A team as operators write it.
pub(crate) fn team(name: &str) -> String {
    format!("team {name}")
}

/// A named role as operators write it.
pub(crate) fn role(name: &str) -> String {
    format!("role {name}")
}

/// A token as operators write it.
pub(crate) fn token(id: CredentialId) -> String {
    format!("token {}", id.0)
}

/// A grant as operators write it.
pub(crate) fn grant(grant: &GrantRecord) -> String {
    format!("grant {} {} {}", grant.subject, grant.role, grant.pattern)
}

/// A setting of visibility as operators write it.
pub(crate) fn visibility(pattern: &str) -> String {
    format!("visibility of {pattern}")
}

/// It is there already.
pub(crate) fn exists(what: String) -> Refusal {
    Refusal::Access(AccessRefusal::Exists(what))
}

/// It is not there.
pub(crate) fn unknown(what: String) -> Refusal {
    Refusal::Access(AccessRefusal::Unknown(what))
}

/// Something uses it.
pub(crate) fn in_use(what: String) -> Refusal {
    Refusal::Access(AccessRefusal::InUse(what))
}

/// Refuses what was decided by another version than the current one.
pub(crate) fn still_of(current: u64, decided: u64) -> Result<(), Refusal> {
    if current == decided { Ok(()) } else { Err(Refusal::Access(AccessRefusal::Stale)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_users_robots_and_teams_must_exist() {
        use AccountKind::{Robot, User};
        assert_eq!(holder("user:alice"), Some(Holder::Account(User, "alice")));
        assert_eq!(holder("robot:team/web+ci"), Some(Holder::Account(Robot, "team/web+ci")));
        assert_eq!(holder("team:a:b"), Some(Holder::Team("a:b")));
        for subject in ["group:oidc/devs", "signed-in", "anonymous", "users:alice", ""] {
            assert_eq!(holder(subject), None, "{subject}");
        }
    }

    #[test]
    fn every_kind_is_read_as_it_was_written() {
        for kind in [AccountKind::User, AccountKind::Robot] {
            assert_eq!(parse_account_kind(account_kind(kind)), Some(kind));
        }
        for kind in [CredentialKind::Personal, CredentialKind::Refresh] {
            assert_eq!(parse_credential_kind(credential_kind(kind)), Some(kind));
        }
        assert_eq!((parse_account_kind("team"), parse_credential_kind("")), (None, None));
    }
}
