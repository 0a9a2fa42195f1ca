//! From what is to what a file says: a list of steps, computed without doing any.
//!
//! What is new comes first and in the order in which things need each other;
//! what goes comes afterwards in the opposite order.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use store::{AccessChange, AccountChange, AccountKind, GrantRecord, NewAccount, RoleRecord};

use super::grants::record;
use super::valid;
use crate::access::role;
use crate::accounts::Moment;
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
    steps.put_users(now, wanted, prune);
    steps.put_robots(now, wanted, prune);
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

/// An account to be made.
struct New<'a> {
    kind: AccountKind,
    name: &'a str,
    source: &'a str,
    is_admin: bool,
    expires: Option<Moment>,
}

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

    fn put_users(&mut self, now: &AccessFile, wanted: &AccessFile, prune: bool) {
        let known: BTreeMap<_, _> = now.users.iter().map(|user| (&user.name, user)).collect();
        for user in &wanted.users {
            let before = known.get(&user.name);
            if before.is_none() {
                self.add_account(New {
                    kind: AccountKind::User,
                    name: &user.name,
                    source: &user.source,
                    is_admin: user.admin,
                    expires: user.expires,
                });
            }
            let was_admin = before.map_or(user.admin, |it| it.admin);
            self.change_admin(user, was_admin);
            let account = (AccountKind::User, user.name.as_str());
            let was_disabled = before.is_some_and(|it| it.disabled);
            self.change_disabled(account, was_disabled, user.disabled);
            let was = before.map_or(user.expires, |it| it.expires);
            self.change_end(account, was, user.expires, prune);
        }
    }

    fn change_admin(&mut self, user: &UserEntry, was_admin: bool) {
        if was_admin == user.admin {
            return;
        }
        let (word, action) = match user.admin {
            true => ("administrator", "user.admin"),
            false => ("no administrator", "user.no-admin"),
        };
        let account = (AccountKind::User, user.name.as_str());
        self.change_account(account, word, action, AccountChange::Admin(user.admin));
    }

    fn change_disabled(
        &mut self,
        (kind, name): (AccountKind, &str),
        was_disabled: bool,
        is_disabled: bool,
    ) {
        if was_disabled == is_disabled {
            return;
        }
        let word = if is_disabled { "disabled" } else { "enabled" };
        let action = match (kind, is_disabled) {
            (AccountKind::User, true) => "user.disable",
            (AccountKind::User, false) => "user.enable",
            (AccountKind::Robot, true) => "robot.disable",
            (AccountKind::Robot, false) => "robot.enable",
        };
        let change = AccountChange::Disabled(is_disabled);
        self.change_account((kind, name), word, action, change);
    }

    /// An end that the file does not name goes with `prune` only. Files know seconds.
    fn change_end(
        &mut self,
        (kind, name): (AccountKind, &str),
        was: Option<Moment>,
        wanted: Option<Moment>,
        prune: bool,
    ) {
        let seconds = |moment: Option<Moment>| moment.map(|Moment(at)| at.seconds());
        if seconds(was) == seconds(wanted) || (wanted.is_none() && !prune) {
            return;
        }
        let word = wanted.map_or("never ends".to_owned(), |at| format!("ends {at}"));
        let action = match kind {
            AccountKind::User => "user.expires",
            AccountKind::Robot => "robot.expires",
        };
        let change = AccountChange::Expires(wanted.map(|Moment(at)| at));
        self.change_account((kind, name), &word, action, change);
    }

    fn add_account(&mut self, new: New<'_>) {
        let New { kind, name, source, is_admin, expires } = new;
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
        if let Some(at) = expires {
            line.push_str(&format!(", ends {at}"));
        }
        let change = AccessChange::AddAccount(NewAccount {
            kind,
            name: name.to_owned(),
            source: source.to_owned(),
            source_id: None,
            is_admin,
            secret: None,
            expires: expires.map(|Moment(at)| at),
        });
        self.add(line, action, format!("{noun}:{name}"), change);
    }

    fn change_account(
        &mut self,
        (kind, name): (AccountKind, &str),
        word: &str,
        action: &'static str,
        change: AccountChange,
    ) {
        let noun = if kind == AccountKind::User { "user" } else { "robot" };
        let change = AccessChange::ChangeAccount(kind, name.to_owned(), change);
        self.add(format!("~ {noun} {name}: {word}"), action, format!("{noun}:{name}"), change);
    }

    fn put_robots(&mut self, now: &AccessFile, wanted: &AccessFile, prune: bool) {
        let known: BTreeMap<_, _> = now.robots.iter().map(|robot| (&robot.name, robot)).collect();
        for RobotEntry { name, disabled, expires } in &wanted.robots {
            let before = known.get(name);
            if before.is_none() {
                self.add_account(New {
                    kind: AccountKind::Robot,
                    name,
                    source: LOCAL,
                    is_admin: false,
                    expires: *expires,
                });
            }
            let account = (AccountKind::Robot, name.as_str());
            self.change_disabled(account, before.is_some_and(|it| it.disabled), *disabled);
            let was = before.map_or(*expires, |it| it.expires);
            self.change_end(account, was, *expires, prune);
        }
    }

    fn put_teams(&mut self, now: &AccessFile, wanted: &AccessFile) {
        let known = members(now);
        for team in &wanted.teams {
            let before = known.get(&team.name);
            let target = format!("team:{}", team.name);
            if before.is_none() {
                let change = AccessChange::AddTeam(team.name.clone());
                self.add(format!("+ team {}", team.name), "team.add", target.clone(), change);
            }
            for user in team.members.iter().collect::<BTreeSet<_>>() {
                if !before.is_some_and(|before| before.contains(user)) {
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
        let known = now.visibility.iter().map(|it| (it.pattern.as_str(), it.visibility));
        let known: HashMap<_, _> = known.collect();
        for entry in &wanted.visibility {
            let before = known.get(entry.pattern.as_str());
            if before == Some(&entry.visibility) {
                continue;
            }
            let (pattern, visibility) = (entry.pattern.as_str(), entry.visibility.as_str());
            let sign = if before.is_some() { '~' } else { '+' };
            let line = format!("{sign} visibility {pattern} {visibility}");
            self.set_visibility(line, pattern, Some(visibility));
        }
    }

    fn drop_visibility(&mut self, now: &AccessFile, wanted: &AccessFile) {
        let kept = names(wanted.visibility.iter().map(|it| it.pattern.as_str()));
        for entry in &now.visibility {
            if !kept.contains(entry.pattern.as_str()) {
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
        let kept = members(wanted);
        for TeamEntry { name, members: before } in &now.teams {
            let target = format!("team:{name}");
            let Some(after) = kept.get(name) else {
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
        let kept = names(wanted.robots.iter().map(|it| it.name.as_str()));
        for robot in &now.robots {
            if !kept.contains(robot.name.as_str()) {
                let change = AccessChange::RemoveAccount(AccountKind::Robot, robot.name.clone());
                let line = format!("- robot {}", robot.name);
                self.add(line, "robot.remove", format!("robot:{}", robot.name), change);
            }
        }
    }

    fn drop_users(&mut self, now: &AccessFile, wanted: &AccessFile) {
        let kept = names(wanted.users.iter().map(|it| it.name.as_str()));
        for user in now.users.iter().filter(|user| user.source == LOCAL) {
            if !kept.contains(user.name.as_str()) {
                let change = AccessChange::RemoveAccount(AccountKind::User, user.name.clone());
                let line = format!("- user {}", user.name);
                self.add(line, "user.remove", format!("user:{}", user.name), change);
            }
        }
    }

    fn drop_roles(&mut self, now: &AccessFile, wanted: &AccessFile) {
        let kept = names(wanted.roles.iter().map(|it| it.name.as_str()));
        for role in &now.roles {
            if !kept.contains(role.name.as_str()) {
                let change = AccessChange::RemoveRole(role.name.clone());
                let line = format!("- role {}", role.name);
                self.add(line, "role.remove", format!("role:{}", role.name), change);
            }
        }
    }
}

/// Who is in which team.
fn members(file: &AccessFile) -> HashMap<&String, HashSet<&String>> {
    file.teams.iter().map(|team| (&team.name, team.members.iter().collect())).collect()
}

/// What is looked for again and again: files have many thousands of entries.
fn names<'f>(names: impl Iterator<Item = &'f str>) -> HashSet<&'f str> {
    names.collect()
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

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::accounts::VisibilityEntry;

    /// So many entries of each kind, from a number on.
    fn file(from: usize, count: usize) -> AccessFile {
        let numbers = || from..from + count;
        AccessFile {
            teams: numbers()
                .map(|n| TeamEntry { name: format!("t{n}"), members: vec![format!("u{n}")] })
                .collect(),
            robots: numbers()
                .map(|n| RobotEntry { name: format!("r{n}"), disabled: false, expires: None })
                .collect(),
            visibility: numbers()
                .map(|n| VisibilityEntry {
                    pattern: format!("p{n}/**").parse().unwrap(),
                    visibility: "public".parse().unwrap(),
                })
                .collect(),
            ..AccessFile::default()
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "it is the machine's time that is bounded")]
    fn files_of_many_entries_are_compared_in_no_more_than_moments() {
        let (now, wanted) = (file(0, 60_000), file(1, 60_000));
        let start = Instant::now();
        let steps = diff(&now, &wanted, true);
        // Each with each would take minutes.
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
        let lines: Vec<_> = steps.iter().map(|step| step.line.as_str()).collect();
        let expected = [
            "+ robot r60000, without a secret",
            "+ team t60000",
            "+ member u60000 of team t60000",
            "+ visibility p60000/** public",
            "- visibility p0/** public",
            "- team t0",
            "- robot r0",
        ];
        assert_eq!(lines, expected);
    }
}
