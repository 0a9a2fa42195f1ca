//! `berth`: what the original has no word for.

pub(crate) mod cache;
pub(crate) mod metadata;
pub(crate) mod postgres;
pub(crate) mod redirect;

use std::time::Duration;

use serde::Serialize;
use server::Network;

use super::duration;
use super::problem::Problems;
use super::repository_match::RepositoryMatch;
use super::schema::{Key, Kind};
use super::section::Section;

pub(crate) use cache::LocalStorage;
pub(crate) use metadata::Metadata;
pub(crate) use redirect::Redirect;

const MIB: u64 = 1 << 20;
/// Bytes per second: a disk of today has some left for clients.
const VERIFY_RATE: u64 = 200 * MIB;

const HTTP: &[Key] = &[
    Key::new("trusted_proxies", Kind::List(&Kind::Text)),
    Key::new("absolute_urls", Kind::Flag),
    Key::new("max_connections", Kind::Number),
];

const LIMITS: &[Key] = &[
    Key::new("head_timeout", Kind::Time),
    Key::new("keepalive_timeout", Kind::Time),
    Key::new("upload_stall", Kind::Time),
    Key::new("download_stall", Kind::Time),
];

pub(super) const KEYS: &[Key] = &[
    Key::new(
        "repositories",
        Kind::List(&Kind::Fields(&[Key::new("match", Kind::Text), Key::new("sparse", Kind::Flag)])),
    ),
    Key::new("manifest_max_bytes", Kind::Bytes),
    Key::new("http", Kind::Fields(HTTP)),
    Key::new("limits", Kind::Fields(LIMITS)),
    Key::new(
        "upload",
        Kind::Fields(&[Key::new("checkpoint_bytes", Kind::Bytes), Key::new("memory", Kind::Bytes)]),
    ),
    Key::new("role", Kind::Choice(&["all", "http", "workers"])),
    Key::new("metadata", Kind::Fields(metadata::KEYS)),
    Key::new("redirect", Kind::Fields(redirect::KEYS)),
    Key::new("storage", Kind::Fields(cache::KEYS)),
    Key::new(
        "import",
        Kind::Fields(&[Key::new("auto", Kind::Flag), Key::new("verify_rate", Kind::Bytes)]),
    ),
    Key::new(
        "run_as",
        Kind::Fields(&[
            Key::new("uid", Kind::Number),
            Key::new("gid", Kind::Number),
            Key::new("adopt", Kind::Flag),
        ]),
    ),
];

/// Settings under `berth`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Berth {
    /// Rules for some repositories; the first that matches counts.
    pub(crate) repositories: Vec<RepositoryRule>,
    /// The largest manifest that is taken, in bytes.
    pub(crate) manifest_max_bytes: u64,
    /// Who stands in front, and how many may come.
    pub(crate) http: BerthHttp,
    /// Time limits; they count silence, never the length of a whole transfer.
    pub(crate) limits: Limits,
    /// Uploads.
    pub(crate) upload: Upload,
    /// Which part of the work this process does.
    pub(crate) role: Role,
    /// The database.
    pub(crate) metadata: Metadata,
    /// Which clients fetch blobs from the object store themselves.
    pub(crate) redirect: Redirect,
    /// What is kept on a local disk beside the object store.
    #[serde(skip_serializing_if = "LocalStorage::is_empty")]
    pub(crate) storage: LocalStorage,
    /// The take-over of a tree that the original wrote.
    pub(crate) import: Import,
    /// The user to become after starting as root; `None` stays who we are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) run_as: Option<RunAs>,
}

/// One item of `berth.repositories`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct RepositoryRule {
    /// Which repositories.
    #[serde(rename = "match")]
    pub(crate) matches: RepositoryMatch,
    /// Manifests may name blobs and manifests that are not there.
    pub(crate) sparse: bool,
}

/// Settings under `berth.http`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct BerthHttp {
    /// Networks whose `Forwarded` and `X-Forwarded-*` headers are believed.
    pub(crate) trusted_proxies: Vec<Network>,
    /// Location headers with scheme and host.
    pub(crate) absolute_urls: bool,
    /// Open connections at one time; the next ones wait.
    pub(crate) max_connections: u32,
}

/// Settings under `berth.limits`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Limits {
    /// From the first byte of a request to the end of its headers.
    #[serde(serialize_with = "duration::go")]
    pub(crate) head_timeout: Duration,
    /// Silence between two requests on one connection.
    #[serde(serialize_with = "duration::go")]
    pub(crate) keepalive_timeout: Duration,
    /// Silence of a client that uploads.
    #[serde(serialize_with = "duration::go")]
    pub(crate) upload_stall: Duration,
    /// Silence of a client that downloads.
    #[serde(serialize_with = "duration::go")]
    pub(crate) download_stall: Duration,
}

/// Settings under `berth.upload`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Upload {
    /// After so many bytes a running upload is made safe, so that a crash costs no more.
    pub(crate) checkpoint_bytes: u64,
    /// Bytes of all uploads on their way to a bucket that may lie in memory at one time.
    pub(crate) memory: u64,
}

/// Which part of the work a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// Everything.
    All,
    /// Answers clients and leaves the duties in the background to others.
    Http,
    /// The duties in the background; only health and metrics are served.
    Workers,
}

/// Settings under `berth.import`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Import {
    /// Take over a tree without Berth's metadata at the start.
    pub(crate) auto: bool,
    /// Most bytes per second that a server reads to re-hash what was imported; 0 is no limit.
    pub(crate) verify_rate: u64,
}

