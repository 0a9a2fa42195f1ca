//! `health`: what is looked at now and then to say whether the registry is well.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::duration;
use super::problem::Problems;
use super::schema::{Key, Kind};
use super::section::Section;

const DEFAULT_INTERVAL: Duration = Duration::from_secs(10);
/// The original waits without end; a check that hangs would then count as healthy.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) const KEYS: &[Key] = &[
    Key::new(
        "storagedriver",
        Kind::Fields(&[
            Key::new("enabled", Kind::Flag),
            Key::new("interval", Kind::Time),
            Key::new("threshold", Kind::Number),
        ]),
    ),
    Key::new(
        "file",
        Kind::List(&Kind::Fields(&[
            Key::new("file", Kind::Text),
            Key::new("interval", Kind::Time),
            Key::new("threshold", Kind::Number),
        ])),
    )
    .field("FILECHECKERS"),
    Key::new(
        "http",
        Kind::List(&Kind::Fields(&[
            Key::new("uri", Kind::Text),
            Key::new("headers", Kind::Table(&Kind::List(&Kind::Text))),
            Key::new("statuscode", Kind::Number),
            Key::new("timeout", Kind::Time),
            Key::new("interval", Kind::Time),
            Key::new("threshold", Kind::Number),
        ])),
    )
    .field("HTTPCHECKERS"),
    Key::new(
        "tcp",
        Kind::List(&Kind::Fields(&[
            Key::new("addr", Kind::Text),
            Key::new("timeout", Kind::Time),
            Key::new("interval", Kind::Time),
            Key::new("threshold", Kind::Number),
        ])),
    )
    .field("TCPCHECKERS"),
];

/// Settings under `health`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Health {
    /// Whether the storage answers.
    #[serde(rename = "storagedriver")]
    pub(crate) storage_driver: StorageCheck,
    /// Files that mean "unwell" while they exist.
    pub(crate) file: Vec<FileCheck>,
    /// Addresses that must answer a HEAD.
    pub(crate) http: Vec<HttpCheck>,
    /// Addresses that must take a connection.
    pub(crate) tcp: Vec<TcpCheck>,
}

/// Settings under `health.storagedriver`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct StorageCheck {
    /// Whether it runs.
    pub(crate) enabled: bool,
    /// Time between two checks.
    #[serde(serialize_with = "duration::go")]
    pub(crate) interval: Duration,
    /// Failures in a row before it counts.
    pub(crate) threshold: u32,
}

/// One item of `health.file`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct FileCheck {
    /// The file.
    pub(crate) file: PathBuf,
    /// Time between two checks.
    #[serde(serialize_with = "duration::go")]
    pub(crate) interval: Duration,
}

/// One item of `health.http`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct HttpCheck {
    /// Where to send a HEAD; `http` or `https`.
    pub(crate) uri: String,
    /// Headers to send.
    pub(crate) headers: BTreeMap<String, Vec<String>>,
    /// The status that means well.
    #[serde(rename = "statuscode")]
    pub(crate) status_code: u16,
    /// How long to wait for the answer.
    #[serde(serialize_with = "duration::go")]
    pub(crate) timeout: Duration,
    /// Time between two checks.
    #[serde(serialize_with = "duration::go")]
    pub(crate) interval: Duration,
    /// Failures in a row before it counts.
    pub(crate) threshold: u32,
}

/// One item of `health.tcp`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct TcpCheck {
    /// `host:port`.
    pub(crate) addr: String,
    /// How long to wait for the connection.
    #[serde(serialize_with = "duration::go")]
    pub(crate) timeout: Duration,
    /// Time between two checks.
    #[serde(serialize_with = "duration::go")]
    pub(crate) interval: Duration,
    /// Failures in a row before it counts.
    pub(crate) threshold: u32,
}

/// Reads `health`.
pub(super) fn read(root: &Section<'_>, problems: &mut Problems<'_>) -> Health {
    let health = root.section("health");
    let storage = health.section("storagedriver");
    let files = health.sections("file");
    let https = health.sections("http");
    let tcps = health.sections("tcp");
    Health {
        storage_driver: StorageCheck {
            enabled: storage.flag("enabled").unwrap_or(false),
            interval: interval(&storage),
            threshold: threshold(&storage, problems),
        },
        file: files.iter().filter_map(|section| file(section, problems)).collect(),
        http: https.iter().filter_map(|section| http(section, problems)).collect(),
        tcp: tcps.iter().filter_map(|section| tcp(section, problems)).collect(),
    }
}

fn interval(section: &Section<'_>) -> Duration {
    section.time("interval").filter(|time| !time.is_zero()).unwrap_or(DEFAULT_INTERVAL)
}

fn timeout(section: &Section<'_>) -> Duration {
    section.time("timeout").filter(|time| !time.is_zero()).unwrap_or(DEFAULT_TIMEOUT)
}

fn threshold(section: &Section<'_>, problems: &mut Problems<'_>) -> u32 {
    section.number_in(problems, "threshold", 0..=u32::MAX).unwrap_or(0)
}

fn file(section: &Section<'_>, problems: &mut Problems<'_>) -> Option<FileCheck> {
    let file = section.required(problems, "file", "name the file")?;
    Some(FileCheck { file: file.into(), interval: interval(section) })
}

fn http(section: &Section<'_>, problems: &mut Problems<'_>) -> Option<HttpCheck> {
    let uri = section.required(problems, "uri", "name the address to ask")?;
    if !uri.starts_with("http://") {
        let text = format!("{uri:?} cannot be checked");
        section.error(
            problems,
            "uri",
            text,
            "only http:// is checked; name an address without TLS",
        );
    }
    let status = section.number_in(problems, "statuscode", 0..=599).unwrap_or(0);
    Some(HttpCheck {
        uri,
        headers: super::http::headers(&section.section("headers"), problems),
        status_code: if status == 0 { 200 } else { status },
        timeout: timeout(section),
        interval: interval(section),
        threshold: threshold(section, problems),
    })
}

fn tcp(section: &Section<'_>, problems: &mut Problems<'_>) -> Option<TcpCheck> {
    let addr = section.required(problems, "addr", "name host:port")?;
    if super::listen::host_and_port(&addr).is_none_or(|(host, _)| host.is_empty()) {
        section.error(problems, "addr", format!("{addr:?} is no host:port"), "");
    }
    Some(TcpCheck {
        addr,
        timeout: timeout(section),
        interval: interval(section),
        threshold: threshold(section, problems),
    })
}
