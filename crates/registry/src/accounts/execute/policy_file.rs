//! Makes accounts and access as a file says, in one transaction or not at all.

use std::collections::{HashMap, HashSet};

use super::actor::By;
use super::diff::{Step, diff};
use super::{CommandError, refused, roles, rules, valid};
use crate::access::Subject;
use crate::accounts::Accounts;
use crate::accounts::access_file::{AccessFile, LOCAL};
use crate::accounts::command::Answer;

/// Most steps of one file: they are one transaction.
const MAX_STEPS: usize = 10_000;

/// Most entries of one file, with the members of teams.
const MAX_ENTRIES: usize = 500_000;

impl Accounts {
    pub(super) async fn apply(
        &self,
        by: &By<'_>,
        file: AccessFile,
        dry_run: bool,
        prune: bool,
    ) -> Result<Answer, CommandError> {
        by.needs_admin("apply a file")?;
        check(&file)?;
        let stored = self.stored_now().await?;
        // All users of identity sources count as known, also those that an
        // export leaves out.
        let users: Vec<_> = stored.users.clone();
        let mut now = stored.into_file();
        let told: HashSet<_> = now.users.iter().map(|user| user.name.clone()).collect();
        let known = users.into_iter().filter(|user| !told.contains(&user.name));
        now.users.extend(known.map(super::export::user));
        check_sources(&now, &file)?;
        let steps = diff(&now, &file, prune);
        if steps.len() > MAX_STEPS {
            let rule = "changes are too many for one step; apply parts of the file without --prune";
            return Err(valid::invalid("file", &steps.len().to_string(), rule));
        }
        let changes: Vec<_> = steps.iter().map(|step| step.line.clone()).collect();
        if dry_run || steps.is_empty() {
            return Ok(Answer::Applied { changes, applied: false });
        }
        let detail = |step: &Step| serde_json::json!({ "applied": step.line });
        let notes = steps
            .iter()
            .map(|step| self.note(by.actor, step.action, &step.target, Some(detail(step))))
            .collect();
        let steps = steps.into_iter().map(|step| step.change).collect();
        self.change(steps, rules::keeps_an_admin(), notes).await.map_err(refused)?;
        Ok(Answer::Applied { changes, applied: true })
    }
}

/// Names that could not be made one by one cannot be made by a file, and
/// nothing is said twice.
fn check(file: &AccessFile) -> Result<(), CommandError> {
    let entries = entries(file);
    if entries > MAX_ENTRIES {
        let rule = "entries are more than 500,000; grant to teams and on patterns";
        return Err(valid::invalid("file", &entries.to_string(), rule));
    }
    for user in &file.users {
        valid::user_name(&user.name)?;
    }
    for team in &file.teams {
        Subject::team(&team.name).map_err(|e| valid::invalid("teams.name", &team.name, &e))?;
    }
    for robot in &file.robots {
        Subject::robot(&robot.name).map_err(|e| valid::invalid("robots.name", &robot.name, &e))?;
    }
    for role in &file.roles {
        roles::check_name(&role.name)?;
    }
    for grant in &file.grants {
        valid::is_named_role(&grant.role)?;
    }
    once("users.name", file.users.iter().map(|it| it.name.as_str()))?;
    once("teams.name", file.teams.iter().map(|it| it.name.as_str()))?;
    once("robots.name", file.robots.iter().map(|it| it.name.as_str()))?;
    once("roles.name", file.roles.iter().map(|it| it.name.as_str()))?;
    once("visibility.pattern", file.visibility.iter().map(|it| it.pattern.as_str()))
}

fn entries(file: &AccessFile) -> usize {
    let AccessFile { users, teams, robots, roles, grants, visibility } = file;
    let members: usize = teams.iter().map(|team| team.members.len()).sum();
    let named = users.len() + teams.len() + robots.len() + roles.len();
    named + members + grants.len() + visibility.len()
}

fn once<'a>(field: &str, names: impl Iterator<Item = &'a str>) -> Result<(), CommandError> {
    let mut seen = HashSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(valid::invalid(field, name, "is there twice; merge the entries"));
        }
    }
    Ok(())
}

/// A name belongs to the source that it came from.
fn check_sources(now: &AccessFile, file: &AccessFile) -> Result<(), CommandError> {
    let known: HashMap<_, _> = now.users.iter().map(|it| (&it.name, it)).collect();
    for user in &file.users {
        let known = known.get(&user.name);
        if let Some(known) = known.filter(|known| known.source != user.source) {
            let rule = format!(
                "is a user of {}, not of {}; remove the user first to change that",
                known.source, user.source
            );
            return Err(valid::invalid("users.name", &user.name, &rule));
        }
        if user.source != LOCAL && Subject::group(&format!("{}/x", user.source)).is_err() {
            let rule = "is no name of an identity source";
            return Err(valid::invalid("users.source", &user.source, rule));
        }
    }
    Ok(())
}
