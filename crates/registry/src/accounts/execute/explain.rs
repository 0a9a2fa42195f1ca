//! Whether somebody may do something, and which grant decided.

use oci::RepositoryName;
use store::{AccountKind, AccountRecord};

use super::actor::By;
use super::{CommandError, spoken, valid};
use crate::access::{Action, Actions, Book, Identity, Limits, Opinion, Subject, Via, Visibility};
use crate::accounts::command::{Answer, ConsideredView};
use crate::accounts::{Accounts, live};

impl Accounts {
    pub(super) async fn can_i(
        &self,
        by: &By<'_>,
        subject: Option<Subject>,
        action: Action,
        repository: &str,
    ) -> Result<Answer, CommandError> {
        let repository = RepositoryName::parse(repository)
            .map_err(|error| valid::invalid("repository", repository, &error))?;
        // With the credential that they came with: a narrow token says so.
        let own = by.actor.caller().map(|caller| caller.identity());
        let is_own = own.is_some_and(|own| subject.as_ref().is_none_or(|it| *it == own.subject));
        if let (true, Some(own)) = (is_own, own) {
            let book = self.policy.book();
            // Who decides here knows the settings; others learn only what serves them.
            let sees_all = by.is_admin() || book.judge(own, &repository, Action::Admin).allowed;
            return Ok(explained(&book, own, &repository, action, sees_all));
        }
        by.needs_admin("ask what others may do")?;
        let subject = subject.unwrap_or(Subject::Anonymous);
        let who = match &subject {
            Subject::User(name) => self.stored(AccountKind::User, name, &subject).await?,
            Subject::Robot(name) => self.stored(AccountKind::Robot, name, &subject).await?,
            Subject::Team(name) => {
                let teams = self.all_teams().await?;
                if !teams.iter().any(|team| team.name == *name) {
                    return Err(CommandError::Unknown { what: spoken(&subject) });
                }
                Ok(some_user(vec![subject]))
            }
            Subject::Group(_) => Ok(some_user(vec![subject])),
            Subject::SignedIn => Ok(some_user(Vec::new())),
            Subject::Anonymous => Ok(nobody()),
        };
        match who {
            Ok(who) => Ok(explained(&self.policy.book(), &who, &repository, action, true)),
            Err(because) => {
                Ok(Answer::Decision { allowed: false, because, considered: Vec::new() })
            }
        }
    }

    /// An account as it is stored now, or why it may do nothing.
    async fn stored(
        &self,
        kind: AccountKind,
        name: &str,
        subject: &Subject,
    ) -> Result<Result<Identity, String>, CommandError> {
        let account = self.store.account(kind, name).await?;
        let account = account.ok_or_else(|| CommandError::Unknown { what: spoken(subject) })?;
        Ok(self.why_not(&account).map_or_else(
            || Ok(live::identity(&account, Via::Password, Limits::None)),
            |why| Err(format!("{subject} {why}")),
        ))
    }

    fn why_not(&self, account: &AccountRecord) -> Option<&'static str> {
        if account.is_disabled {
            Some("is disabled")
        } else if !live::has_not_ended(account.expires, self.clock.now()) {
            Some("has expired")
        } else {
            None
        }
    }
}

/// A user of whom only this is known.
fn some_user(member_of: Vec<Subject>) -> Identity {
    Identity {
        subject: Subject::User(String::new()),
        member_of,
        is_admin: false,
        account: None,
        via: Via::Password,
        limits: Limits::None,
    }
}

fn nobody() -> Identity {
    Identity { subject: Subject::Anonymous, via: Via::Nothing, ..some_user(Vec::new()) }
}

/// `sees_all`: whether a visibility is told that gives nothing to `who`.
fn explained(
    book: &Book,
    who: &Identity,
    repository: &RepositoryName,
    action: Action,
    sees_all: bool,
) -> Answer {
    let verdict = book.judge(who, repository, action);
    let opinions = book.opinions(who, repository).map(|it| considered(&it, action));
    let visible = book.visibility(repository).and_then(|(pattern, visibility)| {
        let shows = match visibility {
            Visibility::Public => true,
            Visibility::Internal => matches!(who.subject, Subject::User(_)),
            Visibility::Private => false,
        };
        let allows = if shows { Actions::PULL } else { Actions::NONE };
        (shows || sees_all).then(|| ConsideredView {
            what: format!("{} is {visibility}", pattern.as_str()),
            allows: allows.iter().collect(),
            gives: allows.contains(action),
        })
    });
    Answer::Decision {
        allowed: verdict.allowed,
        because: verdict.basis.to_string(),
        considered: opinions.chain(visible).collect(),
    }
}

fn considered(opinion: &Opinion<'_>, action: Action) -> ConsideredView {
    let Opinion { subject, role, actions, pattern } = opinion;
    ConsideredView {
        what: format!("{subject} has role {role} on {}", pattern.as_str()),
        allows: actions.iter().collect(),
        gives: actions.contains(action),
    }
}
