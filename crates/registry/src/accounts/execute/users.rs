//! People.

use identity::Secret;
use serde_json::json;
use store::{AccessChange, AccountChange, AccountKind, AccountRecord, NewAccount};

use super::actor::By;
use super::{CommandError, show, valid};
use crate::access::{AuthenticationError, Subject};
use crate::accounts::access_file::LOCAL;
use crate::accounts::command::{Answer, GrantView, PageRequest};
use crate::accounts::throttle::Attempt;
use crate::accounts::{Accounts, Moment};

/// What is told about a user to be made.
pub(super) struct NewUser {
    pub(super) name: String,
    pub(super) password: Option<Secret>,
    pub(super) generate: bool,
    pub(super) admin: bool,
    pub(super) expires_in_seconds: Option<u64>,
}

/// What is told about a password to be set.
pub(super) struct NewPassword {
    pub(super) name: Option<String>,
    pub(super) old_password: Option<Secret>,
    pub(super) password: Option<Secret>,
    pub(super) generate: bool,
}

fn target(name: &str) -> String {
    format!("user:{name}")
}

fn unknown(name: &str) -> CommandError {
    CommandError::Unknown { what: format!("user {}", oci::quoted(name)) }
}

impl Accounts {
    pub(super) async fn user_add(&self, by: &By<'_>, new: NewUser) -> Result<Answer, CommandError> {
        by.needs_admin("add users")?;
        let NewUser { name, password, generate, admin, expires_in_seconds } = new;
        valid::user_name(&name)?;
        let expires = valid::ends(self.clock.now(), expires_in_seconds)?;
        let (password, shown) = valid::password(&name, password, generate, &*self.random)?;
        let secret = match &password {
            Some(password) => Some(self.hashed(password).await?),
            None => None,
        };
        let step = AccessChange::AddAccount(NewAccount {
            kind: AccountKind::User,
            name: name.clone(),
            source: LOCAL.to_owned(),
            source_id: None,
            is_admin: admin,
            secret,
            expires,
        });
        let detail = json!({ "admin": admin, "expires": expires.map(Moment) });
        self.do_one(by, vec![step], "user.add", &target(&name), Some(detail)).await?;
        Ok(Answer::Made {
            what: format!("user {name}"),
            user: name,
            id: None,
            secret: shown,
            expires: expires.map(Moment),
        })
    }

    pub(super) async fn user_list(
        &self,
        by: &By<'_>,
        page: &PageRequest,
    ) -> Result<Answer, CommandError> {
        by.needs_admin("list users")?;
        let limit = valid::page(page)?;
        let users = self.store.accounts(AccountKind::User, page.after.as_deref(), limit).await?;
        let next = show::next(&users, limit, |user| user.name.clone());
        Ok(Answer::Accounts { accounts: users.into_iter().map(show::account).collect(), next })
    }

    pub(super) async fn user_show(&self, by: &By<'_>, name: &str) -> Result<Answer, CommandError> {
        if by.own_user().is_none_or(|(_, own)| own != name) {
            by.needs_admin("see other users")?;
        }
        let user = self.user(name).await?;
        let mut grants = Vec::new();
        for grant in self.store.policy().await?.grants {
            let is_theirs = match grant.subject.parse() {
                Ok(Subject::User(of)) => of == name,
                Ok(Subject::Team(team)) => user.teams.contains(&team),
                Ok(Subject::Group(group)) => user.groups.contains(&group),
                _ => false,
            };
            if is_theirs {
                let (subject, role, pattern) = (grant.subject, grant.role, grant.pattern);
                grants.push(GrantView { subject, role, pattern });
            }
        }
        Ok(Answer::Account { account: show::account(user), grants })
    }

    /// A user by name, or the error that there is none.
    pub(super) async fn user(&self, name: &str) -> Result<AccountRecord, CommandError> {
        let user = self.store.account(AccountKind::User, name).await?;
        user.ok_or_else(|| unknown(name))
    }

