//! One request on its way through the handlers.

use std::net::IpAddr;

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
