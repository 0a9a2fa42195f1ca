//! One provider: where it says things are, its keys, its tokens.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use store::Clock;
use subtle::ConstantTimeEq as _;

use super::{IssuerClaims, OpenIdError};
use crate::external::fetch_keys;
use crate::jose::{Claim, Compact, KeySet, Object, Times, TokenRefusal, parse_object};
use crate::outbound::{Cached, Outbound, Reach, Watched};

/// Largest token, in bytes; one with many groups is large.
pub(super) const MAX_TOKEN: usize = 64 << 10;
/// How far clocks may differ.
const LEEWAY: Duration = Duration::from_secs(60);
/// How old what was fetched may become before it is asked for again.
const FRESH: Duration = Duration::from_secs(600);

/// Where a provider's keys come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum IssuerKeys {
    /// From where its discovery document says.
    #[default]
    Discovered,
    /// From this address, without discovery: for clusters whose discovery is not public.
    Url(String),
    /// From a file with a JWK set, without any request.
    File(PathBuf),
}

/// What is configured about a provider.
#[derive(Debug, Clone, Default)]
pub struct IssuerSettings {
    /// Its `iss`, letter by letter; discovery is asked below it.
    pub issuer: String,
    /// Where its keys come from.
    pub keys: IssuerKeys,
    /// Where its addresses may lead.
    pub reach: Reach,
}

/// What a token must say besides that its issuer signed it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Expected<'a> {
    /// `aud` names one of these.
    pub audiences: &'a [&'a str],
    /// `nonce` is this: what the sign-in began with.
    pub nonce: Option<&'a str>,
    /// The client that it was made for: `azp`, if there is one or several audiences.
    pub client: Option<&'a str>,
}

/// A provider, with its keys kept and renewed.
pub struct Issuer {
    settings: IssuerSettings,
    clock: Arc<dyn Clock>,
    outbound: Outbound,
    discovery: Cached<Discovery>,
    keys: Keys,
}

enum Keys {
    Fetched(Cached<KeySet>),
    File(Watched<KeySet>),
}

/// What a provider says about itself.
#[derive(Debug, Clone)]
pub(super) struct Discovery {
    document: Object,
}

impl Discovery {
    /// The address under `name`, such as `token_endpoint`.
    pub(super) fn endpoint(&self, name: &str) -> Option<&str> {
        self.document.get(name).and_then(Value::as_str)
    }

    /// Whether the list under `name` holds `value`; `default` if there is no such list.
    pub(super) fn supports(&self, name: &str, value: &str, default: bool) -> bool {
        let list = self.document.get(name).and_then(Value::as_array);
        list.map_or(default, |list| list.iter().any(|one| one == value))
    }

    /// Whether the flag `name` is set.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.document.get(name).and_then(Value::as_bool).unwrap_or(false)
    }
}

impl Issuer {
    /// A provider; nothing is asked yet, a key file is read.
    pub fn new(settings: IssuerSettings, clock: Arc<dyn Clock>) -> Result<Self, OpenIdError> {
        let problem = |why: String| OpenIdError::Settings(why);
        let outbound = Outbound::new(settings.reach.clone()).map_err(|e| problem(e.to_string()))?;
        let issuer = &settings.issuer;
        if issuer.is_empty() || issuer.contains(['?', '#']) {
            return Err(problem(format!("issuer {issuer:?}: must be a URL without query")));
        }
        let fetched =
            || Keys::Fetched(Cached::new(format!("{issuer}: keys"), clock.clone(), FRESH));
        let (asked, keys) = match &settings.keys {
            IssuerKeys::Discovered => (Some(issuer), fetched()),
            IssuerKeys::Url(url) => (Some(url), fetched()),
            IssuerKeys::File(path) => {
                let file = Watched::open(path.clone(), clock.clone(), KeySet::parse);
                (None, Keys::File(file.map_err(problem)?))
            }
        };
        if let Some(url) = asked {
            outbound.check(url).map_err(|e| problem(e.to_string()))?;
        }
        let discovery = Cached::new(format!("{issuer}: discovery"), clock.clone(), FRESH);
        Ok(Self { settings, clock, outbound, discovery, keys })
    }

    /// Its `iss`.
    pub fn name(&self) -> &str {
        &self.settings.issuer
    }

