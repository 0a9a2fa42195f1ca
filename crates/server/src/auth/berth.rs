//! `auth: berth`: the accounts that Berth keeps, by password, token or
//! certificate, and the one address at which tokens are to be had.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use identity::Secret;
use identity::openid::SignIn;
use registry::access::{
    Asked, AuthenticationError, Authenticator, Caller, CertificateIdentity, Challenge,
    ChallengeReason, Credentials, Presented, Via,
};
use registry::accounts::Accounts;

use super::challenge::{self, scope_list};
use crate::net::TlsSource;

/// The realm of Basic challenges.
const REALM: &str = "Berth";

/// Which name in a client certificate is the name of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateName {
    /// The common name of the subject.
    CommonName,
    /// The one mail address among the alternative names.
    Email,
    /// The one DNS name among the alternative names.
    Dns,
    /// The path of the one URI among the alternative names, if it is one
    /// segment: `spiffe://example.org/ann` is `ann`.
    Uri,
}

/// What the operator decided about signing in.
#[derive(Debug, Clone, Default)]
pub struct BerthOptions {
    /// `http.host`: scheme and authority, without a final slash.
    pub host: Option<String>,
    /// `http.prefix`: empty, or `/…` without a final slash.
    pub prefix: String,
    /// Whether, and how, verified client certificates sign in.
    pub certificates: Option<CertificateName>,
    /// Seals what browsers keep for us during a sign-in. The same on all
    /// replicas; only needed where there are providers.
    pub cookie_key: Secret,
}

/// The accounts behind HTTP.
pub struct Berth {
    /// Who there is.
    pub(crate) accounts: Arc<Accounts>,
    /// The operator's decisions.
    pub(crate) options: BerthOptions,
    /// Where browsers sign in, by the names of the configuration.
    providers: Vec<(String, Arc<SignIn>)>,
}

impl Berth {
    /// Lets in whom `accounts` know.
    pub fn new(accounts: Arc<Accounts>, options: BerthOptions) -> Self {
        Self { accounts, options, providers: Vec::new() }
    }

    /// Lets browsers sign in at `/auth/oidc/NAME/login`. The provider must know
    /// `…/auth/oidc/NAME/callback` as a place to send them back to.
    #[must_use]
    pub fn with_provider(mut self, name: impl Into<String>, sign_in: Arc<SignIn>) -> Self {
        self.providers.push((name.into(), sign_in));
        self
    }

    /// Who there is.
    pub fn accounts(&self) -> &Arc<Accounts> {
        &self.accounts
    }

    /// The provider of that name.
    pub(crate) fn provider(&self, name: &str) -> Option<(&str, &Arc<SignIn>)> {
        let found = self.providers.iter().find(|(own, _)| own == name);
        found.map(|(own, sign_in)| (own.as_str(), sign_in))
    }

    /// What tokens are for: `service` of the challenge and `aud` of the tokens.
    pub(crate) fn service(&self) -> &str {
        &self.accounts.settings().service
    }

    /// Who has this name and password, or this token in the place of it.
    pub(crate) async fn signed_in(
        &self,
        user: &str,
        password: &str,
        from: Option<IpAddr>,
    ) -> Result<Caller, AuthenticationError> {
        self.accounts.sign_in(user, password, from).await.map(Caller::from)
    }

    /// Who a verified certificate is made out to; `None` if certificates do
    /// not sign in, or this one is nobody's.
    pub(crate) async fn certified(
        &self,
        certificate: Option<&CertificateIdentity>,
    ) -> Result<Option<Caller>, AuthenticationError> {
        let (Some(kind), Some(certificate)) = (self.options.certificates, certificate) else {
            return Ok(None);
        };
        let Some(narrowed) = narrowed(kind, certificate) else { return Ok(None) };
        self.accounts.with_certificate(&narrowed).await
    }

    /// Our own address, if it can be said without repeating what a stranger
    /// claims: `http.host`; the name that was asked for if it stands in our
    /// certificate; this machine itself.
    pub(crate) fn base(&self, asked: &Asked<'_>) -> Option<String> {
        let prefix = &self.options.prefix;
        if let Some(host) = &self.options.host {
            return Some(format!("{}{prefix}", host.trim_end_matches('/')));
        }
        let authority = asked.authority?;
        if asked.is_our_tls {
            return Some(format!("https://{authority}{prefix}"));
        }
        // What a declared proxy says counts for logs and links, not here: most
        // pass on what they were sent.
        (asked.is_loopback && !asked.is_behind_proxy).then(|| format!("http://{authority}{prefix}"))
    }
}