/// Settings under `berth.run_as`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct RunAs {
    /// The user, by number.
    pub(crate) uid: u32,
    /// The group, by number.
    pub(crate) gid: u32,
    /// Hand a storage tree that root owns to that user.
    pub(crate) adopt: bool,
}

/// Reads `berth`.
pub(super) fn read(root: &Section<'_>, problems: &mut Problems<'_>) -> Berth {
    let berth = root.section("berth");
    let rules = berth.sections("repositories");
    let checkpoint = berth.section("upload");
    Berth {
        repositories: rules.iter().filter_map(|rule| repository(rule, problems)).collect(),
        manifest_max_bytes: sized(&berth, "manifest_max_bytes", 4 * MIB, 64 * MIB, problems),
        http: http(&berth.section("http"), problems),
        limits: limits(&berth.section("limits"), problems),
        upload: Upload {
            checkpoint_bytes: sized(&checkpoint, "checkpoint_bytes", 64 * MIB, 1 << 40, problems),
            memory: memory(&checkpoint, problems),
        },
        role: match berth.choice("role").as_deref() {
            Some("http") => Role::Http,
            Some("workers") => Role::Workers,
            _ => Role::All,
        },
        metadata: metadata::read(&berth.section("metadata"), problems),
        redirect: redirect::read(root, &berth.section("redirect"), problems),
        storage: cache::read(root, problems),
        import: import(&berth.section("import"), problems),
        run_as: run_as(&berth, problems),
    }
}

fn import(section: &Section<'_>, problems: &mut Problems<'_>) -> Import {
    let mut verify_rate = section.bytes("verify_rate").unwrap_or(VERIFY_RATE);
    if verify_rate != 0 && !(1024..=1 << 40).contains(&verify_rate) {
        let text = format!("{verify_rate} is out of range");
        section.error(problems, "verify_rate", text, "use 1KiB to 1TiB, or 0 for no limit");
        verify_rate = VERIFY_RATE;
    }
    Import { auto: section.flag("auto").unwrap_or(true), verify_rate }
}

fn sized(
    section: &Section<'_>,
    key: &str,
    default: u64,
    largest: u64,
    problems: &mut Problems<'_>,
) -> u64 {
    let Some(bytes) = section.bytes(key) else { return default };
    if !(1024..=largest).contains(&bytes) {
        let way_out = format!("use 1KiB to {}MiB", largest / MIB);
        section.error(problems, key, format!("{bytes} is out of range"), way_out);
        return default;
    }
    bytes
}

fn memory(section: &Section<'_>, problems: &mut Problems<'_>) -> u64 {
    let default = 256 * MIB;
    let Some(bytes) = section.bytes("memory") else { return default };
    if !(64 * MIB..=1 << 40).contains(&bytes) {
        let text = format!("{bytes} is out of range");
        section.error(problems, "memory", text, "use 64MiB to 1TiB");
        return default;
    }
    bytes
}

fn repository(rule: &Section<'_>, problems: &mut Problems<'_>) -> Option<RepositoryRule> {
    let way_out = "name repositories, such as team/** or library/*";
    let text = rule.required(problems, "match", way_out)?;
    match RepositoryMatch::parse(&text) {
        Ok(matches) => {
            Some(RepositoryRule { matches, sparse: rule.flag("sparse").unwrap_or(false) })
        }
        Err(reason) => {
            rule.error(problems, "match", reason, way_out);
            None
        }
    }
}

fn http(section: &Section<'_>, problems: &mut Problems<'_>) -> BerthHttp {
    BerthHttp {
        trusted_proxies: networks(section, "trusted_proxies", problems),
        absolute_urls: section.flag("absolute_urls").unwrap_or(false),
        max_connections: section
            .number_in(problems, "max_connections", 1..=1_000_000)
            .unwrap_or(4096),
    }
}

/// The networks in the list under `key`.
fn networks(section: &Section<'_>, key: &str, problems: &mut Problems<'_>) -> Vec<Network> {
    let mut networks = Vec::new();
    for (text, place) in section.texts(key) {
        match text.parse() {
            Ok(network) => networks.push(network),
            Err(_) => problems.error(
                place,
                &section.path(key),
                format!("{:?} is no network", super::problem::shorten(&text)),
                "write it as 10.0.0.0/8 or fd00::/8",
            ),
        }
    }
    networks
}

fn limits(section: &Section<'_>, problems: &mut Problems<'_>) -> Limits {
    let mut time =
        |key, seconds| section.positive_time(problems, key).unwrap_or(Duration::from_secs(seconds));
    Limits {
        head_timeout: time("head_timeout", 10),
        keepalive_timeout: time("keepalive_timeout", 120),
        upload_stall: time("upload_stall", 60),
        download_stall: time("download_stall", 15 * 60),
    }
}

fn run_as(berth: &Section<'_>, problems: &mut Problems<'_>) -> Option<RunAs> {
    let section = berth.section("run_as");
    // u32::MAX means "leave as it is" to the system call.
    let largest = u32::MAX - 1;
    let uid = section.number_in(problems, "uid", 0..=largest);
    let gid = section.number_in(problems, "gid", 0..=largest);
    let adopt = section.flag("adopt").unwrap_or(false);
    if uid.is_none() && !section.holds("uid") && (gid.is_some() || adopt) {
        section.error(problems, "uid", "is missing", "name the user by number");
    }
    let uid = uid?;
    Some(RunAs { uid, gid: gid.unwrap_or(uid), adopt })
}
