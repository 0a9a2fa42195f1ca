//! From settings to the library's clients. Nothing is sent yet.

mod azure;
mod chain;
mod endpoint;
mod gcs;
mod s3;

use std::time::Duration;

use http::HeaderValue;
use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use store::StoreError;

use super::bucket::Clients;
use super::settings::BucketSettings;

pub(super) use endpoint::is_public;

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// How long one call is repeated while the store is busy or away.
const RETRYING: Duration = Duration::from_secs(10);

/// Connections kept for the next call, per host.
const IDLE_CONNECTIONS: usize = 64;

pub(super) fn clients(settings: &BucketSettings) -> Result<Clients, StoreError> {
    match settings {
        BucketSettings::S3(settings) => s3::clients(settings),
        BucketSettings::Gcs(settings) => gcs::clients(settings),
        BucketSettings::Azure(settings) => azure::clients(settings),
    }
}

/// A setting that cannot be honoured.
fn refused(driver: &str, key: &str, why: impl std::fmt::Display) -> StoreError {
    StoreError::Failed(format!("storage.{driver}.{key}: {why}"))
}

fn unusable(driver: &str, error: &object_store::Error) -> StoreError {
    StoreError::Failed(format!("storage.{driver}: {error}"))
}

/// Calls are timed by the bucket, which knows how much each of them carries.
fn client_options(
    driver: &str,
    user_agent: Option<&str>,
    skip_verify: bool,
    allow_http: bool,
) -> Result<ClientOptions, StoreError> {
    let agent = user_agent.unwrap_or(concat!("berth/", env!("CARGO_PKG_VERSION")));
    let agent = HeaderValue::from_str(agent)
        .map_err(|_| refused(driver, "useragent", "holds characters that no header may have"))?;
    Ok(ClientOptions::new()
        .with_timeout_disabled()
        .with_read_timeout_disabled()
        .with_connect_timeout(CONNECT)
        .with_pool_max_idle_per_host(IDLE_CONNECTIONS)
        .with_user_agent(agent)
        .with_allow_invalid_certificates(skip_verify)
        .with_allow_http(allow_http))
}

/// The library's backoff is jittered.
fn retry(times: usize, first: Duration) -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: first,
            max_backoff: Duration::from_secs(2),
            base: 2.0,
        },
        max_retries: times,
        retry_timeout: RETRYING,
    }
}

/// The folder in the bucket, as a prefix of names: empty or with a slash behind.
fn root(driver: &str, text: &str) -> Result<String, StoreError> {
    let plain = text.trim_matches('/');
    if plain.is_empty() {
        return Ok(String::new());
    }
    object_store::path::Path::parse(plain).map_err(|error| {
        refused(
            driver,
            "rootdirectory",
            format!("{} is no usable folder: {error}", oci::quoted(text)),
        )
    })?;
    Ok(format!("{plain}/"))
}

const MIB: u64 = 1 << 20;

fn chunk_size(driver: &str, bytes: u64) -> Result<u64, StoreError> {
    if !(5 * MIB..=1024 * MIB).contains(&bytes) {
        let why = format!("{bytes} is not between {} (5 MiB) and {} (1 GiB)", 5 * MIB, 1024 * MIB);
        return Err(refused(driver, "chunksize", why));
    }
    Ok(bytes)
}
