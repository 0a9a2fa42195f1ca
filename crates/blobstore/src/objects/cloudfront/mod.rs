//! Addresses of blobs at Amazon's CDN, which takes them from the bucket.
//!
//! The original signs them with RSA and SHA-1, which no library of ours does.
//! CloudFront takes SHA-256 as well if the address says so, with the same RSA
//! keys and with keys on the curve P-256: an operator's key goes on working.

mod ranges;
mod signing;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use store::{Clock, StoreError};

use super::Secret;
use ranges::Ranges;
use signing::SigningKey;

pub use ranges::AmazonClients;

/// What stands in a path as it is.
const PLAIN: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The `cloudfront` middleware of the original.
#[derive(Clone)]
pub struct CloudFrontSettings {
    /// `baseurl`: scheme, host and maybe a path, behind which the bucket's keys come.
    pub base_url: String,
    /// The content of the file `privatekey`: RSA or P-256 as PEM.
    pub private_key: Secret,
    /// `keypairid`: Amazon's name of the key.
    pub key_pair_id: String,
    /// `duration`: how long an address is good.
    pub lifetime: Duration,
    /// `ipfilteredby`: clients that are sent to the bucket itself.
    pub direct: Option<AmazonClients>,
}

/// Signs addresses at the CDN.
pub struct CloudFront {
    base_url: String,
    key: SigningKey,
    key_pair_id: String,
    lifetime: Duration,
    direct: Option<Arc<Ranges>>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for CloudFront {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudFront").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

impl CloudFront {
    /// Reads the key. Nothing is fetched before the first client asks.
    ///
    /// # Errors
    /// If the key is none that CloudFront takes.
    pub fn new(settings: CloudFrontSettings, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let key = SigningKey::parse(settings.private_key.reveal().as_bytes());
        let key = key.map_err(|error| {
            let key = "middleware.storage[].options.privatekey";
            StoreError::Failed(format!("{key}: {error}"))
        })?;
        Ok(Self {
            base_url: settings.base_url.trim_end_matches('/').to_owned(),
            key,
            key_pair_id: settings.key_pair_id,
            lifetime: settings.lifetime,
            direct: settings.direct.map(|direct| Arc::new(Ranges::new(direct))),
            clock,
        })
    }

    pub(super) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Whether this client is better served by the bucket.
    pub(super) fn is_direct(&self, client: Option<IpAddr>) -> bool {
        match (&self.direct, client) {
            (Some(ranges), Some(client)) => ranges.hold(client),
            _ => false,
        }
    }

    /// The address of an object, by its whole name in the bucket.
    pub(super) fn address(&self, object: &str) -> Result<String, StoreError> {
        let url = format!("{}/{}", self.base_url, utf8_percent_encode(object, PLAIN));
        let expires = self.clock.now().after(self.lifetime).seconds();
        // A policy of this form is put together by CloudFront itself and not sent.
        let policy = format!(
            r#"{{"Statement":[{{"Resource":"{url}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{expires}}}}}}}]}}"#
        );
        let signature = self.key.sign(policy.as_bytes())?;
        let id = utf8_percent_encode(&self.key_pair_id, PLAIN);
        Ok(format!(
            "{url}?Expires={expires}&Signature={signature}&Key-Pair-Id={id}&Hash-Algorithm=SHA256"
        ))
    }
}

#[cfg(test)]
mod tests;
