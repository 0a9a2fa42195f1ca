//! From what is stored about an account to a caller, while it may do anything.

use store::{AccountKind, AccountRecord, Timestamp};

use crate::access::{Caller, Identity, Limit, Limits, Subject, TokenScope, Via};

/// Whether the account may do anything at `now`.
pub(super) fn is_live(account: &AccountRecord, now: Timestamp) -> bool {
    !account.is_disabled && has_not_ended(account.expires, now)
}

pub(super) fn has_not_ended(expires: Option<Timestamp>, now: Timestamp) -> bool {
    expires.is_none_or(|at| at > now)
}

/// The subject that the account is.
pub(super) fn subject(account: &AccountRecord) -> Subject {
    match account.kind {
        AccountKind::User => Subject::User(account.name.clone()),
        AccountKind::Robot => Subject::Robot(account.name.clone()),
    }
}

/// Everything about the account that decisions depend on.
pub(super) fn identity(account: &AccountRecord, via: Via, limits: Limits) -> Identity {
    let teams = account.teams.iter().cloned().map(Subject::Team);
    let groups = account.groups.iter().cloned().map(Subject::Group);
    Identity {
        subject: subject(account),
        member_of: teams.chain(groups).collect(),
        is_admin: account.is_admin,
        account: Some(account.id),
        via,
        limits,
    }
}

pub(super) fn caller(account: &AccountRecord, via: Via, limits: Limits) -> Caller {
    Caller::new(identity(account, via, limits))
}

/// What a token with these stored scopes may be used for. A scope that this
/// version does not understand gives nothing.
pub(super) fn limits(scopes: &[String]) -> Limits {
    if scopes.is_empty() {
        return Limits::None;
    }
    let read = |scope: &String| Some(scope.parse::<TokenScope>().ok()?.limit());
    Limits::Only(scopes.iter().filter_map(read).collect::<Vec<Limit>>())
}
