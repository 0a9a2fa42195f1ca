//! Names for sets of actions.

use serde_json::json;
use store::{AccessChange, RoleRecord};

use super::actor::By;
use super::{CommandError, valid};
use crate::access::{Action, role};
use crate::accounts::Accounts;
use crate::accounts::command::{Answer, RoleView};

impl Accounts {
    pub(super) async fn role_put(
        &self,
        by: &By<'_>,
        name: String,
        actions: &[Action],
    ) -> Result<Answer, CommandError> {
        by.needs_admin("make roles")?;
        check_name(&name)?;
        let actions = valid::action_words(actions.iter().copied().collect());
        let (target, detail) = (format!("role:{name}"), json!({ "actions": actions }));
        let step = AccessChange::PutRole(RoleRecord { name, actions });
        self.do_one(by, vec![step], "role.put", &target, Some(detail)).await?;
        Ok(Answer::Done)
    }

    pub(super) async fn role_remove(
        &self,
        by: &By<'_>,
        name: &str,
    ) -> Result<Answer, CommandError> {
        by.needs_admin("remove roles")?;
        let step = AccessChange::RemoveRole(name.to_owned());
        self.do_one(by, vec![step], "role.remove", &format!("role:{name}"), None).await?;
        Ok(Answer::Done)
    }

    /// Everybody who may grant anything needs to know them, so all users do.
    pub(super) async fn role_list(&self, by: &By<'_>) -> Result<Answer, CommandError> {
        if by.own_user().is_none() {
            by.needs_admin("list roles")?;
        }
        let built_in = role::BUILT_IN.iter().map(|(name, actions)| RoleView {
            name: (*name).to_owned(),
            actions: actions.iter().collect(),
            built_in: true,
        });
        let policy = self.store.policy().await?;
        let named = policy.roles.into_iter().map(|record| RoleView {
            actions: role::actions_of(&record.actions).unwrap_or_default().iter().collect(),
            name: record.name,
            built_in: false,
        });
        Ok(Answer::Roles { roles: built_in.chain(named).collect() })
    }
}

/// Checks the name of a named role.
pub(super) fn check_name(name: &str) -> Result<(), CommandError> {
    if role::may_be_named(name) {
        return Ok(());
    }
    let rule = "is built in, or no name: write up to 64 of a to z, 0 to 9 and -, a letter first";
    Err(valid::invalid("name", name, rule))
}
