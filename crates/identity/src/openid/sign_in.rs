//! The browser's way through a provider: authorization code with PKCE.

use std::sync::Arc;
use std::time::Duration;

use form_urlencoded::{Serializer, byte_serialize};
use serde_json::Value;
use store::{Clock, Random};

use super::issuer::Discovery;
use super::{Expected, Issuer, IssuerClaims, OpenIdError, Pending};
use crate::jose::{Object, parse_object};
use crate::outbound::Answer;
use crate::secret::Secret;
use crate::source::Identity;

/// What is configured about signing in at a provider.
#[derive(Debug, Clone)]
pub struct SignInSettings {
    /// Who we are to the provider.
    pub client_id: String,
    /// Proves it; `None` for public clients.
    pub client_secret: Option<Secret>,
    /// What we ask for; `openid` is always added.
    pub scopes: Vec<String>,
    /// The claim with the name to sign in with, such as `preferred_username`
    /// or `email`; `a.b` is `b` inside of `a`.
    pub username_claim: String,
    /// The claim with the groups, such as `groups`; `None` for no groups.
    pub groups_claim: Option<String>,
    /// How long a sign-in counts. The provider tells us nothing afterwards: not
    /// even that it removed the user.
    pub counts_for: Duration,
}

/// What the browser brought back in its query.
#[derive(Debug, Clone, Copy)]
pub struct Callback<'a> {
    /// `code`.
    pub code: &'a str,
    /// `state`.
    pub state: &'a str,
    /// `iss`, which newer providers send (RFC 9207).
    pub issuer: Option<&'a str>,
}