    pub(super) async fn user_passwd(
        &self,
        by: &By<'_>,
        new: NewPassword,
    ) -> Result<Answer, CommandError> {
        let NewPassword { name, old_password, password, generate } = new;
        let own = by.own_user().map(|(_, own)| own);
        let name = name.or_else(|| own.map(str::to_owned));
        let name = name.ok_or_else(|| by.may_not("set a password without a name"))?;
        let is_own = own == Some(&name);
        if !is_own {
            by.needs_admin("set the password of others")?;
        }
        let user = self.user(&name).await?;
        if user.source != LOCAL {
            let rule = format!("signs in through {}; change the password there", user.source);
            return Err(valid::invalid("name", &name, &rule));
        }
        if is_own {
            self.check_old_password(by, &user, old_password).await?;
        }
        let (password, shown) = valid::password(&name, password, generate, &*self.random)?;
        let Some(password) = password else {
            return Err(CommandError::Invalid {
                field: "password".to_owned(),
                value: "nothing".to_owned(),
                way_out: "was given; give one, or let one be generated".to_owned(),
            });
        };
        let hash = self.hashed(&password).await?;
        self.change_user(by, &name, AccountChange::Secret(Some(hash)), "user.passwd").await?;
        let what = format!("user {name}");
        Ok(Answer::Made { what, user: name, id: None, secret: shown, expires: None })
    }

    /// Whoever found an open session must not be able to keep it.
    async fn check_old_password(
        &self,
        by: &By<'_>,
        user: &AccountRecord,
        old: Option<Secret>,
    ) -> Result<(), CommandError> {
        let attempt = Attempt::password(&user.name, by.actor.address());
        let note = || self.note_refusal(by.actor, "user.passwd", &target(&user.name));
        let turn = self.throttle.turn(&attempt).await;
        let _turn = turn.inspect_err(|error| {
            if matches!(error, AuthenticationError::Throttled { .. }) {
                note();
            }
        })?;
        let stored = user.secret.as_ref().map(|hash| hash.0.clone());
        let is_right = match &old {
            Some(old) => self.is_password(stored, old.reveal()).await?,
            None => false,
        };
        if is_right {
            return Ok(());
        }
        if old.is_some() {
            self.throttle.failed(&attempt);
            note();
        }
        Err(CommandError::Invalid {
            field: "old_password".to_owned(),
            value: "***".to_owned(),
            way_out: "is not the password that is in force; it is needed to set a new one"
                .to_owned(),
        })
    }

    pub(super) async fn user_disable(
        &self,
        by: &By<'_>,
        name: &str,
        disabled: bool,
    ) -> Result<Answer, CommandError> {
        by.needs_admin(if disabled { "disable users" } else { "enable users" })?;
        let action = if disabled { "user.disable" } else { "user.enable" };
        self.change_user(by, name, AccountChange::Disabled(disabled), action).await
    }

    pub(super) async fn user_admin(
        &self,
        by: &By<'_>,
        name: &str,
        admin: bool,
    ) -> Result<Answer, CommandError> {
        by.needs_admin("make administrators")?;
        let action = if admin { "user.admin" } else { "user.no-admin" };
        self.change_user(by, name, AccountChange::Admin(admin), action).await
    }

    pub(super) async fn user_remove(
        &self,
        by: &By<'_>,
        name: &str,
    ) -> Result<Answer, CommandError> {
        by.needs_admin("remove users")?;
        let step = AccessChange::RemoveAccount(AccountKind::User, name.to_owned());
        self.do_one(by, vec![step], "user.remove", &target(name), None).await?;
        Ok(Answer::Done)
    }

    async fn change_user(
        &self,
        by: &By<'_>,
        name: &str,
        change: AccountChange,
        action: &str,
    ) -> Result<Answer, CommandError> {
        let step = AccessChange::ChangeAccount(AccountKind::User, name.to_owned(), change);
        self.do_one(by, vec![step], action, &target(name), None).await?;
        Ok(Answer::Done)
    }
}
