//! Carries out what administrators, owners and users want.
//!
//! Who may do it is decided first and says nothing about what is there. Every
//! change and its line in the audit log are one transaction.

mod actor;
mod diff;
mod explain;
mod export;
mod grants;
mod names;
mod policy_file;
mod read_audit;
mod robots;
mod roles;
pub(super) mod rules;
mod show;
mod teams;
mod tokens;
mod users;
mod valid;

use serde_json::Value;
use store::{AccessChange, AccessRefusal, AuditNote, Refusal, StoreError, Timestamp, WriteError};

pub use actor::Actor;
use actor::By;
pub(super) use valid::{check_password, invalid};

use super::command::{Answer, Command, CommandError};
use super::{Accounts, Proven};
use crate::access::{AuthenticationError, Limits, Subject, Via};
use crate::audit::Origin;

/// How often something is decided again because something else was changed
/// meanwhile. Then the one who asks may try again.
const TRIES: usize = 5;

impl Accounts {
    /// Does what `command` says, if `by` may do it.
    ///
    /// # Errors
    /// See [`CommandError`]; nothing was changed, except that after
    /// [`CommandError::Store`] it is not known.
    pub async fn execute(&self, by: &Actor, command: Command) -> Result<Answer, CommandError> {
        if let Actor::Caller { caller, .. } = by {
            self.check_current(caller)?;
        }
        let (action, target) = names::of(&command);
        let who = By::new(by, self.policy.book());
        let done = Box::pin(self.carry_out(&who, command)).await;
        if let Err(CommandError::Forbidden { .. }) = &done {
            self.note_refusal(by, action, &target);
        }
        done
    }

    /// Writes down that somebody known was refused something.
    fn note_refusal(&self, by: &Actor, action: &str, target: &str) {
        let note = self.note(by, action, target, None);
        self.audit.refused(AuditNote { outcome: "refused".to_owned(), ..note });
    }

    async fn carry_out(&self, by: &By<'_>, command: Command) -> Result<Answer, CommandError> {
        match command {
            Command::UserAdd { name, password, generate, admin, expires_in_seconds } => {
                let new = users::NewUser { name, password, generate, admin, expires_in_seconds };
                self.user_add(by, new).await
            }
            Command::UserList { page } => self.user_list(by, &page).await,
            Command::UserShow { name } => self.user_show(by, &name).await,
            Command::UserPasswd { name, old_password, password, generate } => {
                let new = users::NewPassword { name, old_password, password, generate };
                self.user_passwd(by, new).await
            }
            Command::UserDisable { name } => self.user_disable(by, &name, true).await,
            Command::UserEnable { name } => self.user_disable(by, &name, false).await,
            Command::UserAdmin { name, admin } => self.user_admin(by, &name, admin).await,
            Command::UserRemove { name } => self.user_remove(by, &name).await,
            Command::TeamAdd { name } => self.team_add(by, &name).await,
            Command::TeamMemberAdd { team, user } => self.member(by, team, user, true).await,
            Command::TeamMemberRemove { team, user } => self.member(by, team, user, false).await,
            Command::TeamList { page } => self.team_list(by, &page).await,
            Command::TeamRemove { name } => self.team_remove(by, &name).await,
            Command::RobotAdd { name, expires_in_seconds, grants } => {
                self.robot_add(by, name, expires_in_seconds, grants).await
            }
            Command::RobotRotate { name, expires_in_seconds } => {
                self.robot_rotate(by, &name, expires_in_seconds).await
            }
            Command::RobotDisable { name } => self.robot_disable(by, &name, true).await,
            Command::RobotEnable { name } => self.robot_disable(by, &name, false).await,
            Command::RobotList { page } => self.robot_list(by, &page).await,
            Command::RobotRemove { name } => self.robot_remove(by, &name).await,
            Command::TokenCreate { user, label, scopes, expires_in_seconds } => {
                let new = tokens::NewToken { user, label, scopes, expires_in_seconds };
                self.token_create(by, new).await
            }
            Command::TokenList { user } => self.token_list(by, user.as_deref()).await,
            Command::TokenRevoke { id } => self.token_revoke(by, id).await,
            other => self.carry_out_access(by, other).await,
        }
    }

    async fn carry_out_access(
        &self,
        by: &By<'_>,
        command: Command,
    ) -> Result<Answer, CommandError> {
        match command {
            Command::RolePut { name, actions } => self.role_put(by, name, &actions).await,
            Command::RoleList => self.role_list(by).await,
            Command::RoleRemove { name } => self.role_remove(by, &name).await,
            Command::Grant { subject, role, pattern } => {
                self.grant(by, &subject, &role, &pattern).await
            }
            Command::Revoke { subject, role, pattern } => {
                self.revoke(by, &subject, &role, &pattern).await
            }
            Command::Grants { subject, pattern, page } => {
                self.grants(by, subject.as_ref(), pattern.as_ref(), &page).await
            }
            Command::Visibility { pattern, visibility } => {
                self.visibility(by, &pattern, visibility).await
            }
            Command::Visibilities { page } => self.visibilities(by, &page).await,
            Command::CanI { subject, action, repository } => {
                self.can_i(by, subject, action, &repository).await
            }
            Command::Apply { file, dry_run, prune } => self.apply(by, file, dry_run, prune).await,
            Command::Export => self.export(by).await,
            Command::Audit { filter } => self.read_audit(by, filter).await,
            Command::AuditVerify { from } => self.check_audit(by, &from).await,
            _ => Ok(whoami(by.actor)),
        }
    }

