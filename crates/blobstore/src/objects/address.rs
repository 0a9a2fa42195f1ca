//! Addresses for clients that fetch a blob by themselves.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use object_store::signer::Method;
use store::{AddressRequest, StoreError};

use super::bucket::Bucket;
use super::cloudfront::CloudFront;

/// Who is sent to the store.
#[derive(Clone, Default)]
pub enum RedirectRule {
    /// All, if the store's address is one that clients elsewhere can reach:
    /// neither loopback nor private, and more than a bare host name.
    #[default]
    ByEndpoint,
    /// All.
    Always,
    /// Nobody.
    Never,
    /// Those whose address the function takes; nobody whose address is unknown.
    For(Arc<dyn Fn(IpAddr) -> bool + Send + Sync>),
}

impl fmt::Debug for RedirectRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ByEndpoint => "ByEndpoint",
            Self::Always => "Always",
            Self::Never => "Never",
            Self::For(_) => "For(…)",
        })
    }
}

/// The original's storage middleware that changes addresses.
#[derive(Debug, Clone)]
pub enum Through {
    /// `redirect`: the blob's place in the tree below `baseurl`, unsigned.
    Base(String),
    /// `cloudfront`: signed for the CDN, save for clients that are closer to the bucket.
    CloudFront(Arc<CloudFront>),
    /// `rewrite`: parts of the signed address are replaced.
    Rewrite {
        /// `scheme`; empty leaves it.
        scheme: String,
        /// `host`, with a port if there is one; empty leaves it.
        host: String,
        /// `trimpathprefix`; empty leaves the path.
        trim_path_prefix: String,
    },
}

/// How clients are sent to the store.
#[derive(Debug, Clone)]
pub struct RedirectSettings {
    /// Who.
    pub rule: RedirectRule,
    /// How long an address is good.
    pub lifetime: Duration,
    /// Over what.
    pub through: Option<Through>,
}

impl Default for RedirectSettings {
    fn default() -> Self {
        Self { rule: RedirectRule::default(), lifetime: Duration::from_secs(60), through: None }
    }
}

impl RedirectSettings {
    fn applies(&self, bucket: &Bucket, client: Option<IpAddr>) -> bool {
        match &self.rule {
            RedirectRule::ByEndpoint => match &self.through {
                Some(Through::Base(url)) => super::connect::is_public(url),
                Some(Through::CloudFront(cdn)) => super::connect::is_public(cdn.base_url()),
                Some(Through::Rewrite { host, .. }) if !host.is_empty() => {
                    super::connect::is_public(host)
                }
                _ => bucket.clients().public,
            },
            RedirectRule::Always => true,
            RedirectRule::Never => false,
            RedirectRule::For(takes) => client.is_some_and(|client| takes(client)),
        }
    }
}

/// The address of an object, if this client is to be sent there.
pub(super) async fn of(
    bucket: &Bucket,
    settings: &RedirectSettings,
    key: &str,
    request: AddressRequest,
) -> Result<Option<String>, StoreError> {
    if !settings.applies(bucket, request.client) {
        return Ok(None);
    }
    match &settings.through {
        Some(Through::Base(base)) => {
            return Ok(Some(format!("{}/{key}", base.trim_end_matches('/'))));
        }
        Some(Through::CloudFront(cdn)) if !cdn.is_direct(request.client) => {
            let object = format!("{}{key}", bucket.clients().root);
            return cdn.address(&object).map(Some);
        }
        _ => {}
    }
    let method = if request.head { Method::HEAD } else { Method::GET };
    let Some(url) = bucket.signed(key, method, settings.lifetime).await? else { return Ok(None) };
    Ok(Some(match &settings.through {
        Some(Through::Rewrite { scheme, host, trim_path_prefix }) => {
            rewritten(&url, scheme, host, trim_path_prefix)
        }
        _ => url,
    }))
}

fn rewritten(url: &str, scheme: &str, host: &str, trim: &str) -> String {
    let Some((old_scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let slash = rest.find(['/', '?']).unwrap_or(rest.len());
    let (old_host, path) = rest.split_at(slash);
    let path = path.strip_prefix(trim).unwrap_or(path);
    let slash = if path.starts_with('/') || path.is_empty() { "" } else { "/" };
    let pick = |new, old| if str::is_empty(new) { old } else { new };
    format!("{}://{}{slash}{path}", pick(scheme, old_scheme), pick(host, old_host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_address_is_rewritten_piece_by_piece() {
        let url = "http://minio:9000/bucket/docker/x?X-Amz-Signature=1";
        let cases = [
            (("", "", ""), url),
            (("https", "cdn.example", ""), "https://cdn.example/bucket/docker/x?X-Amz-Signature=1"),
            (("", "cdn.example", "/bucket"), "http://cdn.example/docker/x?X-Amz-Signature=1"),
            (("", "", "/bucket/"), "http://minio:9000/docker/x?X-Amz-Signature=1"),
            (("", "", "/other"), url),
        ];
        for ((scheme, host, trim), expected) in cases {
            assert_eq!(rewritten(url, scheme, host, trim), expected);
        }
    }
}
