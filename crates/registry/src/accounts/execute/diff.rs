//! From what is to what a file says: a list of steps, computed without doing any.
//!
//! What is new comes first and in the order in which things need each other;
//! what goes comes afterwards in the opposite order.

use std::collections::{BTreeMap, BTreeSet};

use store::{AccessChange, AccountChange, AccountKind, GrantRecord, NewAccount, RoleRecord};

use super::grants::record;
use super::valid;
use crate::access::role;
use crate::accounts::access_file::{AccessFile, LOCAL, RobotEntry, TeamEntry, UserEntry};

/// One step with the words for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// `+ user alice`, `~ user bob: disabled`, `- grant …`.
    pub(super) line: String,
    /// `user.add` and so on.
    pub(super) action: &'static str,
    /// For the audit log.
    pub(super) target: String,
    pub(super) change: AccessChange,
}

/// The steps from `now` to `wanted`. With `prune` also what `wanted` does not
/// name goes, except users of identity sources.
pub(super) fn diff(now: &AccessFile, wanted: &AccessFile, prune: bool) -> Vec<Step> {
    let mut steps = Steps::default();
    steps.put_roles(now, wanted);
    steps.put_users(now, wanted);
    steps.put_robots(now, wanted);
    steps.put_teams(now, wanted);
    steps.put_grants(now, wanted);
    steps.put_visibility(now, wanted);
    if prune {
        steps.drop_grants(now, wanted);
        steps.drop_visibility(now, wanted);
        steps.drop_teams(now, wanted);
        steps.drop_robots(now, wanted);
        steps.drop_users(now, wanted);
        steps.drop_roles(now, wanted);
    }
    steps.0
}

#[derive(Default)]
struct Steps(Vec<Step>);

impl Steps {
    fn add(&mut self, line: String, action: &'static str, target: String, change: AccessChange) {
        self.0.push(Step { line, action, target, change });
    }

    fn put_roles(&mut self, now: &AccessFile, wanted: &AccessFile) {
        let words = |actions: &[_]| valid::action_words(actions.iter().copied().collect());
        let known: BTreeMap<_, _> =
            now.roles.iter().map(|role| (&role.name, words(&role.actions))).collect();
        for role in &wanted.roles {
            let actions = words(&role.actions);
            let before = known.get(&role.name);
            if before == Some(&actions) {
                continue;
            }
            let sign = if before.is_some() { '~' } else { '+' };
            let line = format!("{sign} role {}: {}", role.name, actions.join(", "));
            let record = RoleRecord { name: role.name.clone(), actions };
            let target = format!("role:{}", role.name);
            self.add(line, "role.put", target, AccessChange::PutRole(record));
        }
    }

    fn put_users(&mut self, now: &AccessFile, wanted: &AccessFile) {
        let known: BTreeMap<_, _> = now.users.iter().map(|user| (&user.name, user)).collect();
        for user in &wanted.users {
            let before = known.get(&user.name);
            if before.is_none() {
                self.add_account(AccountKind::User, &user.name, &user.source, user.admin);
            }
            let was = before.map_or((user.admin, false), |it| (it.admin, it.disabled));
            self.change_user(user, was);
        }
    }

    fn change_user(&mut self, user: &UserEntry, (was_admin, was_disabled): (bool, bool)) {
        if was_admin != user.admin {
            let (word, action) = if user.admin {
                ("administrator", "user.admin")
            } else {
                ("no administrator", "user.no-admin")
            };
            let change = AccountChange::Admin(user.admin);
            self.change_account(AccountKind::User, &user.name, word, action, change);
        }
        if was_disabled != user.disabled {
            let (word, action) = if user.disabled {
                ("disabled", "user.disable")
            } else {
                ("enabled", "user.enable")
            };
            let change = AccountChange::Disabled(user.disabled);
            self.change_account(AccountKind::User, &user.name, word, action, change);
        }
    }

