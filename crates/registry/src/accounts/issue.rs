//! Tokens for `/v2/`: what was asked for, as far as the policy allows it now.
//!
//! Less than was asked is no error: the token says what it is good for, and a
//! token for nothing still proves who its holder is.

use std::time::Duration;

use identity::token::{Access, Claims, USE_REGISTRY};
use oci::RepositoryName;
use store::{
    AccessChange, AccountId, CredentialId, CredentialKind, CredentialRecord, NewCredential,
    Timestamp,
};

use super::made_secret::{self, Made};
use super::settings::MIN_TOKEN_LIFE;
use super::sign_in::{earlier, unavailable};
use super::{Accounts, Proven, execute};
use crate::access::{Action, AuthenticationError, Book, Caller, Limits, ResourceScope, Subject};
use crate::audit::Origin;

/// Most bytes of scopes in one token, so that it fits into a header.
const MAX_SCOPES: usize = 8 << 10;
/// Refresh tokens of one account.
const MAX_REFRESH: usize = 100;
/// When there are so many, this many of the oldest go at once: each time that
/// tokens are taken away all replicas forget what they know, and that must not be
/// at each login.
const REFRESH_ROOM: usize = 10;
/// How our tokens say that tags may be moved. The protocol has no word for it,
/// so it is neither asked for nor told.
const OVERWRITE: &str = "overwrite";
/// Longest client name that is kept, in characters.
const MAX_CLIENT: usize = 100;

/// What a client asks the token endpoint for.
#[derive(Debug, Clone, Default)]
pub struct TokenRequest {
    /// For which service; whatever it says, a token is for ours.
    pub service: Option<String>,
    /// What for.
    pub scopes: Vec<ResourceScope>,
    /// Our own host as clients call it: those of Docker Content Trust write it
    /// before the repository. Nothing that a stranger claims may be judged by it.
    pub own_host: Option<String>,
    /// Whether a refresh token is wanted.
    pub offline: bool,
    /// What the client calls itself.
    pub client_id: Option<String>,
    /// From where it asks, for the audit log.
    pub origin: Origin,
}

/// What the client gets. Never printed.
#[derive(Clone)]
pub struct IssuedToken {
    /// The token.
    pub token: String,
    /// How long it is good for, from `issued_at`; at least 60.
    pub expires_in_seconds: u32,
    /// When it was made, to the second.
    pub issued_at: Timestamp,
    /// What to keep instead of the password.
    pub refresh_token: Option<String>,
    /// What it is good for, as scopes between spaces.
    pub scope: String,
}

impl std::fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedToken").field("scope", &self.scope).finish_non_exhaustive()
    }
}

