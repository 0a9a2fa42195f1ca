//! The settings of a bucket as its adapter takes them.

use std::sync::Arc;

use blobstore::{
    AmazonClients, AzureCredentials, AzureSettings, BucketSettings, CacheSettings, CloudFront,
    CloudFrontSettings, GcsCredentials, GcsSettings, ObjectBlobsOptions, RedirectRule,
    RedirectSettings, S3Credentials, S3Settings, Secret, Through,
};

use store::StoreError;

use super::World;
use crate::config::Config;
use crate::config::berth::Redirect;
use crate::config::berth::redirect::RedirectWhen;
use crate::config::middleware::StorageMiddleware;
use crate::config::middleware::cloudfront::{CloudFront as CloudFrontOptions, Filter};

use crate::config::storage::azure::{AzureIdentity, AzureLogin};
use crate::config::storage::gcs::ServiceAccount;
use crate::config::storage::{Azure, Driver, Gcs, S3};

/// The bucket of the configuration; `None` if bytes are files.
pub(super) fn settings(driver: &Driver) -> Option<BucketSettings> {
    match driver {
        Driver::Filesystem(_) => None,
        Driver::S3(s3) => Some(BucketSettings::S3(amazon(s3))),
        Driver::Gcs(gcs) => Some(BucketSettings::Gcs(google(gcs))),
        Driver::Azure(azure) => Some(BucketSettings::Azure(microsoft(azure))),
    }
}

fn amazon(s3: &S3) -> S3Settings {
    let credentials = match &s3.keys {
        Some(keys) => S3Credentials::Keys {
            access_key: keys.id.reveal().to_owned(),
            secret_key: Secret::new(keys.secret.reveal()),
            session_token: None,
        },
        None => S3Credentials::Chain,
    };
    S3Settings {
        region: Some(s3.region.clone()),
        region_endpoint: s3.endpoint.clone(),
        redirect_endpoint: s3.redirect_endpoint.clone(),
        path_style: s3.path_style,
        credentials,
        encrypt: s3.encrypt,
        key_id: s3.key_id.clone(),
        skip_verify: s3.skip_verify,
        chunk_size: s3.chunk_size,
        root: s3.root_directory.clone(),
        storage_class: s3.storage_class.clone(),
        user_agent: s3.user_agent.clone(),
        accelerate: s3.accelerate,
        dual_stack: s3.dual_stack,
        fips: s3.fips,
        copy_chunk_size: s3.copies.chunk_size,
        copy_concurrency: s3.copies.max_concurrency as usize,
        copy_threshold: s3.copies.threshold,
        ..S3Settings::new(s3.bucket.clone())
    }
}

/// The variable by which Google's own libraries find an emulator.
const EMULATOR: &str = "STORAGE_EMULATOR_HOST";

fn google(gcs: &Gcs) -> GcsSettings {
    let emulator = std::env::var(EMULATOR).ok().filter(|host| !host.is_empty());
    let credentials = match &gcs.account {
        Some(ServiceAccount::KeyFile(path)) => GcsCredentials::KeyFile(path.display().to_string()),
        Some(ServiceAccount::Credentials(keys)) => {
            GcsCredentials::Key(Secret::new(keys.json().reveal()))
        }
        // An emulator knows no accounts.
        None if emulator.is_some() => GcsCredentials::Anonymous,
        None => GcsCredentials::Default,
    };
    GcsSettings {
        endpoint: emulator,
        credentials,
        root: gcs.root_directory.clone(),
        chunk_size: gcs.chunk_size,
        user_agent: gcs.user_agent.clone(),
        ..GcsSettings::new(gcs.bucket.clone())
    }
}

fn microsoft(azure: &Azure) -> AzureSettings {
    let credentials = match &azure.login {
        AzureLogin::SharedKey { key } => AzureCredentials::SharedKey(Secret::new(key.reveal())),
        AzureLogin::Identity { credentials: AzureIdentity::DefaultCredentials } => {
            AzureCredentials::Default
        }
        AzureLogin::Identity {
            credentials: AzureIdentity::ClientSecret { client_id, tenant_id, secret },
        } => AzureCredentials::ClientSecret {
            client_id: client_id.clone(),
            tenant_id: tenant_id.clone(),
            secret: Secret::new(secret.reveal()),
        },
    };
    AzureSettings {
        credentials,
        service_url: Some(azure.service_url.clone()),
        root: azure.root_directory.clone(),
        max_retries: azure.max_retries as usize,
        retry_delay: azure.retry_delay,
        skip_verify: azure.skip_verify,
        ..AzureSettings::new(azure.account_name.clone(), azure.container.clone())
    }
}

/// What is kept on a local disk, and where.
pub(super) fn cache(config: &Config) -> Option<CacheSettings> {
    config.berth.storage.cache.as_ref().map(|cache| CacheSettings {
        directory: cache.directory.clone(),
        size: cache.size,
        smallest: cache.smallest_blob,
        largest: cache.largest_blob,
    })
}

