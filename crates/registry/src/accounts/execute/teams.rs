//! Sets of users.

use serde_json::json;
use store::{AccessChange, StoreError, TeamRecord};

use super::actor::By;
use super::{CommandError, show, valid};
use crate::access::Subject;
use crate::accounts::Accounts;
use crate::accounts::command::{Answer, PageRequest};

/// Teams that are read at once.
const PAGE: usize = 1_000;

impl Accounts {
    pub(super) async fn team_add(&self, by: &By<'_>, name: &str) -> Result<Answer, CommandError> {
        by.needs_admin("make teams")?;
        let team = Subject::team(name).map_err(|error| valid::invalid("name", name, &error))?;
        let step = AccessChange::AddTeam(name.to_owned());
        self.do_one(by, vec![step], "team.add", &team.to_string(), None).await?;
        Ok(Answer::Done)
    }

    pub(super) async fn team_remove(
        &self,
        by: &By<'_>,
        name: &str,
    ) -> Result<Answer, CommandError> {
        by.needs_admin("remove teams")?;
        let step = AccessChange::RemoveTeam(name.to_owned());
        self.do_one(by, vec![step], "team.remove", &format!("team:{name}"), None).await?;
        Ok(Answer::Done)
    }

    pub(super) async fn member(
        &self,
        by: &By<'_>,
        team: String,
        user: String,
        is_in: bool,
    ) -> Result<Answer, CommandError> {
        by.needs_admin("decide who is in a team")?;
        let (target, detail) = (format!("team:{team}"), json!({ "user": user }));
        let (step, action) = if is_in {
            (AccessChange::AddMember { team, user }, "team.member-add")
        } else {
            (AccessChange::RemoveMember { team, user }, "team.member-remove")
        };
        self.do_one(by, vec![step], action, &target, Some(detail)).await?;
        Ok(Answer::Done)
    }

    /// All teams for administrators, their own for others.
    pub(super) async fn team_list(
        &self,
        by: &By<'_>,
        page: &PageRequest,
    ) -> Result<Answer, CommandError> {
        let own = by.own_user().map(|(_, name)| name);
        if own.is_none() {
            by.needs_admin("list teams")?;
        }
        let limit = valid::page(page)?;
        let is_shown = |team: &TeamRecord| {
            by.is_admin() || own.is_some_and(|own| team.members.iter().any(|name| name == own))
        };
        // A page that ends early, or `next` with a name that is not shown,
        // would tell of teams of others: only what is shown counts.
        let size = if by.is_admin() { limit } else { PAGE };
        let (mut shown, mut after) = (Vec::new(), page.after.clone());
        loop {
            let read = self.store.teams(after.as_deref(), size).await?;
            let is_last = read.len() < size;
            after = read.last().map(|team| team.name.clone());
            shown.extend(read.into_iter().filter(is_shown));
            if is_last || shown.len() >= limit {
                break;
            }
            // A store may answer without ever waiting.
            tokio::task::yield_now().await;
        }
        shown.truncate(limit);
        let next = show::next(&shown, limit, |team| team.name.clone());
        Ok(Answer::Teams { teams: shown.into_iter().map(show::team).collect(), next })
    }

    /// Every team, page by page.
    pub(super) async fn all_teams(&self) -> Result<Vec<TeamRecord>, StoreError> {
        let mut all: Vec<TeamRecord> = Vec::new();
        loop {
            let after = all.last().map(|team| team.name.clone());
            let page = self.store.teams(after.as_deref(), PAGE).await?;
            let is_last = page.len() < PAGE;
            all.extend(page);
            if is_last {
                return Ok(all);
            }
        }
    }
}
