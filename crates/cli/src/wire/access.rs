//! Who may do what, and how one finds out who is asking.

mod accounts;

use std::sync::Arc;

use identity::external::{ExternalSettings, ExternalTokens, KeysFrom};
use identity::outbound::Reach;
use registry::access::{Access, Authenticator, ByToken, Open, SignedIn};
use registry::accounts::Accounts;
use server::{
    Auditor, Berth, BerthOptions, Htpasswd, Nobody, PullLimit, RateLimits, Silly, TlsSource,
    TokenOptions, TokenServer,
};
use store::StoreError;

use super::{Stores, World};
use crate::config::Config;
use crate::config::auth::berth::CertificateName;
use crate::config::auth::berth::strain::Rate;
use crate::config::auth::token::KeySetAt;
use crate::config::auth::{Auth, BerthAuth, ExternalToken};

use accounts::sign_ins;

pub(crate) use accounts::{AccountsHere, accounts, accounts_here, try_accounts};

/// The setting under which the key of browsers' cookies is kept.
const COOKIE_KEY: &str = "cookie-key";

/// Who may do what, as one configuration says it.
pub(crate) struct Gatekeepers {
    pub(crate) access: Access,
    pub(crate) authenticator: Arc<dyn Authenticator>,
    /// With `auth: berth`.
    pub(crate) berth: Option<(Arc<Berth>, Arc<Accounts>)>,
}

/// The way in of everything but accounts of our own.
pub(crate) fn without_accounts(config: &Config, world: &World) -> Result<Gatekeepers, String> {
    let (access, authenticator): (_, Arc<dyn Authenticator>) = match &config.auth {
        Auth::None => (Access::new(Arc::new(Open)), Arc::new(Nobody)),
        // Without accounts nobody is anybody: a policy that lets no one in.
        Auth::Berth(_) => (Access::new(Arc::new(ByToken)), Arc::new(Nobody)),
        Auth::Silly(silly) => {
            let (realm, service) = (silly.realm.clone(), silly.service.clone());
            (Access::new(Arc::new(SignedIn)), Arc::new(Silly { realm, service }))
        }
        Auth::Htpasswd(file) => {
            let (clock, random) = (world.clock.clone(), &*world.random);
            let users = Htpasswd::new(file.path.clone(), &file.realm, clock, random);
            (Access::new(Arc::new(SignedIn)), Arc::new(users))
        }
        Auth::Token(token) => (Access::new(Arc::new(ByToken)), Arc::new(external(token, world)?)),
    };
    Ok(Gatekeepers { access, authenticator, berth: None })
}

/// The way in of accounts that are open.
pub(crate) async fn with_accounts(
    config: &Config,
    auth: &BerthAuth,
    accounts: Arc<Accounts>,
    stores: &Stores,
) -> Result<Gatekeepers, String> {
    let access = Access::new(accounts.policy());
    let cookie_key = cookie_key(stores).await.map_err(|error| error.to_string())?;
    let options = BerthOptions { cookie_key, ..options(config, auth) };
    let mut berth = Berth::new(accounts.clone(), options);
    for (name, sign_in) in sign_ins(auth, &stores.world)? {
        berth = berth.with_provider(name, Arc::new(sign_in));
    }
    let berth = Arc::new(berth);
    Ok(Gatekeepers { access, authenticator: berth.clone(), berth: Some((berth, accounts)) })
}

/// What seals the cookies of browsers that sign in, the same on all replicas.
async fn cookie_key(stores: &Stores) -> Result<identity::Secret, StoreError> {
    let fresh = stores.world.name().into_bytes();
    let key = stores.metadata.setting_or_insert(COOKIE_KEY, fresh).await?;
    Ok(identity::Secret::new(String::from_utf8_lossy(&key)))
}

/// What signing in over HTTP needs to know.
fn options(config: &Config, auth: &BerthAuth) -> BerthOptions {
    BerthOptions {
        host: config.http.host.as_ref().map(|host| host.trim_end_matches('/').to_owned()),
        prefix: config.http.prefix.trim_end_matches('/').to_owned(),
        certificates: auth.certificates.map(|certificates| match certificates.user {
            CertificateName::Cn => server::CertificateName::CommonName,
            CertificateName::Email => server::CertificateName::Email,
            CertificateName::Uri => server::CertificateName::Uri,
            CertificateName::Dns => server::CertificateName::Dns,
        }),
        ..BerthOptions::default()
    }
}

/// What to say where clients elsewhere cannot be told where tokens are to be had.
pub(crate) fn missing_realm(
    config: &Config,
    auth: &BerthAuth,
    tls: Option<&TlsSource>,
) -> Option<&'static str> {
    let options = options(config, auth);
    server::missing_realm(&options, tls).filter(|_| config.http.listen.is_open())
}

/// Who writes down what requests do.
pub(super) fn auditor(config: &Config, accounts: Option<&Arc<Accounts>>, world: &World) -> Auditor {
    match (&config.auth, accounts) {
        (Auth::Berth(auth), Some(accounts)) => {
            let percent = auth.audit.pulls.percent;
            Auditor::new(accounts.audit().clone(), world.clock.clone(), percent)
        }
        _ => Auditor::default(),
    }
}

/// How much one client may ask for.
pub(crate) fn rate_limits(config: &Config) -> RateLimits {
    let Auth::Berth(auth) = &config.auth else { return RateLimits::default() };
    let pulls = |rate: Rate| match rate {
        Rate::Off => None,
        Rate::Of { count, per } => Some(PullLimit { pulls: count.get(), window: per }),
    };
    RateLimits {
        anonymous_pulls: pulls(auth.limits.pulls.anonymous),
        signed_in_pulls: pulls(auth.limits.pulls.signed_in),
        requests_per_second: Some(auth.limits.requests_per_second).filter(|it| *it > 0),
    }
}

fn external(token: &ExternalToken, world: &World) -> Result<TokenServer, String> {
    let settings = ExternalSettings {
        issuer: token.issuer.clone(),
        service: token.service.clone(),
        root_certificates: token.root_cert_bundle.clone(),
        jwks: token.jwks.as_ref().map(|at| match at {
            KeySetAt::File(path) => KeysFrom::File(path.clone()),
            KeySetAt::Url(url) => KeysFrom::Url(url.clone()),
        }),
        algorithms: token.algorithms.clone(),
        // The operator wrote the address, so it may be one of ours.
        reach: Reach { private: true, ..Reach::default() },
    };
    let tokens = ExternalTokens::open(settings, world.clock.clone())
        .map_err(|error| format!("{error}; name readable keys of the token server"))?;
    let options = TokenOptions {
        realm: token.realm.clone(),
        service: token.service.clone(),
        redirect_path: token.auto_redirect.then(|| token.auto_redirect_path.clone()),
    };
    Ok(TokenServer::new(tokens, options, world.clock.clone(), &*world.random))
}