/// How blobs are moved and who fetches them without us.
pub(super) fn options(config: &Config, world: &World) -> Result<ObjectBlobsOptions, StoreError> {
    // The configuration lets one pass at most.
    let through = config.middleware.storage.first().map(|item| through(item, world)).transpose()?;
    let is_cached = config.berth.storage.cache.is_some() && through.is_none();
    let redirect = &config.berth.redirect;
    let rule = rule(redirect, is_cached);
    let redirect = RedirectSettings { rule, lifetime: redirect.expires, through };
    let buffers = config.berth.upload.memory;
    Ok(ObjectBlobsOptions { buffers, redirect, ..ObjectBlobsOptions::default() })
}

fn rule(redirect: &Redirect, is_cached: bool) -> RedirectRule {
    let networks = redirect.networks.clone();
    match redirect.enabled {
        RedirectWhen::Never => RedirectRule::Never,
        // Who names networks knows that the store can be reached from there.
        _ if !networks.is_empty() => RedirectRule::For(Arc::new(move |client| {
            networks.iter().any(|network| network.contains(client))
        })),
        // A cache is of use to those alone who come by.
        RedirectWhen::Auto if is_cached => RedirectRule::Never,
        RedirectWhen::Auto => RedirectRule::ByEndpoint,
        RedirectWhen::Always => RedirectRule::Always,
    }
}

fn through(middleware: &StorageMiddleware, world: &World) -> Result<Through, StoreError> {
    Ok(match middleware {
        StorageMiddleware::CloudFront(options) => {
            let cdn = CloudFront::new(cloudfront(options)?, world.clock.clone())?;
            Through::CloudFront(Arc::new(cdn))
        }
        StorageMiddleware::Redirect { base_url } => Through::Base(base_url.clone()),
        StorageMiddleware::Rewrite { scheme, host, trim_path_prefix } => Through::Rewrite {
            scheme: scheme.clone().unwrap_or_default(),
            host: host.clone().unwrap_or_default(),
            trim_path_prefix: trim_path_prefix.clone().unwrap_or_default(),
        },
    })
}

fn cloudfront(options: &CloudFrontOptions) -> Result<CloudFrontSettings, StoreError> {
    let path = &options.private_key;
    let key = std::fs::read_to_string(path).map_err(|error| {
        let key = "middleware.storage[].options.privatekey";
        let path = path.display();
        StoreError::Failed(format!("{key}: {path}: {error}; name a readable file"))
    })?;
    let regions = options.regions.split(',').filter(|region| !region.is_empty());
    let direct = AmazonClients {
        regions: regions.map(str::to_owned).collect(),
        url: options.ranges_url.clone(),
        every: options.update_frequency,
    };
    Ok(CloudFrontSettings {
        base_url: options.base_url.clone(),
        private_key: Secret::new(key),
        key_pair_id: options.key_pair_id.clone(),
        lifetime: options.duration,
        direct: Some(direct).filter(|_| options.filter != Filter::None),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Source, load};

    /// What becomes of a bucket on Amazon with these lines.
    fn redirects(berth: &str, middleware: &str) -> Result<ObjectBlobsOptions, StoreError> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config.yml");
        let text = format!(
            "version: 0.1\nstorage: {{s3: {{bucket: b, region: r}}}}\nmiddleware: {{storage: [{middleware}]}}\n\
             berth: {{metadata: {{url: 'sqlite:/m'}}, {berth}}}\n"
        );
        std::fs::write(&file, text).unwrap();
        let loaded = load(&Source::Argument(file), [], true).unwrap();
        options(&loaded.config, &World::real())
    }

    #[test]
    fn a_cache_keeps_clients_here_unless_somebody_said_otherwise() {
        let cache = "storage: {cache: {directory: /c}}";
        let cdn = "{name: redirect, options: {baseurl: 'https://cdn'}}";
        for (berth, middleware, expected) in [
            (String::new(), "", "ByEndpoint"),
            (cache.to_owned(), "", "Never"),
            (format!("{cache}, redirect: {{enabled: auto}}"), "", "Never"),
            (format!("{cache}, redirect: {{enabled: always}}"), "", "Always"),
            (format!("{cache}, redirect: {{networks: [10.0.0.0/8]}}"), "", "For(…)"),
            (cache.to_owned(), cdn, "ByEndpoint"),
        ] {
            let options = redirects(&berth, middleware).unwrap();
            assert_eq!(format!("{:?}", options.redirect.rule), expected, "{berth} {middleware}");
        }
    }

    #[test]
    fn a_signing_key_that_cannot_be_read_is_refused_by_name() {
        let item = |key: &str| {
            format!(
                "{{name: cloudfront, options: {{baseurl: cdn, privatekey: {key}, keypairid: K}}}}"
            )
        };
        for (key, expected) in [
            ("/nowhere/key.pem", "options.privatekey: /nowhere/key.pem: No such file or directory"),
            ("/dev/null", "options.privatekey: is no key that CloudFront takes"),
        ] {
            let error = redirects("", &item(key)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
