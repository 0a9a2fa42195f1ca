//! `auth: token`: somebody else's token server knows who may do what; here its
//! tokens are verified.

use async_trait::async_trait;
use identity::Remembered;
use identity::external::ExternalTokens;
use registry::access::{
    Asked, AuthenticationError, Authenticator, Caller, Challenge, Credentials, Identity, Limits,
    Presented, ResourceScope, Subject, Via,
};
use std::sync::Arc;
use store::{Clock, Random};

use super::challenge::{self, scope_list};

/// How long after its end a token is still taken, as when it is verified.
const LEEWAY_SECONDS: i64 = 60;

/// What the challenge says about the token server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenOptions {
    /// `realm`: where tokens are to be had.
    pub realm: String,
    /// `service`: what this registry is called there.
    pub service: String,
    /// `autoredirect` with `autoredirectpath`: the realm is this path at the
    /// host that the client asked for, instead. The scheme is https, unless a
    /// declared proxy says otherwise.
    pub redirect_path: Option<String>,
}

/// Takes the tokens of a token server.
pub struct TokenServer {
    tokens: ExternalTokens,
    options: TokenOptions,
    clock: Arc<dyn Clock>,
    /// A signature costs more than the rest of a request.
    verified: Remembered<(i64, Caller)>,
}

impl TokenServer {
    /// Takes what `tokens` finds good.
    pub fn new(
        tokens: ExternalTokens,
        options: TokenOptions,
        clock: Arc<dyn Clock>,
        random: &dyn Random,
    ) -> Self {
        let verified = Remembered::new(clock.clone(), random);
        Self { tokens, options, clock, verified }
    }

    async fn caller(&self, token: &str) -> Result<Caller, AuthenticationError> {
        let key = self.verified.key(&[token.as_bytes()]);
        if let Some((expires, caller)) = self.verified.recall(&key) {
            let is_over = self.clock.now().seconds() - LEEWAY_SECONDS >= expires;
            return if is_over { Err(AuthenticationError::InvalidToken) } else { Ok(caller) };
        }
        let claims = self.tokens.verify(token).await.map_err(|refusal| {
            tracing::debug!(%refusal, "token refused");
            AuthenticationError::InvalidToken
        })?;
        let limits = claims.access.into_iter().filter_map(|access| {
            let (kind, class, name, actions) =
                (access.kind, access.class, access.name, access.actions);
            ResourceScope { kind, class, name, actions }.limit()
        });
        let subject = match claims.subject.is_empty() {
            true => Subject::Anonymous,
            false => Subject::User(claims.subject),
        };
        let caller = Caller::new(Identity {
            subject,
            member_of: Vec::new(),
            is_admin: false,
            account: None,
            via: Via::Bearer,
            limits: Limits::Only(limits.collect()),
        });
        self.verified.remember(key, (claims.expires, caller.clone()));
        Ok(caller)
    }

    fn realm(&self, asked: &Asked<'_>) -> String {
        match (&self.options.redirect_path, asked.authority) {
            (Some(path), Some(host)) => format!("{}://{host}{path}", asked.scheme),
            _ => self.options.realm.clone(),
        }
    }
}

#[async_trait]
impl Authenticator for TokenServer {
    async fn authenticate(&self, presented: &Presented<'_>) -> Result<Caller, AuthenticationError> {
        match presented.credentials {
            Credentials::Bearer(token) => self.caller(token).await,
            // As in the original: what is no token is as good as nothing.
            Credentials::None | Credentials::Basic { .. } | Credentials::Unusable => {
                Ok(Caller::anonymous())
            }
        }
    }

    fn challenge(&self, challenge: &Challenge<'_>) -> Option<String> {
        let (realm, scopes) = (self.realm(&challenge.asked), scope_list(challenge.scopes));
        let error = challenge::error(challenge.reason);
        Some(challenge::bearer(&realm, &self.options.service, &scopes, error))
    }
}
