//! Personal access tokens: in the place of a password, and narrower.

use serde_json::json;
use store::{
    AccessChange, AccountKind, AccountRecord, CredentialId, CredentialKind, NewCredential,
    Timestamp,
};

use super::actor::By;
use super::{CommandError, show, valid};
use crate::access::{TokenScope, Via};
use crate::accounts::command::Answer;
use crate::accounts::made_secret::{self, Made};
use crate::accounts::sign_in::earlier;
use crate::accounts::{Accounts, Moment};

/// Personal tokens of one user.
const MAX_TOKENS: usize = 500;
/// Scopes of one token.
const MAX_SCOPES: usize = 100;
/// Longest label, in bytes.
const MAX_LABEL: usize = 100;

/// What is told about a token to be made.
pub(super) struct NewToken {
    pub(super) user: Option<String>,
    pub(super) label: String,
    pub(super) scopes: Vec<TokenScope>,
    pub(super) expires_in_seconds: Option<u64>,
}

impl Accounts {
    pub(super) async fn token_create(
        &self,
        by: &By<'_>,
        new: NewToken,
    ) -> Result<Answer, CommandError> {
        let user = self.token_owner(by, new.user.as_deref(), "make tokens").await?;
        check_label(&new.label)?;
        if new.scopes.len() > MAX_SCOPES {
            let rule = "are too many; one token has at most 100: use patterns such as pull:team/**";
            return Err(valid::invalid("scopes", &new.scopes.len().to_string(), rule));
        }
        let expires = valid::ends(self.clock.now(), new.expires_in_seconds)?;
        let expires = earlier(expires, parent_ends(by));
        let known = self.store.credentials(user.id).await?;
        let personal = known.iter().filter(|it| it.kind == CredentialKind::Personal).count();
        if personal >= MAX_TOKENS {
            let rule = "has 500 tokens already; revoke those that are not needed";
            return Err(valid::invalid("user", &user.name, rule));
        }
        let secret = Made::Personal.make(&*self.random);
        let scopes: Vec<_> = new.scopes.iter().map(ToString::to_string).collect();
        let step = AccessChange::AddCredential(NewCredential {
            account: user.id,
            kind: CredentialKind::Personal,
            hash: made_secret::digest(secret.reveal()),
            label: new.label.clone(),
            scopes: scopes.clone(),
            expires,
        });
        let detail =
            json!({ "label": new.label, "scopes": scopes, "expires": expires.map(Moment) });
        let target = format!("user:{}", user.name);
        let made = self.do_one(by, vec![step], "token.create", &target, Some(detail)).await?;
        let id = made.into_iter().flatten().next();
        let what = id.map_or_else(|| "token".to_owned(), |id| format!("token {id}"));
        let (secret, expires) = (Some(secret), expires.map(Moment));
        Ok(Answer::Made { what, user: user.name, id, secret, expires })
    }

    pub(super) async fn token_list(
        &self,
        by: &By<'_>,
        user: Option<&str>,
    ) -> Result<Answer, CommandError> {
        let user = self.token_owner(by, user, "see tokens").await?;
        let tokens = self.store.credentials(user.id).await?;
        Ok(Answer::Tokens { tokens: tokens.into_iter().map(show::token).collect() })
    }

    /// Somebody else's token is as unknown as one that never was.
    pub(super) async fn token_revoke(&self, by: &By<'_>, id: i64) -> Result<Answer, CommandError> {
        let own = by.own_user().map(|(account, _)| account);
        if own.is_none() {
            by.needs_admin("revoke tokens")?;
        }
        let account = if by.is_admin() { None } else { own };
        let step = AccessChange::RemoveCredential { account, id: CredentialId(id) };
        self.do_one(by, vec![step], "token.revoke", &format!("token:{id}"), None).await?;
        Ok(Answer::Done)
    }

    /// Whose tokens it is about: their own, or for administrators anybody's.
    async fn token_owner(
        &self,
        by: &By<'_>,
        user: Option<&str>,
        what: &str,
    ) -> Result<AccountRecord, CommandError> {
        let own = by.own_user().map(|(_, own)| own);
        let name = user.or(own).ok_or_else(|| by.may_not(what))?;
        if own != Some(name) {
            by.needs_admin(&format!("{what} of others"))?;
        }
        let user = self.store.account(AccountKind::User, name).await?;
        user.ok_or_else(|| CommandError::Unknown { what: format!("user {}", oci::quoted(name)) })
    }
}

/// When the personal token ends that the command came with: what is made with it
/// must not outlive it.
fn parent_ends(by: &By<'_>) -> Option<Timestamp> {
    let caller = by.actor.caller()?;
    let is_by_token = caller.identity().via == Via::PersonalToken;
    is_by_token.then(|| caller.ends()).flatten()
}

fn check_label(label: &str) -> Result<(), CommandError> {
    if label.trim().is_empty() || label.len() > MAX_LABEL || label.chars().any(char::is_control) {
        let rule = "must be 1 to 100 bytes of text that says where the token is used";
        return Err(valid::invalid("label", label, rule));
    }
    Ok(())
}