impl Accounts {
    /// A token for somebody who just proved who they are, or for anybody.
    ///
    /// # Errors
    /// `InvalidToken` if the account is gone, or all that was shown is a token
    /// of ours; `Unavailable`.
    pub async fn issue(
        &self,
        to: &Proven,
        request: TokenRequest,
    ) -> Result<IssuedToken, AuthenticationError> {
        if !to.is_a_proof {
            return Err(AuthenticationError::InvalidToken);
        }
        self.check_current(to)?;
        let book = self.policy.book();
        let own_host = request.own_host.as_deref();
        let mut granted = Vec::new();
        let mut left = MAX_SCOPES;
        for scope in &request.scopes {
            let Some(scope) = allowed(&book, to, scope, own_host) else { continue };
            let size = scope.name.len() + 100;
            if size > left {
                break;
            }
            left -= size;
            granted.push(scope);
        }
        // Whoever has no epoch from a sign-in (a certificate) gets today's.
        let epoch = match (to.epoch, to.credential, to.identity().account) {
            (None, None, Some(account)) => Some(self.epoch_of(account).await?),
            (epoch, ..) => epoch,
        };
        // To the second, as the token says it.
        let now = Timestamp::from_millis(self.clock.now().seconds() * 1000);
        let life = self.life(&granted, to.ends, now);
        let (issuer, service) = (&self.settings.issuer, &self.settings.service);
        let mut claims = Claims::new(issuer, service, USE_REGISTRY, now, life, &*self.random);
        claims.subject = to.name().unwrap_or_default().to_owned();
        claims.account = to.identity().account.map(|id| id.0);
        claims.credential = to.credential.map(|id| id.0);
        claims.epoch = epoch;
        claims.access = granted.iter().map(access).collect();
        let signed = self.keys.sign(&claims);
        let token = signed.map_err(|error| AuthenticationError::Unavailable(error.to_string()))?;
        let refresh_token = match to.identity().account {
            Some(account) if request.offline && to.may_be_kept => {
                let client = request.client_id.as_deref().unwrap_or("a client");
                // Without one the client keeps the password: a login is worth that much.
                let kept = self.kept(account, to, client, request.origin.clone(), now).await;
                kept.inspect_err(warn_unkept).ok()
            }
            _ => None,
        };
        let scope: Vec<_> = granted.iter().map(told).collect();
        let expires_in_seconds = u32::try_from(life.as_secs()).unwrap_or(u32::MAX);
        let scope = scope.join(" ");
        Ok(IssuedToken { token, expires_in_seconds, issued_at: now, refresh_token, scope })
    }

    async fn epoch_of(&self, account: AccountId) -> Result<u64, AuthenticationError> {
        let account = self.known.account_by_id(account).await.map_err(unavailable)?;
        account.map(|account| account.epoch).ok_or(AuthenticationError::InvalidToken)
    }

    /// Clients take less than a minute for a minute, so a token is made for no
    /// less. One that outlives its account by that is refused all the same:
    /// each use asks whether the account and the credential have ended.
    fn life(&self, granted: &[ResourceScope], ends: Option<Timestamp>, now: Timestamp) -> Duration {
        let only_reads = |scope: &ResourceScope| scope.actions.iter().all(|word| word == "pull");
        let repositories = granted.iter().filter(|scope| scope.kind == "repository");
        let longest = if repositories.clone().all(only_reads) {
            self.settings.pull_token_life
        } else {
            self.settings.push_token_life
        };
        let left = ends.map(|at| at.seconds().saturating_sub(now.seconds()));
        let left = left.map(|left| Duration::from_secs(u64::try_from(left).unwrap_or(0)));
        earlier(Some(longest), left).unwrap_or(longest).max(MIN_TOKEN_LIFE)
    }

    /// Makes a refresh token. More than so many are not kept: the oldest go.
    async fn kept(
        &self,
        account: AccountId,
        to: &Proven,
        client: &str,
        origin: Origin,
        now: Timestamp,
    ) -> Result<String, AuthenticationError> {
        let secret = Made::Refresh.make(&*self.random);
        let label: String = client.chars().filter(|c| !c.is_control()).take(MAX_CLIENT).collect();
        let until = now.after(self.settings.refresh_token_life);
        let known = self.store.credentials(account).await.map_err(unavailable)?;
        let mut steps: Vec<_> = superfluous(known, now)
            .map(|id| AccessChange::RemoveCredential { account: Some(account), id })
            .collect();
        steps.push(AccessChange::AddCredential(NewCredential {
            account,
            kind: CredentialKind::Refresh,
            hash: made_secret::digest(secret.reveal()),
            label: label.clone(),
            scopes: Vec::new(),
            expires: earlier(Some(until), to.ends),
        }));
        let note = execute::note_of(to, origin, now, "refresh-token.create", &label);
        let changed = self.change(steps, execute::rules::any(), vec![note]).await;
        changed.map_err(|error| AuthenticationError::Unavailable(error.to_string()))?;
        Ok(secret.reveal().to_owned())
    }
}

fn warn_unkept(error: &AuthenticationError) {
    tracing::warn!(%error, "a client gets no refresh token");
}