/// The certificate with the one chosen name left, as a common name. Two names
/// of a kind are no name: whoever had it signed might choose.
fn narrowed(kind: CertificateName, whole: &CertificateIdentity) -> Option<CertificateIdentity> {
    let single = |names: &[String]| match names {
        [one] => Some(one.clone()),
        _ => None,
    };
    let name = match kind {
        CertificateName::CommonName => whole.common_name.clone(),
        CertificateName::Email => single(&whole.emails),
        CertificateName::Dns => single(&whole.dns_names),
        CertificateName::Uri => single(&whole.uris).as_deref().and_then(last_of_uri),
    }?;
    Some(CertificateIdentity { common_name: Some(name), ..CertificateIdentity::default() })
}

/// With more segments two URIs could end alike and mean different programs.
fn last_of_uri(uri: &str) -> Option<String> {
    let (_, rest) = uri.split_once("://")?;
    let (host, name) = rest.split_once('/')?;
    let is_plain = !host.is_empty() && !name.is_empty() && !name.contains(['/', '?', '#', '%']);
    is_plain.then(|| name.to_owned())
}

/// What to tell an operator whose clients elsewhere will be asked for their
/// password with each request, because there is no address for tokens; `None`
/// if there is one.
pub fn missing_realm(options: &BerthOptions, tls: Option<&TlsSource>) -> Option<&'static str> {
    if options.host.is_some() || tls.is_some_and(TlsSource::has_names) {
        return None;
    }
    Some(
        "clients on other machines sign in with Basic and get no tokens, because this registry \
         does not know its own address; set http.host to it, such as https://registry.example.com",
    )
}

#[async_trait]
impl Authenticator for Berth {
    async fn authenticate(&self, presented: &Presented<'_>) -> Result<Caller, AuthenticationError> {
        let caller = match presented.credentials {
            Credentials::Basic { user, password } => {
                self.signed_in(user, password, presented.address).await?
            }
            Credentials::Bearer(token) => self.accounts.bearer(token).await?,
            Credentials::Unusable => return Err(AuthenticationError::Invalid),
            Credentials::None => {
                let certified = self.certified(presented.certificate).await?;
                certified.unwrap_or_else(Caller::anonymous)
            }
        };
        self.accounts.check_current(&caller)?;
        Ok(caller)
    }

    fn challenge(&self, challenge: &Challenge<'_>) -> Option<String> {
        let Some(base) = self.base(&challenge.asked) else {
            let would_help = challenge.reason != ChallengeReason::Insufficient;
            return would_help.then(|| challenge::basic(REALM));
        };
        let realm = format!("{base}/auth/token");
        let (scopes, error) = (scope_list(challenge.scopes), challenge::error(challenge.reason));
        Some(challenge::bearer(&realm, self.service(), &scopes, error))
    }
}

/// Whether another token could allow more than the one that was sent. Of a
/// password it is known that it cannot.
pub(crate) fn token_could_help(via: Via) -> bool {
    matches!(via, Via::Bearer | Via::Nothing)
}

impl std::fmt::Debug for Berth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Berth").field("options", &self.options).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_narrowed_to_the_one_name_that_counts() {
        let whole = CertificateIdentity {
            common_name: Some("ann".into()),
            emails: vec!["ann@example.org".into()],
            dns_names: vec!["a.example".into(), "b.example".into()],
            uris: vec!["spiffe://example.org/ann".into()],
        };
        let name = |kind| narrowed(kind, &whole).and_then(|it| it.common_name);
        assert_eq!(name(CertificateName::CommonName).as_deref(), Some("ann"));
        assert_eq!(name(CertificateName::Email).as_deref(), Some("ann@example.org"));
        assert_eq!(name(CertificateName::Dns), None, "two names are none");
        assert_eq!(name(CertificateName::Uri).as_deref(), Some("ann"));
        for uri in
            ["ann", "spiffe://x", "spiffe://x/", "spiffe://x/a/b", "spiffe:///ann", "x://y/a?b"]
        {
            assert_eq!(last_of_uri(uri), None, "{uri}");
        }
    }
}
