//! Programs.
//!
//! A robot named `team/web+ci` belongs to the namespace `team/web`: whoever
//! administers all below it may make and remove it. A robot's secret is worth
//! all that the robot was granted, so an owner gets a new one only for a robot
//! that can do nothing outside of what the owner administers, at the moment of
//! the change.

use serde_json::json;
use store::{AccessChange, AccountChange, AccountKind, AccountRecord, GrantRecord, NewAccount};

use super::actor::By;
use super::{CommandError, show, valid};
use crate::access::{Pattern, Subject};
use crate::accounts::command::{Answer, PageRequest, RoleAt};
use crate::accounts::made_secret::{self, Made};
use crate::accounts::{Accounts, Moment};

/// Most grants that are made together with a robot.
const MAX_GRANTS: usize = 100;
/// Robots that are read at once.
const PAGE: usize = 1_000;

fn target(name: &str) -> String {
    format!("robot:{name}")
}

/// All that belongs to the namespace in the robot's name.
fn namespace(name: &str) -> Option<Pattern> {
    let (namespace, _) = name.split_once('+')?;
    format!("{namespace}/**").parse().ok()
}

fn needs_namespace(by: &By<'_>, name: &str) -> Result<(), CommandError> {
    let is_theirs = namespace(name).is_some_and(|pattern| by.administers(&pattern));
    if by.is_admin() || is_theirs {
        return Ok(());
    }
    Err(by.may_not(&format!("decide about robot {}", oci::quoted(name))))
}

/// Whether the robot and all that it was granted are theirs to decide about.
fn needs_all_of(by: &By<'_>, name: &str) -> Result<(), CommandError> {
    needs_namespace(by, name)?;
    if by.administers_all_of(&Subject::Robot(name.to_owned())) {
        return Ok(());
    }
    let what = format!("let robot {name} in: it was granted more than they administer");
    Err(by.may_not(&what))
}

fn without_prefix(name: &str) -> &str {
    name.strip_prefix("robot$").unwrap_or(name)
}

impl Accounts {
    pub(super) async fn robot_add(
        &self,
        by: &By<'_>,
        name: String,
        expires_in_seconds: Option<u64>,
        grants: Vec<RoleAt>,
    ) -> Result<Answer, CommandError> {
        let name = without_prefix(&name).to_owned();
        needs_namespace(by, &name)?;
        Subject::robot(&name).map_err(|error| valid::invalid("name", &name, &error))?;
        let expires = valid::ends(self.clock.now(), expires_in_seconds)?;
        if grants.len() > MAX_GRANTS {
            let rule = "are too many at once; make the robot with up to 100 and grant the others";
            return Err(valid::invalid("grants", &grants.len().to_string(), rule));
        }
        let secret = Made::Robot.make(&*self.random);
        let mut steps = vec![AccessChange::AddAccount(NewAccount {
            kind: AccountKind::Robot,
            name: name.clone(),
            source: crate::accounts::access_file::LOCAL.to_owned(),
            source_id: None,
            is_admin: false,
            secret: Some(made_secret::stored(&secret)),
            expires,
        })];
        let patterns: Vec<_> = grants.iter().map(|grant| &grant.pattern).collect();
        let may = |by: &By<'_>| {
            needs_namespace(by, &name)?;
            patterns.iter().try_for_each(|pattern| by.needs_pattern(pattern, "grant roles"))?;
            by.needs_room(&patterns)
        };
        for RoleAt { role, pattern } in &grants {
            by.needs_pattern(pattern, "grant roles")?;
            let is_named_role = valid::is_named_role(role)?;
            let pattern = pattern.as_str().to_owned();
            let grant = GrantRecord { subject: target(&name), role: role.clone(), pattern };
            steps.push(AccessChange::AddGrant { grant, is_named_role });
        }
        let detail = json!({ "expires": expires.map(Moment), "grants": grants });
        self.do_if(by, may, steps, ("robot.add", &target(&name)), Some(detail)).await?;
        Ok(made(&name, secret, expires.map(Moment)))
    }

    pub(super) async fn robot_rotate(
        &self,
        by: &By<'_>,
        name: &str,
        expires_in_seconds: Option<u64>,
    ) -> Result<Answer, CommandError> {
        let name = without_prefix(name);
        let may = |by: &By<'_>| needs_all_of(by, name);
        may(by)?;
        let expires = valid::ends(self.clock.now(), expires_in_seconds)?;
        let secret = Made::Robot.make(&*self.random);
        let change = |what| AccessChange::ChangeAccount(AccountKind::Robot, name.to_owned(), what);
        let mut steps = vec![change(AccountChange::Secret(Some(made_secret::stored(&secret))))];
        if expires.is_some() {
            steps.push(change(AccountChange::Expires(expires)));
        }
        let detail = json!({ "expires": expires.map(Moment) });
        self.do_if(by, may, steps, ("robot.rotate", &target(name)), Some(detail)).await?;
        Ok(made(name, secret, expires.map(Moment)))
    }

    pub(super) async fn robot_disable(
        &self,
        by: &By<'_>,
        name: &str,
        disabled: bool,
    ) -> Result<Answer, CommandError> {
        let name = without_prefix(name);
        let needs = if disabled { needs_namespace } else { needs_all_of };
        let change = AccountChange::Disabled(disabled);
        let step = AccessChange::ChangeAccount(AccountKind::Robot, name.to_owned(), change);
        let action = if disabled { "robot.disable" } else { "robot.enable" };
        let may = |by: &By<'_>| needs(by, name);
        self.do_if(by, may, vec![step], (action, &target(name)), None).await?;
        Ok(Answer::Done)
    }

    pub(super) async fn robot_remove(
        &self,
        by: &By<'_>,
        name: &str,
    ) -> Result<Answer, CommandError> {
        let name = without_prefix(name);
        let may = |by: &By<'_>| needs_namespace(by, name);
        let step = AccessChange::RemoveAccount(AccountKind::Robot, name.to_owned());
        self.do_if(by, may, vec![step], ("robot.remove", &target(name)), None).await?;
        Ok(Answer::Done)
    }

    /// All robots for administrators, those of their namespaces for owners.
    pub(super) async fn robot_list(
        &self,
        by: &By<'_>,
        page: &PageRequest,
    ) -> Result<Answer, CommandError> {
        if by.own().is_none() {
            by.needs_admin("list robots")?;
        }
        let limit = valid::page(page)?;
        let is_shown = |robot: &AccountRecord| needs_namespace(by, &robot.name).is_ok();
        // A page that ends early, or `next` with a name that is not shown,
        // would tell of robots of others: only what is shown counts.
        let size = if by.is_admin() { limit } else { PAGE };
        let (mut shown, mut after) = (Vec::new(), page.after.clone());
        loop {
            let read = self.store.accounts(AccountKind::Robot, after.as_deref(), size).await?;
            let is_last = read.len() < size;
            after = read.last().map(|robot| robot.name.clone());
            shown.extend(read.into_iter().filter(is_shown));
            if is_last || shown.len() >= limit {
                break;
            }
            // A store may answer without ever waiting.
            tokio::task::yield_now().await;
        }
        shown.truncate(limit);
        let next = show::next(&shown, limit, |robot| robot.name.clone());
        Ok(Answer::Accounts { accounts: shown.into_iter().map(show::account).collect(), next })
    }
}

fn made(name: &str, secret: identity::Secret, expires: Option<Moment>) -> Answer {
    let (what, user) = (format!("robot {name}"), format!("robot${name}"));
    Answer::Made { what, user, id: None, secret: Some(secret), expires }
}
