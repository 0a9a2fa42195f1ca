//! From settings to accounts: who else knows users, who else signs, what is kept secret.

use std::path::Path;
use std::sync::Arc;

use identity::directory::{BindAs, Ldap, LdapSettings, PasswordFrom};
use identity::openid::{Issuer, IssuerKeys, IssuerSettings, SignIn, SignInSettings};
use identity::outbound::Reach;
use identity::{Hashers, HtpasswdFile, IdentitySource};
use metastore::MetadataStore;
use registry::accounts::{AccountSettings, Accounts, AccountsParts, Keyless, ThrottleSettings};
use registry::audit::AuditLog;
use store::StoreError;

use super::super::{World, metadata};
use crate::config::Config;
use crate::config::auth::BerthAuth;
use crate::config::auth::berth::ci::CiLogin;
use crate::config::auth::berth::sources::{BindPassword, ClientSecret, Oidc, Password};
use crate::config::auth::berth::{Source, SourceKind};
use crate::config::auth::token::KeySetAt;
use crate::config::secret::Secret;

/// What tokens are called where no address of ours is known.
const NAMELESS: &str = "berth";

/// Opens the accounts in stores that are open.
pub(crate) async fn accounts(
    config: &Config,
    auth: &BerthAuth,
    metadata: &Arc<dyn MetadataStore>,
    world: &World,
) -> Result<Arc<Accounts>, String> {
    let hashers = Hashers::default();
    let parts = AccountsParts {
        store: metadata.clone(),
        content: metadata.clone(),
        settings_store: metadata.clone(),
        leases: metadata.clone(),
        audit: AuditLog::new(metadata.clone(), world.clock.clone()),
        clock: world.clock.clone(),
        random: world.random.clone(),
        sources: sources(auth, world, &hashers)?,
        keyless: keyless(auth, world)?,
        hashers,
        settings: account_settings(config, auth)?,
    };
    let in_words = |error: StoreError| format!("the accounts cannot be opened: {error}");
    Accounts::open(parts).await.map_err(in_words)
}

/// The accounts in a process that does nothing else.
pub(crate) struct AccountsHere {
    accounts: Arc<Accounts>,
    metadata: Arc<dyn MetadataStore>,
}

/// Opens the metadata and the accounts in it; where one process owns the
/// metadata, the caller holds the lock.
pub(crate) async fn accounts_here(
    config: &Config,
    auth: &BerthAuth,
    world: World,
) -> Result<AccountsHere, String> {
    let metadata = metadata::open(config, &world).await.map_err(|error| error.to_string())?;
    let accounts = accounts(config, auth, &metadata, &world).await?;
    Ok(AccountsHere { accounts, metadata })
}

impl AccountsHere {
    pub(crate) fn accounts(&self) -> &Arc<Accounts> {
        &self.accounts
    }

    /// Writes down what is left to be written.
    pub(crate) async fn close(self) {
        if let Err(error) = self.accounts.audit().flush().await {
            tracing::warn!(%error, "the last lines of the audit log were not written");
        }
        self.metadata.close().await;
    }
}

/// Whether everything about accounts that is configured can be read, without the database.
pub(crate) fn try_accounts(config: &Config, auth: &BerthAuth, world: &World) -> Result<(), String> {
    sources(auth, world, &Hashers::default())?;
    keyless(auth, world)?;
    sign_ins(auth, world)?;
    account_settings(config, auth).map(drop)
}

fn account_settings(config: &Config, auth: &BerthAuth) -> Result<AccountSettings, String> {
    let host = config.http.host.as_deref().and_then(|host| host.split_once("://"));
    let named = host.map_or(NAMELESS, |(_, authority)| authority);
    let name = |given: &Option<String>| given.clone().unwrap_or_else(|| named.to_owned());
    let admin = match &auth.admin {
        None => None,
        Some(admin) => {
            let password = secret(&admin.password, "auth.berth.admin.password_file")?;
            Some((admin.name.clone(), password))
        }
    };
    Ok(AccountSettings {
        issuer: name(&auth.issuer),
        service: name(&auth.service),
        pull_token_life: auth.token.pull,
        push_token_life: auth.token.push,
        refresh_token_life: auth.token.refresh,
        stale_reads: config.berth.metadata.stale_reads,
        throttle: ThrottleSettings {
            free: auth.throttle.free,
            window: auth.throttle.window,
            longest: auth.throttle.longest,
        },
        admin,
        ..AccountSettings::default()
    })
}

/// Sources that are asked with a name and a password.
fn sources(
    auth: &BerthAuth,
    world: &World,
    hashers: &Hashers,
) -> Result<Vec<Arc<dyn IdentitySource>>, String> {
    let mut sources: Vec<Arc<dyn IdentitySource>> = Vec::new();
    for (n, source) in auth.sources.iter().enumerate() {
        match &source.kind {
            SourceKind::Htpasswd { path } => sources.push(Arc::new(HtpasswdFile::new(
                &source.name,
                path.clone(),
                world.clock.clone(),
                &*world.random,
                hashers.clone(),
            ))),
            SourceKind::Ldap(_) => {
                let settings = ldap(source).unwrap_or_default();
                let ldap = Ldap::new(settings)
                    .map_err(|error| format!("auth.berth.sources[{n}].{error}"))?;
                sources.push(Arc::new(ldap));
            }
            SourceKind::Oidc(_) => {}
        }
    }
    Ok(sources)
}

