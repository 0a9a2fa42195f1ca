//! Our own token in, caller out.
//!
//! The signature is checked once per token; whether its account still may do
//! anything is asked each time. The caller's limits are what the token says
//! *and* the policy is asked again at each request, so whatever was taken away
//! since the token was made is gone.
//!
//! The caller knows when the token was made: it means nothing in a repository
//! that was emptied since ([`Accounts::check_age`]).

use std::sync::Arc;

use identity::token::{Claims, Expected, USE_REGISTRY};
use moka::sync::Cache;
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use store::{AccountId, AccountRecord, CredentialId, CredentialKind, Timestamp};

use super::keys::Keys;
use super::sign_in::unavailable;
use super::still_there::Shown;
use super::{Accounts, MAX_PUSH_TOKEN_LIFE, live};
use crate::access::{
    AuthenticationError, Caller, Identity, Limit, Limits, ResourceScope, Subject, Via,
};

/// Bytes of verified tokens that are remembered at once, as [`weight`] counts
/// them: some 20,000 tokens of the usual size.
const MAX_VERIFIED: u64 = 64 << 20;
/// A caller with more teams and groups than this is made anew at each request:
/// remembered with each of its tokens they would fill the memory.
const MOST_GROUPS: usize = 32;

/// Verified tokens, by SHA-256, so that the cache holds none.
pub(super) type VerifiedTokens = Cache<[u8; 32], Arc<Verified>>;

pub(super) fn verified_tokens() -> VerifiedTokens {
    Cache::builder()
        .max_capacity(MAX_VERIFIED)
        .weigher(|_, verified: &Arc<Verified>| verified.weight)
        // What has ended is of no use, however quiet the registry is.
        .time_to_live(MAX_PUSH_TOKEN_LIFE + Keys::leeway())
        .build()
}

/// What is kept of a token of `length` bytes: its scopes, twice with the caller,
/// and the caller's teams and groups.
fn weight(length: usize) -> u32 {
    u32::try_from(length.saturating_mul(2).saturating_add(2048)).unwrap_or(u32::MAX)
}

/// What a token said whose signature was right.
pub(super) struct Verified {
    weight: u32,
    expires: i64,
    issued: Timestamp,
    account: Option<AccountId>,
    subject: String,
    epoch: Option<u64>,
    credential: Option<CredentialId>,
    limits: Limits,
    /// The caller as of the account that was looked at last.
    last: Mutex<Option<(Arc<AccountRecord>, Caller)>>,
}

impl Accounts {
    /// Who sent this token of ours.
    ///
    /// # Errors
    /// [`AuthenticationError::InvalidToken`] if it is not ours, not for us, has
    /// ended, or was revoked.
    pub async fn bearer(&self, token: &str) -> Result<Caller, AuthenticationError> {
        self.bearer_of_request(token, self.clock.now()).await
    }

    /// The same at the end of a request that began at `began`: that the token has
    /// ended since is no matter, but whatever was taken away since is gone.
    ///
    /// # Errors
    /// See [`Accounts::bearer`].
    pub async fn bearer_of_request(
        &self,
        token: &str,
        began: Timestamp,
    ) -> Result<Caller, AuthenticationError> {
        let verified = self.verified(token, began).await?;
        let Some(id) = verified.account else { return anonymous(&verified) };
        let account = self.known.account_by_id(id).await.map_err(unavailable)?;
        let account = account.ok_or(AuthenticationError::InvalidToken)?;
        let shown = if verified.epoch.is_some() { Shown::Password } else { Shown::Token };
        let standing = self.still_there(&account, shown).await?;
        let account = standing.shared(account).ok_or(AuthenticationError::InvalidToken)?;
        let is_same_epoch = verified.epoch.is_none_or(|epoch| epoch == account.epoch);
        if !live::is_live(&account, self.clock.now()) || !is_same_epoch {
            return Err(AuthenticationError::InvalidToken);
        }
        if let Some(credential) = verified.credential {
            self.check_credential(credential, &account).await?;
        }
        Ok(verified.caller(account))
    }

    /// What a token says that was good at `at`.
    async fn verified(
        &self,
        token: &str,
        at: Timestamp,
    ) -> Result<Arc<Verified>, AuthenticationError> {
        let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        if let Some(known) = self.verified.get(&hash) {
            // The same tolerance as at the first check.
            if at.before(Keys::leeway()).seconds() < known.expires {
                return Ok(known);
            }
            self.verified.invalidate(&hash);
            return Err(AuthenticationError::InvalidToken);
        }
        let expected = Expected {
            issuer: &self.settings.issuer,
            audience: &self.settings.service,
            purpose: USE_REGISTRY,
        };
        let claims = self.keys.verify(token, &expected, at).await.map_err(|refusal| {
            tracing::debug!(%refusal, "token refused");
            AuthenticationError::InvalidToken
        })?;
        let verified = Arc::new(Verified::of(claims, weight(token.len())));
        self.verified.insert(hash, verified.clone());
        Ok(verified)
    }

    /// What the token was got with must still be there.
    async fn check_credential(
        &self,
        id: CredentialId,
        account: &AccountRecord,
    ) -> Result<(), AuthenticationError> {
        let credential = self.known.credential_by_id(id).await.map_err(unavailable)?;
        let holds = credential.is_some_and(|it| {
            it.account == account.id
                && live::has_not_ended(it.expires, self.clock.now())
                && (it.kind == CredentialKind::Personal || it.epoch == account.epoch)
        });
        if holds { Ok(()) } else { Err(AuthenticationError::InvalidToken) }
    }
}

impl Verified {
    fn of(claims: Claims, weight: u32) -> Self {
        let limits = claims.access.into_iter().filter_map(|access| {
            let scope = ResourceScope {
                kind: access.kind,
                class: access.class,
                name: access.name,
                actions: access.actions,
            };
            scope.limit_of_ours()
        });
        Self {
            weight,
            expires: claims.expires,
            issued: Timestamp::from_millis(claims.issued.saturating_mul(1000)),
            account: claims.account.map(AccountId),
            subject: claims.subject,
            epoch: claims.epoch,
            credential: claims.credential.map(CredentialId),
            limits: Limits::Only(limits.collect::<Vec<Limit>>()),
            last: Mutex::default(),
        }
    }

    fn caller(&self, account: Arc<AccountRecord>) -> Caller {
        let mut last = self.last.lock();
        if let Some((of, caller)) = &*last
            && Arc::ptr_eq(of, &account)
        {
            return caller.clone();
        }
        let caller = live::caller(&account, Via::Bearer, self.limits.clone());
        let caller = caller.by_token_of(self.issued);
        if account.teams.len() + account.groups.len() <= MOST_GROUPS {
            *last = Some((account, caller.clone()));
        }
        caller
    }
}

fn anonymous(verified: &Verified) -> Result<Caller, AuthenticationError> {
    if !verified.subject.is_empty() {
        return Err(AuthenticationError::InvalidToken);
    }
    Ok(Caller::new(Identity {
        subject: Subject::Anonymous,
        member_of: Vec::new(),
        is_admin: false,
        account: None,
        via: Via::Bearer,
        limits: verified.limits.clone(),
    }))
}
