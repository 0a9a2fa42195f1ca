//! `storage`: where bytes lie, and what may be done with them.

pub(crate) mod azure;
mod bucket;
pub(crate) mod gcs;
mod maintenance;
pub(crate) mod s3;

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::problem::Problems;
use super::schema::{Key, Kind};
use super::section::Section;
use super::yaml::{Node, Value};

pub(crate) use azure::Azure;
pub(crate) use gcs::Gcs;
pub(crate) use maintenance::{Maintenance, UploadPurging};
pub(crate) use s3::S3;

const GONE: &str =
    "the original has dropped it; copy the objects to S3, gcs, azure or a filesystem";

/// Drivers, by name; the rest of the keys are settings beside the driver.
const DRIVERS: &[&str] = &["filesystem", "inmemory", "s3", "azure", "gcs", "swift", "oss"];

/// The other name of `s3`.
const S3_ALIAS: &str = "s3aws";

pub(super) const KEYS: &[Key] = &[
    Key::new(
        "filesystem",
        Kind::Fields(&[
            Key::new("rootdirectory", Kind::Text),
            Key::new("maxthreads", Kind::Number),
        ]),
    ),
    Key::new("inmemory", Kind::Any)
        .refused("use storage.filesystem with a rootdirectory on a tmpfs"),
    Key::new("s3", Kind::Fields(s3::KEYS)).field("S3AWS"),
    Key::new("azure", Kind::Fields(azure::KEYS)),
    Key::new("gcs", Kind::Fields(gcs::KEYS)),
    Key::new("swift", Kind::Any).refused(GONE),
    Key::new("oss", Kind::Any).refused(GONE),
    Key::new("maintenance", Kind::Fields(maintenance::KEYS)),
    Key::new(
        "cache",
        Kind::Fields(&[
            Key::new("blobdescriptor", Kind::Text),
            Key::new("layerinfo", Kind::Text),
            Key::new("blobdescriptorsize", Kind::Number),
        ]),
    ),
    Key::new("delete", Kind::Fields(&[Key::new("enabled", Kind::Flag)])),
    Key::new("redirect", Kind::Fields(&[Key::new("disable", Kind::Flag)])),
    Key::new("tag", Kind::Fields(&[Key::new("concurrencylimit", Kind::Number)])),
];

/// Settings under `storage`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Storage {
    /// Where the bytes lie.
    #[serde(flatten)]
    pub(crate) driver: Driver,
    /// What runs in the background and what is closed for a while.
    pub(crate) maintenance: Maintenance,
    /// Whether manifests, tags and blobs may be deleted.
    pub(crate) delete: Delete,
    /// Whether clients may be sent elsewhere for bytes.
    pub(crate) redirect: Redirect,
    /// Work on tags.
    pub(crate) tag: TagWork,
}

/// The kind of store, with its settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Driver {
    /// A directory.
    Filesystem(Filesystem),
    /// A bucket of Amazon S3 or of a store that speaks its protocol.
    S3(S3),
    /// A bucket of Google Cloud Storage.
    Gcs(Gcs),
    /// A container of Azure Blob Storage.
    Azure(Azure),
}

impl Driver {
    /// The name of its section: `filesystem`, `s3`, `gcs` or `azure`.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Filesystem(_) => "filesystem",
            Self::S3(_) => "s3",
            Self::Gcs(_) => "gcs",
            Self::Azure(_) => "azure",
        }
    }
}

impl Storage {
    /// The directory above `docker/registry/v2`; `None` for a bucket.
    pub(crate) fn root_directory(&self) -> Option<&Path> {
        match &self.driver {
            Driver::Filesystem(filesystem) => Some(&filesystem.root_directory),
            Driver::S3(_) | Driver::Gcs(_) | Driver::Azure(_) => None,
        }
    }

    /// The same for work that only a directory allows; the error names the driver.
    pub(crate) fn local_root(&self) -> Result<&Path, String> {
        let name = self.driver.name();
        self.root_directory().ok_or_else(|| {
            format!("storage.{name}: is no directory of this machine, which this needs")
        })
    }
}

/// Settings under `storage.filesystem`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Filesystem {
    /// The directory above `docker/registry/v2`.
    #[serde(rename = "rootdirectory")]
    pub(crate) root_directory: PathBuf,
    /// File operations at one time, 25 or more.
    #[serde(rename = "maxthreads")]
    pub(crate) max_threads: u32,
}