/// The refresh tokens that go when there is no room for one more.
fn superfluous(
    mut known: Vec<CredentialRecord>,
    now: Timestamp,
) -> impl Iterator<Item = CredentialId> {
    known.retain(|credential| credential.kind == CredentialKind::Refresh);
    // Those that have ended first, then by the last use.
    known.sort_by_key(|it| {
        let is_live = it.expires.is_none_or(|at| at > now);
        (is_live, it.last_used.unwrap_or(it.created), it.id)
    });
    let is_full = known.len() >= MAX_REFRESH;
    let many = if is_full { known.len() - (MAX_REFRESH - REFRESH_ROOM) } else { 0 };
    known.into_iter().take(many).map(|credential| credential.id)
}

/// The part of `scope` that the caller may have now, under the name that was asked
/// for. Whoever asks to push gets [`OVERWRITE`] named as well, if that is allowed.
fn allowed(
    book: &Book,
    caller: &Caller,
    scope: &ResourceScope,
    own_host: Option<&str>,
) -> Option<ResourceScope> {
    let who = caller.identity();
    if scope.is_catalog() {
        // A token for the list has no room for the patterns of a narrow one, and would show more.
        let may = who.subject != Subject::Anonymous && who.limits == Limits::None;
        return may.then(ResourceScope::catalog);
    }
    if scope.kind != "repository" {
        return None;
    }
    let meant = meant(&scope.name, own_host, &who.limits);
    let wants_all = scope.actions.iter().any(|word| word == "*");
    let asked = |word: &str| wants_all || scope.actions.iter().any(|other| other == word);
    let words = [("pull", Action::Pull), ("push", Action::Push), ("delete", Action::Delete)];
    let may = |action| meant.iter().any(|name| book.judge(who, name, action).allowed);
    let mut actions: Vec<_> = words
        .into_iter()
        .filter(|(word, action)| asked(word) && may(*action))
        .map(|(word, _)| word.to_owned())
        .collect();
    if actions.iter().any(|word| word == "push") && may(Action::Overwrite) {
        actions.push(OVERWRITE.to_owned());
    }
    let is_something = !actions.is_empty();
    is_something.then(|| ResourceScope { actions, ..scope.clone() })
}

/// The repositories that `name` stands for: the one of that name, and behind our own
/// host, as clients of content trust write it, the one without it.
///
/// The token holds the whole name, and each request is decided by the policy for that.
/// But the limits of a caller are asked here and never again, so they must allow the
/// whole name wherever it is one of a repository (`reg.example/app`). With a port it is
/// none, and the token means nothing to us.
fn meant(name: &str, own_host: Option<&str>, limits: &Limits) -> Vec<RepositoryName> {
    let whole = RepositoryName::parse(name).ok();
    let inner = match (&whole, limits) {
        (Some(_), Limits::Only(_)) => None,
        _ => without_host(name, own_host),
    };
    let inner = inner.and_then(|inner| RepositoryName::parse(inner).ok());
    whole.into_iter().chain(inner).collect()
}

/// What follows our own host in `name`. A host is what clients take for one: any other
/// first part is a namespace, whatever somebody claims to have asked.
fn without_host<'a>(name: &'a str, own_host: Option<&str>) -> Option<&'a str> {
    let is_host =
        |text: &&str| !text.contains('/') && (text.contains(['.', ':']) || *text == "localhost");
    name.strip_prefix(own_host.filter(is_host)?)?.strip_prefix('/')
}

/// The scope in the words of the protocol.
fn told(scope: &ResourceScope) -> String {
    let mut scope = scope.clone();
    scope.actions.retain(|word| word != OVERWRITE);
    scope.to_string()
}

fn access(scope: &ResourceScope) -> Access {
    Access {
        kind: scope.kind.clone(),
        class: scope.class.clone(),
        name: scope.name.clone(),
        actions: scope.actions.clone(),
    }
}
