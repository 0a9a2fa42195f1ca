//! `http`: where the registry listens, and how it names itself.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::duration;
use super::listen::Listen;
use super::problem::Problems;
use super::schema::{Key, Kind};
use super::secret::Secret;
use super::section::{Section, texts};
use super::tls::{self, Tls};

/// The port of a registry.
const PORT: u16 = 5000;
/// Long enough for most pulls, shorter than the ten seconds after which docker kills.
const DEFAULT_DRAIN: Duration = Duration::from_secs(8);

pub(super) const KEYS: &[Key] = &[
    Key::new("addr", Kind::Text),
    Key::new("net", Kind::Choice(&["tcp", "unix"])),
    Key::new("host", Kind::Text),
    Key::new("prefix", Kind::Text),
    Key::new("secret", Kind::Secret),
    Key::new("relativeurls", Kind::Flag),
    Key::new("draintimeout", Kind::Time),
    Key::new("tls", Kind::Fields(tls::KEYS)),
    Key::new("headers", Kind::Table(&Kind::List(&Kind::Text))),
    Key::new(
        "debug",
        Kind::Fields(&[
            Key::new("addr", Kind::Text),
            Key::new(
                "prometheus",
                Kind::Fields(&[Key::new("enabled", Kind::Flag), Key::new("path", Kind::Text)]),
            ),
        ]),
    ),
    Key::new("http2", Kind::Fields(&[Key::new("disabled", Kind::Flag)])),
    Key::new("h2c", Kind::Fields(&[Key::new("enabled", Kind::Flag)])),
];

/// Settings under `http`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Http {
    /// Where to listen.
    #[serde(rename = "addr")]
    pub(crate) listen: Listen,
    /// `unix` if `listen` is a socket file, else `tcp`.
    pub(crate) net: Net,
    /// Scheme and host of generated addresses (`https://example.org`), if they are to be absolute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) host: Option<String>,
    /// The path above `/v2/`, with a slash at both ends; `/` for none.
    pub(crate) prefix: String,
    /// Signs the state of uploads; without it the store keeps one of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<Secret>,
    /// How long open requests may go on after SIGTERM; zero ends them at once.
    #[serde(rename = "draintimeout", serialize_with = "duration::go")]
    pub(crate) drain_timeout: Duration,
    /// TLS, if it is spoken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls: Option<Tls>,
    /// Headers put on every answer of the API.
    pub(crate) headers: BTreeMap<String, Vec<String>>,
    /// The second listener, for operators.
    pub(crate) debug: Debug,
    /// HTTP/2 over TLS.
    pub(crate) http2: Http2,
    /// HTTP/2 without TLS.
    pub(crate) h2c: H2c,
}

/// The kind of socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Net {
    /// An address and a port.
    Tcp,
    /// A socket file.
    Unix,
}

/// Settings under `http.debug`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Debug {
    /// Where to listen; without it there is no such listener.
    #[serde(rename = "addr", skip_serializing_if = "Option::is_none")]
    pub(crate) listen: Option<Listen>,
    /// Metrics.
    pub(crate) prometheus: Prometheus,
}

/// Settings under `http.debug.prometheus`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Prometheus {
    /// Whether metrics are served.
    pub(crate) enabled: bool,
    /// Where, beginning with a slash.
    pub(crate) path: String,
}

/// Settings under `http.http2`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Http2 {
    /// Speak HTTP/1.1 only.
    pub(crate) disabled: bool,
}

/// Settings under `http.h2c`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct H2c {
    /// Take HTTP/2 on connections without TLS.
    pub(crate) enabled: bool,
}

/// Reads `http`.
pub(super) fn read(root: &Section<'_>, problems: &mut Problems<'_>) -> Http {
    let http = root.section("http");
    let listen = listen(&http, problems);
    relative_urls(root, &http, problems);
    Http {
        net: if matches!(listen, Listen::Unix(_)) { Net::Unix } else { Net::Tcp },
        listen,
        host: host(&http, problems),
        prefix: prefix(&http, problems),
        secret: http.secret("secret"),
        drain_timeout: http.time("draintimeout").unwrap_or(DEFAULT_DRAIN),
        tls: tls::read(&http, problems),
        headers: headers(&http.section("headers"), problems),
        debug: debug(&http.section("debug"), problems),
        http2: Http2 { disabled: http.section("http2").flag("disabled").unwrap_or(false) },
        h2c: H2c { enabled: http.section("h2c").flag("enabled").unwrap_or(false) },
    }
}