    pub(super) fn outbound(&self) -> &Outbound {
        &self.outbound
    }

    /// What it says about itself, asked again every ten minutes.
    pub(super) async fn discovery(&self) -> Result<Arc<Discovery>, OpenIdError> {
        let found = self.discovery.current(|| self.discover()).await;
        found.map_err(OpenIdError::Provider)
    }

    async fn discover(&self) -> Result<Discovery, String> {
        let base = self.settings.issuer.trim_end_matches('/');
        let url = format!("{base}/.well-known/openid-configuration");
        let body = self.outbound.get(&url, None).await.map_err(|e| e.to_string())?;
        let document = parse_object(&body).ok_or_else(|| format!("{url}: no JSON object"))?;
        if document.get("issuer").and_then(Value::as_str) != Some(&self.settings.issuer) {
            return Err(format!(
                "{url}: it says that it is another issuer than {:?}; the configured one must be \
                 the same letter by letter",
                self.settings.issuer
            ));
        }
        Ok(Discovery { document })
    }

    async fn fetch_keys(&self) -> Result<KeySet, String> {
        let discovered;
        let url = match &self.settings.keys {
            IssuerKeys::Url(url) => url,
            IssuerKeys::Discovered | IssuerKeys::File(_) => {
                discovered = self.discovery().await.map_err(|e| e.to_string())?;
                discovered.endpoint("jwks_uri").ok_or("its discovery names no `jwks_uri`")?
            }
        };
        fetch_keys(&self.outbound, url).await
    }

    /// The claims of `token`, if this provider signed it, it says what is
    /// `expected`, and it is valid now.
    pub async fn verify_id_token(
        &self,
        token: &str,
        expected: &Expected<'_>,
    ) -> Result<IssuerClaims, TokenRefusal> {
        let token = Compact::parse(token, MAX_TOKEN)?;
        // Access and logout tokens of the same provider tell so in their type.
        if token.parameter("typ")?.is_some_and(|typ| !typ.eq_ignore_ascii_case("JWT")) {
            return Err(TokenRefusal::Use);
        }
        let claims = self.signed(&token).await?;
        self.check(&claims, expected)?;
        Ok(IssuerClaims(claims))
    }

    async fn signed(&self, token: &Compact<'_>) -> Result<Object, TokenRefusal> {
        let (algorithm, name) = (token.algorithm()?, token.parameter("kid")?);
        let cached = match &self.keys {
            Keys::File(file) => return file.current().verify(token, name, algorithm),
            Keys::Fetched(cached) => cached,
        };
        let fetch = || self.fetch_keys();
        // Why there are no keys is in the log already.
        let keys = cached.current(fetch).await.map_err(|_| TokenRefusal::UnknownKey)?;
        match keys.verify(token, name, algorithm) {
            Err(TokenRefusal::UnknownKey) => match cached.newer(&keys, fetch).await {
                Some(newer) => newer.verify(token, name, algorithm),
                None => Err(TokenRefusal::UnknownKey),
            },
            done => done,
        }
    }

    fn check(&self, claims: &Object, expected: &Expected<'_>) -> Result<(), TokenRefusal> {
        let claim = Claim(claims);
        if claim.needed("iss")? != self.settings.issuer {
            return Err(TokenRefusal::Issuer);
        }
        let audience = claim.audience()?;
        if !audience.iter().any(|audience| expected.audiences.contains(audience)) {
            return Err(TokenRefusal::Audience);
        }
        if let Some(client) = expected.client {
            let party = claim.text("azp")?;
            if (party.is_none() && audience.len() > 1) || party.is_some_and(|party| party != client)
            {
                return Err(TokenRefusal::Audience);
            }
        }
        let times = Times::of(claim)?;
        times.issued.ok_or(TokenRefusal::Missing("iat"))?;
        times.check(self.clock.now(), LEEWAY)?;
        if claim.needed("sub")?.is_empty() {
            return Err(TokenRefusal::Claim("sub"));
        }
        if let Some(nonce) = expected.nonce {
            let told = claim.needed("nonce")?;
            if !bool::from(told.as_bytes().ct_eq(nonce.as_bytes())) {
                return Err(TokenRefusal::Nonce);
            }
        }
        Ok(())
    }
}