/// Signing in at one provider.
pub struct SignIn {
    issuer: Arc<Issuer>,
    settings: SignInSettings,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl SignIn {
    /// Signing in at `issuer`.
    pub fn new(
        issuer: Arc<Issuer>,
        settings: SignInSettings,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self { issuer, settings, clock, random }
    }

    /// How long a sign-in counts.
    pub fn counts_for(&self) -> Duration {
        self.settings.counts_for
    }

    /// Where to send the browser, and what to keep until it comes back to
    /// `redirect_uri`.
    pub async fn begin(&self, redirect_uri: &str) -> Result<(String, Pending), OpenIdError> {
        let discovery = self.issuer.discovery().await?;
        let endpoint = self.endpoint(&discovery, "authorization_endpoint")?;
        let pending = Pending::begin(redirect_uri, self.clock.now(), &*self.random);
        let mut url = self.issuer.outbound().check(endpoint).map_err(provider)?;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("scope", &self.scope())
            .append_pair("state", pending.state.reveal())
            .append_pair("nonce", pending.nonce.reveal())
            .append_pair("code_challenge", &pending.challenge())
            .append_pair("code_challenge_method", "S256");
        Ok((url.into(), pending))
    }

    /// Who it is that came back with `callback`.
    pub async fn finish(
        &self,
        callback: &Callback<'_>,
        pending: &Pending,
    ) -> Result<Identity, OpenIdError> {
        if !pending.fits(callback.state, self.clock.now()) {
            return Err(OpenIdError::Stale);
        }
        let discovery = self.issuer.discovery().await?;
        self.check_issuer(&discovery, callback)?;
        let tokens = self.redeem(&discovery, callback.code, pending).await?;
        let text = |name: &str| tokens.get(name).and_then(Value::as_str);
        let id_token = text("id_token")
            .ok_or_else(|| OpenIdError::Provider("its answer has no `id_token`".to_owned()))?;
        let client = self.settings.client_id.as_str();
        let expected = Expected {
            audiences: &[client],
            nonce: Some(pending.nonce.reveal()),
            client: Some(client),
        };
        let mut claims = self.issuer.verify_id_token(id_token, &expected).await?;
        if self.lacks(&claims)
            && let (Some(url), Some(token)) =
                (discovery.endpoint("userinfo_endpoint"), text("access_token"))
        {
            self.add_user_info(&mut claims, url, &Secret::new(token)).await?;
        }
        self.identity(&claims)
    }

    fn scope(&self) -> String {
        let others = self.settings.scopes.iter().map(String::as_str);
        let all: Vec<_> =
            std::iter::once("openid").chain(others.filter(|s| *s != "openid")).collect();
        all.join(" ")
    }

    /// A code of one provider must not be redeemed at another.
    fn check_issuer(
        &self,
        discovery: &Discovery,
        callback: &Callback<'_>,
    ) -> Result<(), OpenIdError> {
        let needed = discovery.flag("authorization_response_iss_parameter_supported");
        match callback.issuer {
            Some(issuer) if issuer == self.issuer.name() => Ok(()),
            None if !needed => Ok(()),
            _ => Err(OpenIdError::Stale),
        }
    }

    fn endpoint<'a>(&self, discovery: &'a Discovery, name: &str) -> Result<&'a str, OpenIdError> {
        discovery
            .endpoint(name)
            .ok_or_else(|| OpenIdError::Provider(format!("its discovery names no `{name}`")))
    }

    async fn redeem(
        &self,
        discovery: &Discovery,
        code: &str,
        pending: &Pending,
    ) -> Result<Object, OpenIdError> {
        let url = self.endpoint(discovery, "token_endpoint")?;
        let (form, basic) = self.redemption(discovery, code, pending);
        let basic = basic.as_ref().map(|(id, secret)| (id.as_str(), secret));
        let answer = self.issuer.outbound().post_form(url, form, basic).await;
        read_tokens(&answer.map_err(provider)?)
    }

    /// The form that redeems `code`, and the Basic credentials beside it.
    fn redemption(
        &self,
        discovery: &Discovery,
        code: &str,
        pending: &Pending,
    ) -> (String, Option<(String, Secret)>) {
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", &pending.redirect)
            .append_pair("code_verifier", pending.verifier.reveal());
        let (id, secret) = (&self.settings.client_id, &self.settings.client_secret);
        let methods = "token_endpoint_auth_methods_supported";
        if let Some(secret) = secret
            && discovery.supports(methods, "client_secret_basic", true)
        {
            // RFC 6749 has both percent-encoded inside of Basic.
            let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
            let basic = (encode(id), Secret::new(encode(secret.reveal())));
            return (form.finish(), Some(basic));
        }
        form.append_pair("client_id", id);
        if let Some(secret) = secret {
            form.append_pair("client_secret", secret.reveal());
        }
        (form.finish(), None)
    }

    /// Whether the token leaves something to ask for.
    fn lacks(&self, claims: &IssuerClaims) -> bool {
        let groups = self.settings.groups_claim.iter();
        let mut needed = groups.chain([&self.settings.username_claim]);
        needed.any(|claim| claims.find(claim).is_none())
    }

    /// Adds what the provider tells about whoever `token` is for; what the
    /// signed token says stays.
    async fn add_user_info(
        &self,
        claims: &mut IssuerClaims,
        url: &str,
        token: &Secret,
    ) -> Result<(), OpenIdError> {
        let body = self.issuer.outbound().get(url, Some(token)).await.map_err(provider)?;
        let told = parse_object(&body)
            .ok_or_else(|| OpenIdError::Provider(format!("{url}: no JSON object")))?;
        if told.get("sub").and_then(Value::as_str) != Some(claims.subject()) {
            return Err(OpenIdError::Provider(format!("{url}: it tells about somebody else")));
        }
        for (name, value) in told {
            claims.0.entry(name).or_insert(value);
        }
        Ok(())
    }

    fn identity(&self, claims: &IssuerClaims) -> Result<Identity, OpenIdError> {
        let claim = &self.settings.username_claim;
        let name = claims.text(claim).ok_or_else(|| {
            OpenIdError::Claim(format!(
                "the provider tells no text claim {claim:?}; ask for another scope, or set the \
                 claim that holds the name"
            ))
        })?;
        let verified = claims.find("email_verified");
        let says = |yes: bool, text: &str| verified.is_some_and(|it| *it == yes || *it == *text);
        let (is_verified, is_unverified) = (says(true, "true"), says(false, "false"));
        // Anybody can write any address at a provider that does not look.
        if claim == "email" && !is_verified {
            let why = "the provider does not say `email_verified: true` of the address that \
                       would be the name; take another claim";
            return Err(OpenIdError::Claim(why.to_owned()));
        }
        let email = claims.text("email").filter(|_| !is_unverified).map(str::to_owned);
        let groups = self.settings.groups_claim.iter().flat_map(|claim| claims.texts(claim));
        let groups = groups.map(str::to_owned).collect();
        Identity::checked(claims.subject(), name, email, groups).ok_or_else(|| {
            OpenIdError::Claim(format!("the claim {claim:?} is empty, too long or not printable"))
        })
    }
}

impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignIn").field("settings", &self.settings).finish_non_exhaustive()
    }
}

fn provider(error: crate::outbound::OutboundError) -> OpenIdError {
    OpenIdError::Provider(error.to_string())
}

fn read_tokens(answer: &Answer) -> Result<Object, OpenIdError> {
    let object = parse_object(&answer.body);
    if answer.status == 200 {
        let why = "its token endpoint answers with no JSON object";
        return object.ok_or_else(|| OpenIdError::Provider(why.to_owned()));
    }
    // Only the code, which is a word of a standard: a body never reaches a log.
    let code = object.as_ref().and_then(|object| object.get("error")).and_then(Value::as_str);
    let is_word =
        |code: &&str| code.len() <= 64 && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    match code.filter(is_word) {
        Some(code) => Err(OpenIdError::Denied(code.to_owned())),
        None => Err(OpenIdError::Provider(format!("its token endpoint said {}", answer.status))),
    }
}