fn listen(http: &Section<'_>, problems: &mut Problems<'_>) -> Listen {
    let default = Listen::Loopback { port: PORT };
    let addr = http.text("addr");
    if http.choice("net").as_deref() == Some("unix") {
        let Some(path) = addr else {
            http.error(problems, "addr", "is missing", "with net: unix, name the socket file");
            return default;
        };
        return Listen::Unix(PathBuf::from(path));
    }
    addr.map_or(Some(default.clone()), |text| address(http, &text, problems)).unwrap_or(default)
}

fn address(section: &Section<'_>, text: &str, problems: &mut Problems<'_>) -> Option<Listen> {
    let listen = Listen::parse(text);
    if listen.is_none() {
        let problem = format!("{:?} is no address", super::problem::shorten(text));
        let way_out = "write host:port, :port for every address, or add net: unix for a file";
        section.error(problems, "addr", problem, way_out);
    }
    listen
}

/// The path form is always right behind any proxy, so it is what Berth answers unless told.
fn relative_urls(root: &Section<'_>, http: &Section<'_>, problems: &mut Problems<'_>) {
    let absolute = root.section("berth").section("http").flag("absolute_urls") == Some(true);
    match http.flag("relativeurls") {
        Some(true) if absolute => {
            let text = "contradicts berth.http.absolute_urls";
            http.error(problems, "relativeurls", text, "take one of them out");
        }
        Some(false) if !absolute && !http.holds("host") => {
            let text = "false keeps paths in Location headers, which every client follows";
            let way_out = "set berth.http.absolute_urls: true for whole addresses";
            http.warning(problems, "relativeurls", text, way_out);
        }
        _ => {}
    }
}

fn host(http: &Section<'_>, problems: &mut Problems<'_>) -> Option<String> {
    let text = http.text("host")?;
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let authority = rest.map(|rest| rest.split('/').next().unwrap_or_default());
    let good = |c: char| c.is_ascii_graphic() && !matches!(c, '@' | '?' | '#' | '"' | '\\');
    match authority {
        Some(authority) if !authority.is_empty() && authority.chars().all(good) => {
            let path = rest.and_then(|rest| rest.get(authority.len()..)).unwrap_or_default();
            if !path.is_empty() && path != "/" {
                let warning = "only scheme and host count, the path does not";
                http.warning(problems, "host", warning, "use http.prefix for a path");
            }
            let scheme = if text.starts_with("https") { "https" } else { "http" };
            Some(format!("{scheme}://{authority}"))
        }
        _ => {
            let problem = format!("{:?} is no base address", super::problem::shorten(&text));
            http.error(problems, "host", problem, "write it as https://registry.example.org");
            None
        }
    }
}

fn prefix(http: &Section<'_>, problems: &mut Problems<'_>) -> String {
    let Some(text) = http.text("prefix") else { return "/".to_owned() };
    let good = |c: char| c.is_ascii_alphanumeric() || "/-._~".contains(c);
    let inner = text.trim_matches('/');
    let dots = inner.split('/').any(|part| part.is_empty() || part == "." || part == "..");
    if !text.chars().all(good) || (dots && !inner.is_empty()) {
        let problem = format!("{:?} is no path", super::problem::shorten(&text));
        http.error(problems, "prefix", problem, "write it as /registry/");
    }
    if inner.is_empty() { "/".to_owned() } else { format!("/{inner}/") }
}

/// Reads a section of headers, each with a list of values.
pub(super) fn headers(
    section: &Section<'_>,
    problems: &mut Problems<'_>,
) -> BTreeMap<String, Vec<String>> {
    let mut headers = BTreeMap::new();
    for entry in section.entries() {
        let path = section.path(&entry.key);
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if entry.key.is_empty() || !entry.key.chars().all(token) {
            problems.error(&entry.place, &path, "is no name of a header", "");
        }
        let mut values = Vec::new();
        for (value, place) in texts(entry.node.items()) {
            if value.chars().any(char::is_control) {
                let way_out = "take out line breaks and other control characters";
                problems.error(place, &path, "is no value of a header", way_out);
            }
            values.push(value);
        }
        headers.insert(entry.key.clone(), values);
    }
    headers
}

fn debug(debug: &Section<'_>, problems: &mut Problems<'_>) -> Debug {
    let prometheus = debug.section("prometheus");
    let path = prometheus.text("path").unwrap_or_else(|| "/metrics".to_owned());
    if !path.starts_with('/') {
        let text = format!("{path:?} is no path");
        prometheus.error(problems, "path", text, "begin it with a slash");
    }
    let enabled = prometheus.flag("enabled").unwrap_or(false);
    let listen = debug.text("addr").and_then(|text| address(debug, &text, problems));
    if enabled && !debug.holds("addr") {
        let text = "has no effect without http.debug.addr";
        prometheus.warning(problems, "enabled", text, "name the address of the debug listener");
    }
    Debug { listen, prometheus: Prometheus { enabled, path } }
}