/// Settings under `storage.delete`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Delete {
    /// Whether clients may delete.
    pub(crate) enabled: bool,
}

/// Settings under `storage.redirect`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Redirect {
    /// Never redirect: the same as `berth.redirect.enabled: never`.
    pub(crate) disable: bool,
}

/// Settings under `storage.tag`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct TagWork {
    /// Parallel look-ups when a digest loses its tags; 0 means one per processor. Without effect
    /// on this store, which needs one statement for all of them.
    #[serde(rename = "concurrencylimit")]
    pub(crate) concurrency_limit: u32,
}

/// Reads `storage`; exactly one driver must be named.
pub(super) fn read(root: &Section<'_>, problems: &mut Problems<'_>) -> Storage {
    let storage = root.section("storage");
    cache(&storage.section("cache"), problems);
    let tag = storage.section("tag");
    Storage {
        driver: driver(root, &storage, problems),
        maintenance: maintenance::read(&storage.section("maintenance"), problems),
        delete: Delete { enabled: storage.section("delete").flag("enabled").unwrap_or(false) },
        redirect: Redirect {
            disable: storage.section("redirect").flag("disable").unwrap_or(false),
        },
        tag: TagWork {
            concurrency_limit: tag
                .number_in(problems, "concurrencylimit", 0..=u32::MAX)
                .unwrap_or(0),
        },
    }
}

/// Gives `s3aws` its common name; beside a filled `s3` an empty one is only the driver's name.
pub(super) fn rename_alias(storage: &mut Node) {
    let Value::Map(entries) = &mut storage.value else { return };
    if entries.iter().any(|entry| entry.key == "s3") {
        entries.retain(|entry| entry.key != S3_ALIAS || !entry.node.is_empty());
    } else if let Some(entry) = entries.iter_mut().find(|entry| entry.key == S3_ALIAS) {
        entry.key = "s3".to_owned();
    }
}

/// Exactly one driver must be named; without one there is nothing to read but the errors.
fn driver(root: &Section<'_>, storage: &Section<'_>, problems: &mut Problems<'_>) -> Driver {
    match one_driver(root, storage, problems) {
        Some("s3") => Driver::S3(s3::read(&storage.section("s3"), problems)),
        Some("gcs") => Driver::Gcs(gcs::read(&storage.section("gcs"), problems)),
        Some("azure") => Driver::Azure(azure::read(&storage.section("azure"), problems)),
        _ => Driver::Filesystem(filesystem(&storage.section("filesystem"), problems)),
    }
}

fn one_driver(
    root: &Section<'_>,
    storage: &Section<'_>,
    problems: &mut Problems<'_>,
) -> Option<&'static str> {
    let named: Vec<_> = DRIVERS.iter().copied().filter(|driver| storage.has(driver)).collect();
    match named.as_slice() {
        [only] => Some(only),
        [] => {
            let text = "names no driver";
            let way_out = "add storage.filesystem.rootdirectory, or storage.s3, gcs or azure";
            root.error(problems, "storage", text, way_out);
            None
        }
        [first, second, ..] => {
            let text = format!("is a second driver beside storage.{first}");
            let way_out = format!("keep one; REGISTRY_STORAGE={second} replaces the file's");
            storage.error(problems, second, text, way_out);
            None
        }
    }
}

fn filesystem(section: &Section<'_>, problems: &mut Problems<'_>) -> Filesystem {
    let max_threads = section.number_in(problems, "maxthreads", 0..=65_536).unwrap_or(100);
    Filesystem {
        root_directory: section
            .text("rootdirectory")
            .unwrap_or_else(|| super::source::SYSTEM_ROOT.to_owned())
            .into(),
        max_threads: if max_threads == 0 { 100 } else { max_threads.max(25) },
    }
}

/// The original's own default file asks for `inmemory`, and Berth keeps immutable facts in memory
/// as well: only other wishes are worth a word.
fn cache(section: &Section<'_>, problems: &mut Problems<'_>) {
    for key in ["blobdescriptor", "layerinfo"] {
        if section.text(key).is_some_and(|kind| kind != "inmemory") {
            let text = "has no effect: Berth asks its own database, which needs no cache";
            section.warning(problems, key, text, "");
        }
    }
}