    /// One change with its line in the audit log.
    async fn do_one(
        &self,
        by: &By<'_>,
        steps: Vec<AccessChange>,
        action: &str,
        target: &str,
        detail: Option<Value>,
    ) -> Result<Vec<Option<i64>>, CommandError> {
        let note = self.note(by.actor, action, target, detail);
        let changed = self.change(steps, rules::keeps_an_admin(), vec![note]).await;
        Ok(changed.map_err(refused)?.made)
    }

    /// The same for whoever may do it in a part alone. What `may` decides holds at
    /// the moment of the change: if anything about access has changed since, here or
    /// in another process, it is taken over and `may` is asked again.
    async fn do_if(
        &self,
        by: &By<'_>,
        may: impl Fn(&By<'_>) -> Result<(), CommandError> + Send + Sync,
        steps: Vec<AccessChange>,
        (action, target): (&str, &str),
        detail: Option<Value>,
    ) -> Result<(), CommandError> {
        for _ in 0..TRIES {
            let by = By::new(by.actor, self.policy.book());
            may(&by)?;
            let decided = (!by.is_admin()).then(|| AccessChange::AsOf { version: by.version() });
            let steps = steps.iter().cloned().chain(decided).collect();
            let note = self.note(by.actor, action, target, detail.clone());
            match self.change(steps, rules::keeps_an_admin(), vec![note]).await {
                Err(WriteError::Refused(Refusal::Access(AccessRefusal::Stale))) => {
                    self.refresh().await?;
                }
                done => return done.map(drop).map_err(refused),
            }
        }
        Err(CommandError::Busy)
    }

    /// A line for the audit log. `detail` holds no secret.
    pub(super) fn note(
        &self,
        by: &Actor,
        action: &str,
        target: &str,
        detail: Option<Value>,
    ) -> AuditNote {
        let (address, request) = match by {
            Actor::Operator { .. } => (None, None),
            Actor::Caller { address, request, .. } => (address.clone(), request.clone()),
        };
        AuditNote {
            at: self.clock.now(),
            actor: by.subject(),
            via: by.via().to_owned(),
            address,
            action: action.to_owned(),
            target: target.to_owned(),
            outcome: "ok".to_owned(),
            request,
            detail: detail.map(|detail| detail.to_string()),
            count: 1,
        }
    }
}

/// A line about what somebody did about themselves while signing in.
pub(super) fn note_of(
    who: &Proven,
    origin: Origin,
    at: Timestamp,
    action: &str,
    detail: &str,
) -> AuditNote {
    let identity = who.identity();
    let subject = identity.subject.to_string();
    AuditNote {
        at,
        actor: subject.clone(),
        via: identity.via.as_str().to_owned(),
        address: origin.address,
        action: action.to_owned(),
        target: subject,
        outcome: "ok".to_owned(),
        request: origin.request,
        detail: Some(serde_json::json!({ "label": detail }).to_string()),
        count: 1,
    }
}

fn whoami(by: &Actor) -> Answer {
    let identity = by.caller().map(|caller| caller.identity());
    let is_limited = |via, limits: &Limits| via == Via::Bearer || *limits != Limits::None;
    Answer::Whoami {
        subject: by.subject(),
        via: by.via().to_owned(),
        admin: identity.is_none_or(|identity| identity.is_admin),
        member_of: identity.map(|identity| identity.member_of.clone()).unwrap_or_default(),
        limited: identity.is_some_and(|identity| is_limited(identity.via, &identity.limits)),
    }
}

/// What the store's answer means to whoever gave the command.
pub(super) fn refused(error: WriteError) -> CommandError {
    match error {
        WriteError::Refused(Refusal::Access(refusal)) => match refusal {
            AccessRefusal::Exists(what) => CommandError::Exists { what },
            AccessRefusal::Unknown(what) => CommandError::Unknown { what },
            AccessRefusal::InUse(what) => CommandError::InUse { what },
            AccessRefusal::Stale => CommandError::Busy,
            AccessRefusal::Rule(rules::TOO_MANY_GRANTS) => CommandError::Invalid {
                field: "grants".to_owned(),
                value: "this one".to_owned(),
                way_out: "would be one of more than 100,000; grant to teams and on patterns"
                    .to_owned(),
            },
            AccessRefusal::Rule(rules::TOO_MANY_VISIBILITIES) => CommandError::Invalid {
                field: "visibility".to_owned(),
                value: "this one".to_owned(),
                way_out: "would be one of more than 100,000; use patterns such as team/**"
                    .to_owned(),
            },
            AccessRefusal::Rule(_) => CommandError::LastAdmin,
        },
        WriteError::Refused(other) => CommandError::Store { message: format!("{other:?}") },
        WriteError::Store(error) => error.into(),
    }
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy(_) => Self::Busy,
            other => Self::Store { message: other.to_string() },
        }
    }
}

impl From<AuthenticationError> for CommandError {
    fn from(error: AuthenticationError) -> Self {
        match error {
            AuthenticationError::Busy => Self::Busy,
            AuthenticationError::Throttled { retry_after_seconds } => {
                Self::Throttled { retry_after_seconds }
            }
            other => Self::Store { message: other.to_string() },
        }
    }
}

/// The words for a subject that must be named somewhere: `user alice`.
fn spoken(subject: &Subject) -> String {
    subject.to_string().replacen(':', " ", 1)
}