fn ldap(source: &Source) -> Option<LdapSettings> {
    let SourceKind::Ldap(ldap) = &source.kind else { return None };
    let bind = ldap.bind_dn.clone().zip(ldap.bind_password.as_ref());
    Some(LdapSettings {
        name: source.name.clone(),
        urls: ldap.urls.clone(),
        starttls: ldap.starttls,
        plain: ldap.plain,
        authorities: ldap.ca.clone(),
        bind: bind.map(|(dn, password)| BindAs {
            dn,
            password: match password {
                BindPassword::BindPassword(secret) => PasswordFrom::Text(hidden(secret)),
                BindPassword::BindPasswordFile(path) => PasswordFrom::File(path.clone()),
            },
        }),
        user_base: ldap.user_base.clone(),
        user_filter: ldap.user_filter.clone(),
        name_attribute: ldap.name_attribute.clone(),
        group_base: ldap.group_base.clone(),
        group_filter: ldap.group_filter.clone(),
        group_attribute: ldap.group_attribute.clone(),
        ..LdapSettings::default()
    })
}

fn keyless(auth: &BerthAuth, world: &World) -> Result<Keyless, String> {
    let mut keyless = Keyless::default();
    for (n, login) in auth.ci.iter().enumerate() {
        let at = |error: &dyn std::fmt::Display| format!("auth.berth.ci[{n}]: {error}");
        keyless.rules.push(login.rule().map_err(|error| at(&error))?);
        // One set of keys for all rules about an issuer.
        if !keyless.issuers.iter().any(|issuer| issuer.name() == login.issuer) {
            let issuer = Issuer::new(ci_issuer(login), world.clock.clone());
            keyless.issuers.push(Arc::new(issuer.map_err(|error| at(&error))?));
        }
    }
    Ok(keyless)
}

fn ci_issuer(login: &CiLogin) -> IssuerSettings {
    IssuerSettings {
        issuer: login.issuer.clone(),
        keys: match &login.jwks {
            None => IssuerKeys::Discovered,
            Some(KeySetAt::Url(url)) => IssuerKeys::Url(url.clone()),
            Some(KeySetAt::File(path)) => IssuerKeys::File(path.clone()),
        },
        reach: reach(login.allow_private, login.ca.as_deref()),
    }
}

fn reach(private: bool, ca: Option<&Path>) -> Reach {
    Reach { private, plain_loopback: private, authorities: ca.map(Path::to_owned) }
}

/// Signing in at providers with a browser, by the names of the sources.
pub(super) fn sign_ins(auth: &BerthAuth, world: &World) -> Result<Vec<(String, SignIn)>, String> {
    let mut all = Vec::new();
    for (n, source) in auth.sources.iter().enumerate() {
        if let SourceKind::Oidc(oidc) = &source.kind {
            all.push((source.name.clone(), sign_in(oidc, n, world)?));
        }
    }
    Ok(all)
}

fn sign_in(oidc: &Oidc, n: usize, world: &World) -> Result<SignIn, String> {
    let settings = IssuerSettings {
        issuer: oidc.issuer.clone(),
        keys: IssuerKeys::Discovered,
        reach: reach(oidc.allow_private, oidc.ca.as_deref()),
    };
    let issuer = Issuer::new(settings, world.clock.clone())
        .map_err(|error| format!("auth.berth.sources[{n}]: {error}"))?;
    let client_secret = match &oidc.client_secret {
        None => None,
        Some(ClientSecret::ClientSecret(secret)) => Some(hidden(secret)),
        Some(ClientSecret::ClientSecretFile(path)) => {
            Some(in_file(path, &format!("auth.berth.sources[{n}].client_secret_file"))?)
        }
    };
    let settings = SignInSettings {
        client_id: oidc.client_id.clone(),
        client_secret,
        scopes: oidc.scopes.clone(),
        username_claim: oidc.username_claim.clone(),
        groups_claim: Some(oidc.groups_claim.clone()),
        counts_for: oidc.token_lifetime,
    };
    let (clock, random) = (world.clock.clone(), world.random.clone());
    Ok(SignIn::new(Arc::new(issuer), settings, clock, random))
}

fn secret(password: &Password, key: &str) -> Result<identity::Secret, String> {
    match password {
        Password::Password(secret) => Ok(hidden(secret)),
        Password::PasswordFile(path) => in_file(path, key),
    }
}

fn hidden(secret: &Secret) -> identity::Secret {
    identity::Secret::new(secret.reveal())
}

/// What stands in a file, without the line break at its end.
fn in_file(path: &Path, key: &str) -> Result<identity::Secret, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("{key}: {shown}: {error}; name a readable file"))?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(format!("{key}: {shown} is empty; write the secret into it"));
    }
    Ok(identity::Secret::new(secret))
}
