//! Tokens of a token server that somebody else runs: `auth.token` of `registry:2` and `:3`.
//!
//! Whatever those accept is accepted: keys from a bundle of certificates, from
//! a JWK set, or both, named by either scheme. One thing is stricter: a key
//! that the token itself brings is only a hint which known key to use, never a
//! key to trust.

mod bundle;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use store::Clock;

pub use settings::{ExternalError, ExternalSettings, KeysFrom, allowed_algorithms};

use crate::jose::{Claim, Compact, KeySet, Object, PublicKey, Times, TokenRefusal};
use crate::outbound::{Cached, Outbound, Watched};
use crate::token::Access;
use bundle::Bundle;

/// Largest token, in bytes; one with a chain of certificates is large.
const MAX_TOKEN: usize = 64 << 10;
/// How far clocks may differ, as in the original.
const LEEWAY: Duration = Duration::from_secs(60);
/// How old a fetched key set may become before it is asked for again.
const FRESH: Duration = Duration::from_secs(600);

/// What a verified token of the server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalClaims {
    /// `sub`: the name; empty for anonymous callers.
    pub subject: String,
    /// `access`: what its holder may do.
    pub access: Vec<Access>,
    /// `jti`: its name in logs, if it has one.
    pub id: Option<String>,
    /// `exp`, in seconds since the epoch.
    pub expires: i64,
}

/// Verifies the tokens of one token server.
pub struct ExternalTokens {
    settings: ExternalSettings,
    clock: Arc<dyn Clock>,
    bundle: Option<Watched<Bundle>>,
    jwks: Option<Jwks>,
}

enum Jwks {
    File(Watched<KeySet>),
    Url { url: String, outbound: Outbound, keys: Cached<KeySet> },
}

impl ExternalTokens {
    /// Reads the files that `settings` name; an address is asked when the
    /// first token comes.
    pub fn open(settings: ExternalSettings, clock: Arc<dyn Clock>) -> Result<Self, ExternalError> {
        settings.check()?;
        let bundle = match &settings.root_certificates {
            None => None,
            Some(path) => {
                let opened = Watched::open(path.clone(), clock.clone(), Bundle::parse);
                Some(opened.map_err(|why| ExternalError::new("rootcertbundle", why))?)
            }
        };
        let problem = |why| ExternalError::new("jwks", why);
        let jwks = match &settings.jwks {
            None => None,
            Some(KeysFrom::File(path)) => {
                let opened = Watched::open(path.clone(), clock.clone(), KeySet::parse);
                Some(Jwks::File(opened.map_err(problem)?))
            }
            Some(KeysFrom::Url(url)) => {
                let outbound = Outbound::new(settings.reach.clone());
                let outbound = outbound.map_err(|e| problem(e.to_string()))?;
                outbound.check(url).map_err(|e| problem(e.to_string()))?;
                let keys = Cached::new(url.clone(), clock.clone(), FRESH);
                Some(Jwks::Url { url: url.clone(), outbound, keys })
            }
        };
        Ok(Self { settings, clock, bundle, jwks })
    }

    /// The claims of `token`, if the server signed it for us and it is valid now.
    pub async fn verify(&self, token: &str) -> Result<ExternalClaims, TokenRefusal> {
        let token = Compact::parse(token, MAX_TOKEN)?;
        let algorithm = token.algorithm()?;
        if !self.settings.algorithms.contains(&algorithm) {
            return Err(TokenRefusal::Algorithm);
        }
        let claims = self.signed(&token).await?;
        self.read(&claims)
    }

    /// The claims, if a key that we know or that a known certificate vouches
    /// for made the signature. The order is the original's.
    async fn signed(&self, token: &Compact<'_>) -> Result<Object, TokenRefusal> {
        let algorithm = token.algorithm()?;
        if let Some(chain) = token.header().get("x5c") {
            return token.verified(&self.chained(chain)?, algorithm);
        }
        if let Some(jwk) = token.header().get("jwk") {
            return self.signed_by_carried(token, jwk).await;
        }
        let name = token.parameter("kid")?.ok_or(TokenRefusal::UnknownKey)?;
        self.signed_by_known(|keys| keys.verify(token, Some(name), algorithm)).await
    }

    /// A token that brings its key: the key counts if its own certificates
    /// lead to ours, or if it is one that we know anyway.
    async fn signed_by_carried(
        &self,
        token: &Compact<'_>,
        jwk: &Value,
    ) -> Result<Object, TokenRefusal> {
        let jwk = jwk.as_object().ok_or(TokenRefusal::Header("jwk"))?;
        let key = PublicKey::from_jwk(jwk).ok_or(TokenRefusal::Header("jwk"))?;
        let algorithm = token.algorithm()?;
        if let Some(chain) = jwk.get("x5c") {
            if self.chained(chain)? != key {
                return Err(TokenRefusal::Chain);
            }
            return token.verified(&key, algorithm);
        }
        self.signed_by_known(|keys| {
            let known = keys.find(&key).ok_or(TokenRefusal::UnknownKey)?;
            token.verified(known.key(), algorithm)
        })
        .await
    }

    fn chained(&self, chain: &Value) -> Result<PublicKey, TokenRefusal> {
        let bundle = self.bundle.as_ref().ok_or(TokenRefusal::Chain)?.current();
        bundle.vouches(chain, self.clock.now())
    }

    /// Tries the bundle's keys, then the key set's, then a newer key set's.
    async fn signed_by_known(
        &self,
        verify: impl Fn(&KeySet) -> Result<Object, TokenRefusal>,
    ) -> Result<Object, TokenRefusal> {
        let unknown = |result: &Result<_, _>| matches!(result, Err(TokenRefusal::UnknownKey));
        let mut result = Err(TokenRefusal::UnknownKey);
        if let Some(bundle) = &self.bundle {
            result = verify(bundle.current().keys());
        }
        match &self.jwks {
            Some(Jwks::File(file)) if unknown(&result) => verify(&file.current()),
            Some(Jwks::Url { url, outbound, keys }) if unknown(&result) => {
                let fetch = || fetch_keys(outbound, url);
                let Ok(current) = keys.current(fetch).await else { return result };
                result = verify(&current);
                if unknown(&result)
                    && let Some(newer) = keys.newer(&current, fetch).await
                {
                    result = verify(&newer);
                }
                result
            }
            _ => result,
        }
    }

    fn read(&self, claims: &Object) -> Result<ExternalClaims, TokenRefusal> {
        let claim = Claim(claims);
        if claim.needed("iss")? != self.settings.issuer {
            return Err(TokenRefusal::Issuer);
        }
        if !claim.audience()?.contains(&self.settings.service.as_str()) {
            return Err(TokenRefusal::Audience);
        }
        let times = Times::of(claim)?;
        // The original does not look at `iat`, which servers fill in as they like.
        Times { issued: None, ..times }.check(self.clock.now(), LEEWAY)?;
        Ok(ExternalClaims {
            subject: claim.text("sub")?.unwrap_or_default().to_owned(),
            access: Access::list(claims)?,
            id: claim.text("jti")?.map(str::to_owned),
            expires: times.expires,
        })
    }
}

/// The JWK set behind `url`.
pub(crate) async fn fetch_keys(outbound: &Outbound, url: &str) -> Result<KeySet, String> {
    let body = outbound.get(url, None).await.map_err(|e| e.to_string())?;
    KeySet::parse(&body).map_err(|why| format!("{url}: {why}"))
}

#[cfg(test)]
mod tests;
