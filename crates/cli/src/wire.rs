//! The one page where everything meets: settings become parts, parts become a
//! registry.

mod access;
mod bucket;
mod home;
mod metadata;
mod stores;
mod trial;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use http::{HeaderName, HeaderValue};
use registry::rules::{IndexPlatforms, ManifestRules, Platform, SparseRule, UrlRules};
use registry::{Parts, Registry, RepositoryPattern, UploadKey};
use server::{App, BaseUrl, Guard, Health, Metrics, TlsSettings};
use store::StoreError;

use crate::config::berth::redirect::RedirectWhen;
use crate::config::tls::{ClientAuth, MinimumTls, Tls};
use crate::config::validation::Platforms;
use crate::config::{Config, Locations};

pub(crate) use access::{
    AccountsHere, Gatekeepers, accounts, accounts_here, missing_realm, try_accounts, with_accounts,
    without_accounts,
};
pub(crate) use home::home;
pub(crate) use stores::{Stores, World, open_stores};
pub(crate) use trial::{Tried, administrators, database, trial};

/// The setting under which the key of upload ids is kept.
pub(crate) const UPLOAD_KEY: &str = "upload-key";

/// A registry over the stores.
pub(crate) async fn registry(config: &Config, stores: &Stores) -> Result<Registry, StoreError> {
    let parts = Parts {
        content: stores.gate.before(stores.metadata.clone()),
        uploads: stores.metadata.clone(),
        blobs: stores.blobs.clone(),
        clock: stores.world.clock.clone(),
        random: stores.world.random.clone(),
    };
    let key = match &config.http.secret {
        Some(secret) => UploadKey::new(secret.reveal().as_bytes()),
        None => {
            let mut fresh = vec![0; 32];
            stores.world.random.fill(&mut fresh);
            UploadKey::new(&stores.metadata.setting_or_insert(UPLOAD_KEY, fresh).await?)
        }
    };
    let settings = registry_settings(config, stores.shared).map_err(StoreError::Failed)?;
    Ok(Registry::new(parts, settings, key))
}

fn registry_settings(config: &Config, shared: bool) -> Result<registry::Settings, String> {
    Ok(registry::Settings {
        manifest_max_bytes: config.berth.manifest_max_bytes,
        delete_enabled: config.storage.delete.enabled,
        manifest_rules: manifest_rules(config)?,
        checkpoint_every_bytes: config.berth.upload.checkpoint_bytes,
        shared,
        sends_away: config.storage.root_directory().is_none()
            && config.berth.redirect.enabled != RedirectWhen::Never,
        stale_reads: config.berth.metadata.stale_reads,
        ..registry::Settings::default()
    })
}

fn manifest_rules(config: &Config) -> Result<ManifestRules, String> {
    let sparse = config.berth.repositories.iter().map(|rule| {
        let repositories =
            RepositoryPattern::new(rule.matches.pattern()).map_err(|e| e.to_string())?;
        Ok(SparseRule { repositories, sparse: rule.sparse })
    });
    let sparse = sparse.collect::<Result<Vec<_>, String>>()?;
    let validation = &config.validation;
    let indexes = &validation.manifests.indexes;
    let platforms = match indexes.platforms {
        _ if validation.disabled => IndexPlatforms::None,
        Platforms::All => IndexPlatforms::All,
        Platforms::None => IndexPlatforms::None,
        Platforms::List => IndexPlatforms::List(
            indexes
                .platform_list
                .iter()
                .map(|p| Platform { architecture: p.architecture.clone(), os: p.os.clone() })
                .collect(),
        ),
    };
    let patterns = |list: &[crate::config::validation::Pattern]| {
        list.iter().map(|p| p.regex().clone()).collect()
    };
    let urls = UrlRules {
        allow: patterns(&validation.manifests.urls.allow),
        deny: patterns(&validation.manifests.urls.deny),
    };
    Ok(ManifestRules {
        sparse,
        platforms,
        // Without patterns the original refuses every URL; the specification wants
        // foreign layers taken, and nothing here ever fetches one.
        urls: Some(urls).filter(|urls| !validation.disabled && !urls.is_empty()),
        classes: config.policy.repository.classes.clone(),
    })
}

/// The HTTP side, without a registry behind it.
pub(crate) fn app(config: &Config, world: &World, keepers: Gatekeepers) -> Result<App, String> {
    let Gatekeepers { access, authenticator, berth } = keepers;
    let (berth, accounts) = berth.unzip();
    Ok(App {
        registry: parking_lot::RwLock::new(None),
        access,
        authenticator,
        auditor: self::access::auditor(config, accounts.as_ref(), world),
        accounts: berth,
        guard: Guard::new(self::access::rate_limits(config), world.clock.clone()),
        settings: http_settings(config)?,
        frozen: AtomicBool::new(false),
        health: Arc::new(Health::starting("opening the store")),
        metrics: Arc::new(Metrics::new()),
        clock: world.clock.clone(),
        random: world.random.clone(),
    })
}

fn http_settings(config: &Config) -> Result<server::Settings, String> {
    let limits = &config.berth.limits;
    Ok(server::Settings {
        prefix: config.http.prefix.trim_end_matches('/').to_owned(),
        base_url: match config.locations() {
            Locations::Path => BaseUrl::Relative,
            Locations::Below(host) => BaseUrl::Fixed(host.trim_end_matches('/').to_owned()),
            Locations::AsRequested => BaseUrl::FromRequest,
        },
        trusted_proxies: config.berth.http.trusted_proxies.clone(),
        headers: headers(config)?,
        read_only: config.storage.maintenance.read_only.enabled,
        catalog_max: config.catalog.max_entries as usize,
        tags_max: config.tags.max_tags as usize,
        head_timeout: limits.head_timeout,
        idle_timeout: limits.keepalive_timeout,
        upload_stall: limits.upload_stall,
        download_stall: limits.download_stall,
        max_connections: config.berth.http.max_connections as usize,
        drain_timeout: config.http.drain_timeout,
        http2: !config.http.http2.disabled,
        h2c: config.http.h2c.enabled,
        access_log: !config.log.accesslog.disabled,
    })
}

fn headers(config: &Config) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
    let mut headers = Vec::new();
    for (name, values) in &config.http.headers {
        let bad = |what: &dyn std::fmt::Display| format!("http.headers.{name}: {what}");
        let parsed: HeaderName = name.parse().map_err(|error| bad(&error))?;
        for value in values {
            headers.push((parsed.clone(), value.parse().map_err(|error| bad(&error))?));
        }
    }
    Ok(headers)
}

/// `http.tls` as the server understands it.
pub(crate) fn tls(config: &Config, tls: &Tls) -> TlsSettings {
    TlsSettings {
        certificate: tls.certificate.clone(),
        key: tls.key.clone(),
        client_authorities: tls.client_cas.clone(),
        client_auth: match tls.client_auth {
            ClientAuth::RequestClientCert => server::ClientAuth::Request,
            ClientAuth::RequireAnyClientCert => server::ClientAuth::RequireAny,
            ClientAuth::VerifyClientCertIfGiven => server::ClientAuth::VerifyIfGiven,
            ClientAuth::RequireAndVerifyClientCert => server::ClientAuth::RequireAndVerify,
        },
        minimum: match tls.minimum {
            MinimumTls::V12 => server::MinimumTls::Tls12,
            MinimumTls::V13 => server::MinimumTls::Tls13,
        },
        cipher_suites: tls.cipher_suites.iter().map(|&suite| suite.to_owned()).collect(),
        http2: !config.http.http2.disabled,
    }
}
