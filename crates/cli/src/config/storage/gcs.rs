//! `storage.gcs`: Google Cloud Storage, in both dialects.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::super::problem::Problems;
use super::super::schema::{Key, Kind};
use super::super::secret::Secret;
use super::super::section::Section;
use super::super::yaml::Value;
use super::bucket;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
/// Parts are multiples of this, by the original's rule.
const GRAIN: u64 = 256 * KIB;
/// The smallest part that the store takes, save for the last one.
const LEAST_PART: u64 = 5 * MIB;
const LARGEST_PART: u64 = 5 << 30;
const DEFAULT_PART: u64 = 16 * MIB;

pub(super) const KEYS: &[Key] = &[
    Key::new("bucket", Kind::Text),
    Key::new("keyfile", Kind::Text),
    Key::new("credentials", Kind::Table(&Kind::Secret)),
    Key::new("rootdirectory", Kind::Text),
    Key::new("chunksize", Kind::Bytes),
    Key::new("maxconcurrency", Kind::Number)
        .ignored("Berth bounds its work by berth.upload.memory and berth.http.max_connections"),
    Key::new("useragent", Kind::Text),
];

/// Settings under `storage.gcs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Gcs {
    /// The bucket, which exists already.
    pub(crate) bucket: String,
    /// Who we are; without it the environment and the instance are asked.
    #[serde(flatten)]
    pub(crate) account: Option<ServiceAccount>,
    /// The folder above `docker/registry/v2`, without slashes at its ends; empty for the top.
    #[serde(rename = "rootdirectory")]
    pub(crate) root_directory: String,
    /// Bytes of one part of an upload, 5 MiB to 5 GiB.
    #[serde(rename = "chunksize")]
    pub(crate) chunk_size: u64,
    /// How we name ourselves to the store.
    #[serde(rename = "useragent", skip_serializing_if = "Option::is_none")]
    pub(crate) user_agent: Option<String>,
}

/// A service account of Google's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ServiceAccount {
    /// In this JSON file.
    KeyFile(PathBuf),
    /// The content of such a file, written as a section.
    Credentials(Credentials),
}

/// The keys of a service account's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Credentials(BTreeMap<String, Secret>);

impl Credentials {
    /// The file's text, as JSON.
    pub(crate) fn json(&self) -> Secret {
        let pairs = self.0.iter().map(|(key, value)| (key.as_str(), value.reveal()));
        Secret::new(serde_json::Value::from_iter(pairs).to_string())
    }
}

/// Reads `storage.gcs`.
pub(super) fn read(section: &Section<'_>, problems: &mut Problems<'_>) -> Gcs {
    Gcs {
        bucket: bucket::name(section, "bucket", problems),
        account: account(section, problems),
        root_directory: bucket::root_directory(section, problems),
        chunk_size: chunk_size(section, problems),
        user_agent: section.text("useragent"),
    }
}

fn account(section: &Section<'_>, problems: &mut Problems<'_>) -> Option<ServiceAccount> {
    let file = section.text("keyfile");
    if !section.holds("credentials") {
        return file.map(|file| ServiceAccount::KeyFile(file.into()));
    }
    if file.is_some() {
        let text = format!("are a second account beside {}", section.path("keyfile"));
        section.error(problems, "credentials", text, "keep one");
    }
    let mut keys = BTreeMap::new();
    for entry in section.section("credentials").entries() {
        if let Value::Scalar(scalar) = &entry.node.value {
            keys.insert(entry.key.clone(), Secret::new(scalar.text.clone()));
        }
    }
    for key in ["client_email", "private_key"] {
        if !keys.contains_key(key) {
            let text = format!("have no {key}");
            section.error(
                problems,
                "credentials",
                text,
                "copy the account's JSON file, or name it in keyfile",
            );
        }
    }
    Some(ServiceAccount::Credentials(Credentials(keys)))
}

fn chunk_size(section: &Section<'_>, problems: &mut Problems<'_>) -> u64 {
    let range = (GRAIN, LARGEST_PART);
    let bytes = bucket::bytes_in(section, "chunksize", range, DEFAULT_PART, problems);
    if !bytes.is_multiple_of(GRAIN) {
        let text = format!("{bytes} is no multiple of 256KiB");
        section.error(problems, "chunksize", text, "write it as 16MiB");
    } else if bytes < LEAST_PART {
        let text = format!("{bytes} is raised to 5MiB, the smallest part of an upload");
        section.warning(problems, "chunksize", text, "");
    }
    bytes.max(LEAST_PART)
}
