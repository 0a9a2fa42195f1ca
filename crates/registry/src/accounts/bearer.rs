//! Our own token in, caller out.
//!
//! The signature is checked once per token; whether its account still may do
//! anything is asked each time. The caller's limits are what the token says
//! *and* the policy is asked again at each request, so whatever was taken away
//! since the token was made is gone.
//!
//! Repositories cannot be removed yet. When they can, a token must name the
//! repository's number as well, so that one made before a removal means
//! nothing for a later repository of the same name.

use std::sync::Arc;

use identity::token::{Claims, Expected, USE_REGISTRY};
use moka::sync::Cache;
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use store::{AccountId, AccountRecord, CredentialId, CredentialKind};

use super::keys::Keys;
use super::sign_in::unavailable;
use super::{Accounts, live};
use crate::access::{
    AuthenticationError, Caller, Identity, Limit, Limits, ResourceScope, Subject, Via,
};

/// Verified tokens that are remembered at once: some 2 KB each.
const MAX_VERIFIED: u64 = 20_000;

/// Verified tokens, by SHA-256, so that the cache holds none.
pub(super) type VerifiedTokens = Cache<[u8; 32], Arc<Verified>>;

pub(super) fn verified_tokens() -> VerifiedTokens {
    Cache::new(MAX_VERIFIED)
}

/// What a token said whose signature was right.
pub(super) struct Verified {
    expires: i64,
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
        let verified = self.verified(token).await?;
        let Some(id) = verified.account else { return anonymous(&verified) };
        let account = self.known.account_by_id(id).await.map_err(unavailable)?;
        let account = account.ok_or(AuthenticationError::InvalidToken)?;
        let is_same_epoch = verified.epoch.is_none_or(|epoch| epoch == account.epoch);
        if !live::is_live(&account, self.clock.now()) || !is_same_epoch {
            return Err(AuthenticationError::InvalidToken);
        }
        if let Some(credential) = verified.credential {
            self.check_credential(credential, &account).await?;
        }
        Ok(verified.caller(account))
    }

    async fn verified(&self, token: &str) -> Result<Arc<Verified>, AuthenticationError> {
        let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        if let Some(known) = self.verified.get(&hash) {
            // The same tolerance as at the first check.
            let now = self.clock.now().before(Keys::leeway()).seconds();
            if now < known.expires {
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
        let claims = self.keys.verify(token, &expected).await.map_err(|refusal| {
            tracing::debug!(%refusal, "token refused");
            AuthenticationError::InvalidToken
        })?;
        let verified = Arc::new(Verified::of(claims));
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
    fn of(claims: Claims) -> Self {
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
            expires: claims.expires,
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
        *last = Some((account, caller.clone()));
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
