//! One request on its way through the handlers.

use std::net::{IpAddr, Ipv4Addr};

use http::{HeaderMap, HeaderName, Method};
use oci::{ErrorCode, RepositoryName};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use registry::access::Caller;
use store::UploadId;

use crate::failure::Failure;
use crate::http::forwarded::{self, Origin};
use crate::http::query::Query;
use crate::net::Peer;
use crate::settings::{BaseUrl, Settings};

/// Kept readable in `last=` of links; the original does the same.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What those who pass a request on add to it.
const FORWARDED: [HeaderName; 6] = [
    http::header::FORWARDED,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-real-ip"),
    http::header::VIA,
];

/// A request, its caller and how to point back at this registry.
pub(crate) struct Call<'r> {
    pub method: &'r Method,
    pub headers: &'r HeaderMap,
    pub query: Query<'r>,
    pub caller: Caller,
    /// [`registry::accounts::Accounts::overtaken`] from before the caller was known.
    pub overtaken: u64,
    pub peer: &'r Peer,
    pub settings: &'r Settings,
}

impl Call<'_> {
    /// Whether only the head of the answer is wanted.
    pub(crate) fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }

    /// The text of a header, if it is text.
    pub(crate) fn header(&self, name: &http::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// `n`: how many entries the client wants at most.
    pub(crate) fn page_size(&self) -> Result<Option<usize>, Failure> {
        let Some(text) = self.query.first("n") else { return Ok(None) };
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digits {
            let message = format!("n is {}, but must be a number from 0", oci::quoted(text));
            return Err(Failure::bad_request(ErrorCode::PaginationNumberInvalid, message));
        }
        // A number that does not fit is as good as the largest: it is clamped anyway.
        Ok(Some(text.parse().unwrap_or(usize::MAX)))
    }

    /// `last`: the exclusive start of a page.
    pub(crate) fn after(&self) -> Option<String> {
        self.query.first("last").filter(|last| !last.is_empty()).map(str::to_owned)
    }

    /// A URL of this registry, in the form the operator wants.
    pub(crate) fn url(&self, path: &str) -> String {
        let prefix = &self.settings.prefix;
        match &self.settings.base_url {
            BaseUrl::Fixed(host) => format!("{host}{prefix}{path}"),
            BaseUrl::Relative => format!("{prefix}{path}"),
            BaseUrl::FromRequest => {
                let origin = origin_of(self.headers, self.peer, self.settings);
                match origin.authority {
                    Some(authority) => format!("{}://{authority}{prefix}{path}", origin.scheme),
                    None => format!("{prefix}{path}"),
                }
            }
        }
    }

    /// From where the client asks, as far as it is known.
    pub(crate) fn client(&self) -> Option<IpAddr> {
        origin_of(self.headers, self.peer, self.settings).client.map(|client| client.ip())
    }

    pub(crate) fn upload_url(&self, repository: &RepositoryName, id: &UploadId) -> String {
        self.url(&format!("/v2/{repository}/blobs/uploads/{id}"))
    }

    /// A `Link` to the page after `last`. Path only, as the original's.
    pub(crate) fn next_link(&self, path: &str, last: &str, n: Option<usize>) -> String {
        let last = utf8_percent_encode(last, QUERY);
        let n = n.map(|n| format!("&n={n}")).unwrap_or_default();
        format!("<{}{path}?last={last}{n}>; rel=\"next\"", self.settings.prefix)
    }
}

/// Where a request came from and which address it asked, by what trusted proxies say.
pub(crate) fn origin_of(headers: &HeaderMap, peer: &Peer, settings: &Settings) -> Origin {
    forwarded::origin(headers, peer.address, peer.tls.is_some(), &settings.trusted_proxies)
}

/// Whether a request says that somebody passed it on.
pub(crate) fn forwards(headers: &HeaderMap) -> bool {
    FORWARDED.iter().any(|name| headers.contains_key(name))
}

/// Whether a request came through a proxy that nobody declared, as far as that
/// can be seen.
pub(crate) fn is_strangers_proxy(headers: &HeaderMap, peer: &Peer, settings: &Settings) -> bool {
    let is_declared = |address: std::net::SocketAddr| {
        settings.trusted_proxies.iter().any(|network| network.contains(address.ip()))
    };
    forwards(headers) && !peer.address.is_none_or(is_declared)
}

/// The address that a wrong password counts for, of a request from `client`.
///
/// `None` behind a proxy of our own network that nobody declared: all who come
/// through it would share its address, and one who guesses would keep everybody
/// waiting. From anywhere else the headers change nothing: nobody whose own
/// address is seen makes their failures count less by looking like a proxy.
pub(crate) fn login_address(
    client: Option<IpAddr>,
    headers: &HeaderMap,
    peer: &Peer,
    settings: &Settings,
) -> Option<IpAddr> {
    client.filter(|client| !is_near(*client) || !is_strangers_proxy(headers, peer, settings))
}

/// Whether an address is of no use on the internet: this machine, this network.
fn is_near(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            v4.is_loopback() || v4.is_private() || v4.is_link_local() || is_carriers(v4)
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// 100.64.0.0/10, between a provider and its customers and in networks of clouds.
fn is_carriers(v4: Ipv4Addr) -> bool {
    matches!(v4.octets(), [100, 64..=127, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(peer: &str, header: &'static str, settings: &Settings) -> Option<String> {
        let peer = Peer { address: Some(peer.parse().unwrap()), tls: None };
        let headers = HeaderMap::from_iter([(
            HeaderName::from_static(header),
            http::HeaderValue::from_static("203.0.113.9"),
        )]);
        let client = origin_of(&headers, &peer, settings).client.map(|client| client.ip());
        login_address(client, &headers, &peer, settings).map(|address| address.to_string())
    }

    #[test]
    fn a_proxy_nearby_that_nobody_declared_stands_for_nobody() {
        let settings = Settings::default();
        for peer in [
            "127.0.0.1:9",
            "10.1.2.3:9",
            "172.31.0.1:9",
            "192.168.0.1:9",
            "169.254.1.1:9",
            "100.64.0.1:9",
            "100.127.255.254:9",
            "[::1]:9",
            "[fd00::1]:9",
            "[fe80::1]:9",
            "[::ffff:10.0.0.1]:9",
        ] {
            for header in ["x-forwarded-for", "forwarded", "x-real-ip", "x-forwarded-proto", "via"]
            {
                assert_eq!(counted(peer, header, &settings), None, "{peer} {header}");
            }
            assert!(counted(peer, "accept", &settings).is_some(), "{peer} is a client itself");
        }
    }

    #[test]
    fn who_comes_from_the_internet_counts_whatever_headers_claim() {
        let settings = Settings::default();
        for peer in ["192.0.2.1", "8.8.8.8", "172.32.0.1", "100.63.0.1", "100.128.0.1"] {
            for header in ["x-forwarded-for", "forwarded", "via"] {
                let found = counted(&format!("{peer}:9"), header, &settings);
                assert_eq!(found.as_deref(), Some(peer), "{header}");
            }
        }
        let found = counted("[2001:db8::1]:9", "via", &settings);
        assert_eq!(found.as_deref(), Some("2001:db8::1"));
    }

    #[test]
    fn behind_a_declared_proxy_its_client_counts() {
        let trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
        let settings = Settings { trusted_proxies, ..Settings::default() };
        let found = counted("10.1.2.3:9", "x-forwarded-for", &settings);
        assert_eq!(found.as_deref(), Some("203.0.113.9"));
    }
}
