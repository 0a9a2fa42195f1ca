//! What the operator decided about HTTP.

use std::time::Duration;

use http::{HeaderName, HeaderValue};

pub use crate::http::forwarded::Network;

/// How URLs in `Location` and `Link` are built.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum BaseUrl {
    /// Paths only; right behind every proxy.
    #[default]
    Relative,
    /// `http.host`: scheme and authority, without a final slash.
    Fixed(String),
    /// Absolute, from the request and trusted proxies.
    FromRequest,
}

/// Switches and bounds of the HTTP side.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `http.prefix`: empty, or `/…` without a final slash.
    pub prefix: String,
    /// How URLs are built.
    pub base_url: BaseUrl,
    /// Whose forwarded headers are believed.
    pub trusted_proxies: Vec<Network>,
    /// `http.headers`: added to every routed answer.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// `storage.maintenance.readonly`.
    pub read_only: bool,
    /// Largest page of the catalog.
    pub catalog_max: usize,
    /// Largest page of tags when the client asks for pages.
    pub tags_max: usize,
    /// How long a request head may take from its first byte.
    pub head_timeout: Duration,
    /// How long an idle connection is kept, and a new one may stay silent.
    pub idle_timeout: Duration,
    /// How long an upload may go without a byte.
    pub upload_stall: Duration,
    /// How long a client may not take a byte of its download.
    pub download_stall: Duration,
    /// Connections at once.
    pub max_connections: usize,
    /// How long open requests may go on after a stop is asked for.
    pub drain_timeout: Duration,
    /// HTTP/2 over TLS.
    pub http2: bool,
    /// HTTP/2 in clear text.
    pub h2c: bool,
    /// Whether requests are written to the access log.
    pub access_log: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            prefix: String::new(),
            base_url: BaseUrl::Relative,
            trusted_proxies: Vec::new(),
            headers: Vec::new(),
            read_only: false,
            catalog_max: 1000,
            tags_max: 1000,
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(120),
            upload_stall: Duration::from_secs(60),
            download_stall: Duration::from_secs(900),
            max_connections: 4096,
            drain_timeout: Duration::from_secs(8),
            http2: true,
            h2c: false,
            access_log: true,
        }
    }
}