    fn add_account(&mut self, kind: AccountKind, name: &str, source: &str, is_admin: bool) {
        let (noun, action) = match kind {
            AccountKind::User => ("user", "user.add"),
            AccountKind::Robot => ("robot", "robot.add"),
        };
        let mut line = format!("+ {noun} {name}");
        match kind {
            AccountKind::User if source != LOCAL => line.push_str(&format!(" of {source}")),
            AccountKind::User => line.push_str(", without a password"),
            AccountKind::Robot => line.push_str(", without a secret"),
        }
        if is_admin {
            line.push_str(", administrator");
        }
        let change = AccessChange::AddAccount(NewAccount {
            kind,
            name: name.to_owned(),
            source: source.to_owned(),
            source_id: None,
            is_admin,
            secret: None,
            expires: None,
        });
        self.add(line, action, format!("{noun}:{name}"), change);
    }

    fn change_account(
        &mut self,
        kind: AccountKind,
        name: &str,
        word: &str,
        action: &'static str,
        change: AccountChange,
    ) {
        let noun = if kind == AccountKind::User { "user" } else { "robot" };
        let change = AccessChange::ChangeAccount(kind, name.to_owned(), change);
        self.add(format!("~ {noun} {name}: {word}"), action, format!("{noun}:{name}"), change);
    }

    fn put_robots(&mut self, now: &AccessFile, wanted: &AccessFile) {
        let known: BTreeMap<_, _> =
            now.robots.iter().map(|robot| (&robot.name, robot.disabled)).collect();
        for RobotEntry { name, disabled } in &wanted.robots {
            let before = known.get(name);
            if before.is_none() {
                self.add_account(AccountKind::Robot, name, LOCAL, false);
            }
            if before.copied().unwrap_or(false) != *disabled {
                let (word, action) = if *disabled {
                    ("disabled", "robot.disable")
                } else {
                    ("enabled", "robot.enable")
                };
                let change = AccountChange::Disabled(*disabled);
                self.change_account(AccountKind::Robot, name, word, action, change);
            }
        }
    }

    fn put_teams(&mut self, now: &AccessFile, wanted: &AccessFile) {
        for team in &wanted.teams {
            let before = members(now, &team.name);
            let target = format!("team:{}", team.name);
            if before.is_none() {
                let change = AccessChange::AddTeam(team.name.clone());
                self.add(format!("+ team {}", team.name), "team.add", target.clone(), change);
            }
            let before = before.unwrap_or_default();
            for user in team.members.iter().collect::<BTreeSet<_>>() {
                if !before.contains(user) {
                    let line = format!("+ member {user} of team {}", team.name);
                    let change =
                        AccessChange::AddMember { team: team.name.clone(), user: user.clone() };
                    self.add(line, "team.member-add", target.clone(), change);
                }
            }
        }
    }

    fn put_grants(&mut self, now: &AccessFile, wanted: &AccessFile) {
        let (before, after) = (all_grants(now), all_grants(wanted));
        for grant in after.difference(&before) {
            let (line, grant) = (grant_line('+', grant), as_record(grant));
            let is_named_role = role::built_in(&grant.role).is_none();
            let target = grant.pattern.clone();
            self.add(line, "grant.add", target, AccessChange::AddGrant { grant, is_named_role });
        }
    }

    fn drop_grants(&mut self, now: &AccessFile, wanted: &AccessFile) {
        let (before, after) = (all_grants(now), all_grants(wanted));
        for grant in before.difference(&after) {
            let (line, grant) = (grant_line('-', grant), as_record(grant));
            let target = grant.pattern.clone();
            self.add(line, "grant.remove", target, AccessChange::RemoveGrant(grant));
        }
    }

    fn put_visibility(&mut self, now: &AccessFile, wanted: &AccessFile) {
        for entry in &wanted.visibility {
            let before = now.visibility.iter().find(|it| it.pattern == entry.pattern);
            if before.map(|it| it.visibility) == Some(entry.visibility) {
                continue;
            }
            let (pattern, visibility) = (entry.pattern.as_str(), entry.visibility.as_str());
            let sign = if before.is_some() { '~' } else { '+' };
            let line = format!("{sign} visibility {pattern} {visibility}");
            self.set_visibility(line, pattern, Some(visibility));
        }
    }

