//! Accounts and access as a file.

use std::collections::HashSet;

use store::{AccountKind, AccountRecord, PolicyRecord, StoreError, TeamRecord};

use super::CommandError;
use super::actor::By;
use crate::access::{Action, Pattern};
use crate::accounts::access_file::{
    AccessFile, GrantEntry, LOCAL, RobotEntry, RoleEntry, TeamEntry, UserEntry, VisibilityEntry,
};
use crate::accounts::command::Answer;
use crate::accounts::{Accounts, Moment};

/// Page of reading everything.
const PAGE: usize = 1_000;

/// Everything that a file can say, as it is stored.
pub(super) struct Stored {
    pub(super) users: Vec<AccountRecord>,
    pub(super) robots: Vec<AccountRecord>,
    pub(super) teams: Vec<TeamRecord>,
    pub(super) policy: PolicyRecord,
}

impl Accounts {
    pub(super) async fn export(&self, by: &By<'_>) -> Result<Answer, CommandError> {
        by.needs_admin("export accounts and access")?;
        Ok(Answer::Exported { file: self.stored_now().await?.into_file() })
    }

    pub(super) async fn stored_now(&self) -> Result<Stored, StoreError> {
        Ok(Stored {
            users: self.all_accounts(AccountKind::User).await?,
            robots: self.all_accounts(AccountKind::Robot).await?,
            teams: self.all_teams().await?,
            policy: self.store.policy().await?,
        })
    }

    async fn all_accounts(&self, kind: AccountKind) -> Result<Vec<AccountRecord>, StoreError> {
        let mut all: Vec<AccountRecord> = Vec::new();
        loop {
            let after = all.last().map(|account| account.name.clone());
            let page = self.store.accounts(kind, after.as_deref(), PAGE).await?;
            let is_last = page.len() < PAGE;
            all.extend(page);
            if is_last {
                return Ok(all);
            }
        }
    }
}

impl Stored {
    /// As a file. Users of identity sources come and go by themselves; they
    /// are in it if something was said about them here.
    pub(super) fn into_file(self) -> AccessFile {
        let granted: HashSet<_> =
            self.policy.grants.iter().map(|grant| grant.subject.clone()).collect();
        let is_told = |user: &AccountRecord| {
            user.source == LOCAL
                || user.is_admin
                || user.is_disabled
                || user.expires.is_some()
                || !user.teams.is_empty()
                || granted.contains(&format!("user:{}", user.name))
        };
        AccessFile {
            users: self.users.into_iter().filter(is_told).map(user).collect(),
            teams: self.teams.into_iter().map(team).collect(),
            robots: self.robots.into_iter().map(robot).collect(),
            roles: roles(&self.policy),
            grants: grants(&self.policy),
            visibility: visibility(&self.policy),
        }
    }
}

pub(super) fn user(record: AccountRecord) -> UserEntry {
    UserEntry {
        name: record.name,
        source: record.source,
        admin: record.is_admin,
        disabled: record.is_disabled,
        expires: record.expires.map(Moment),
    }
}

fn team(record: TeamRecord) -> TeamEntry {
    TeamEntry { name: record.name, members: record.members }
}

fn robot(record: AccountRecord) -> RobotEntry {
    RobotEntry {
        name: record.name,
        disabled: record.is_disabled,
        expires: record.expires.map(Moment),
    }
}

fn roles(policy: &PolicyRecord) -> Vec<RoleEntry> {
    let words = |words: &[String]| words.iter().filter_map(|word| Action::parse(word)).collect();
    let entry = |role: &store::RoleRecord| RoleEntry {
        name: role.name.clone(),
        actions: words(&role.actions),
    };
    policy.roles.iter().map(entry).collect()
}

/// What this version does not understand cannot be written, and is left as it is.
fn grants(policy: &PolicyRecord) -> Vec<GrantEntry> {
    let entry = |grant: &store::GrantRecord| {
        let (subject, pattern) = (grant.subject.parse().ok()?, grant.pattern.parse().ok()?);
        Some(GrantEntry { subject, role: grant.role.clone(), pattern })
    };
    policy.grants.iter().filter_map(entry).collect()
}

fn visibility(policy: &PolicyRecord) -> Vec<VisibilityEntry> {
    let entry = |it: &store::VisibilityRecord| {
        let pattern: Pattern = it.pattern.parse().ok()?;
        Some(VisibilityEntry { pattern, visibility: it.visibility.parse().ok()? })
    };
    policy.visibilities.iter().filter_map(entry).collect()
}