    fn drop_visibility(&mut self, now: &AccessFile, wanted: &AccessFile) {
        for entry in &now.visibility {
            if !wanted.visibility.iter().any(|it| it.pattern == entry.pattern) {
                let line = format!("- visibility {} {}", entry.pattern.as_str(), entry.visibility);
                self.set_visibility(line, entry.pattern.as_str(), None);
            }
        }
    }

    fn set_visibility(&mut self, line: String, pattern: &str, visibility: Option<&str>) {
        let (pattern, visibility) = (pattern.to_owned(), visibility.map(str::to_owned));
        let target = pattern.clone();
        let change = AccessChange::SetVisibility { pattern, visibility };
        self.add(line, "visibility.set", target, change);
    }

    fn drop_teams(&mut self, now: &AccessFile, wanted: &AccessFile) {
        for TeamEntry { name, members: before } in &now.teams {
            let target = format!("team:{name}");
            let Some(after) = members(wanted, name) else {
                let change = AccessChange::RemoveTeam(name.clone());
                self.add(format!("- team {name}"), "team.remove", target, change);
                continue;
            };
            for user in before.iter().filter(|user| !after.contains(*user)) {
                let line = format!("- member {user} of team {name}");
                let change = AccessChange::RemoveMember { team: name.clone(), user: user.clone() };
                self.add(line, "team.member-remove", target.clone(), change);
            }
        }
    }

    fn drop_robots(&mut self, now: &AccessFile, wanted: &AccessFile) {
        for robot in &now.robots {
            if !wanted.robots.iter().any(|it| it.name == robot.name) {
                let change = AccessChange::RemoveAccount(AccountKind::Robot, robot.name.clone());
                let line = format!("- robot {}", robot.name);
                self.add(line, "robot.remove", format!("robot:{}", robot.name), change);
            }
        }
    }

    fn drop_users(&mut self, now: &AccessFile, wanted: &AccessFile) {
        for user in now.users.iter().filter(|user| user.source == LOCAL) {
            if !wanted.users.iter().any(|it| it.name == user.name) {
                let change = AccessChange::RemoveAccount(AccountKind::User, user.name.clone());
                let line = format!("- user {}", user.name);
                self.add(line, "user.remove", format!("user:{}", user.name), change);
            }
        }
    }

    fn drop_roles(&mut self, now: &AccessFile, wanted: &AccessFile) {
        for role in &now.roles {
            if !wanted.roles.iter().any(|it| it.name == role.name) {
                let change = AccessChange::RemoveRole(role.name.clone());
                let line = format!("- role {}", role.name);
                self.add(line, "role.remove", format!("role:{}", role.name), change);
            }
        }
    }
}

fn members<'f>(file: &'f AccessFile, team: &str) -> Option<BTreeSet<&'f String>> {
    let team = file.teams.iter().find(|it| it.name == team)?;
    Some(team.members.iter().collect())
}

/// Subject, pattern, role: in the order in which they are listed.
type GrantKey = (String, String, String);

fn all_grants(file: &AccessFile) -> BTreeSet<GrantKey> {
    let key = |grant: &crate::accounts::GrantEntry| {
        let grant = record(&grant.subject, &grant.role, &grant.pattern);
        (grant.subject, grant.pattern, grant.role)
    };
    file.grants.iter().map(key).collect()
}

fn as_record((subject, pattern, role): &GrantKey) -> GrantRecord {
    let (subject, pattern, role) = (subject.clone(), pattern.clone(), role.clone());
    GrantRecord { subject, role, pattern }
}

fn grant_line(sign: char, (subject, pattern, role): &GrantKey) -> String {
    format!("{sign} grant {subject} {role} {pattern}")
}
