//! `storage`: where bytes lie, and what may be done with them.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::duration;
use super::problem::Problems;
use super::schema::{Key, Kind};
use super::section::Section;

const LATER: &str = "only storage.filesystem works in this version; mount the storage as a directory or stay with the original";

const PURGING: &[Key] = &[
    Key::new("enabled", Kind::Flag),
    Key::new("age", Kind::Time),
    Key::new("interval", Kind::Time),
    Key::new("dryrun", Kind::Flag),
];

/// Drivers, by name; the rest of the keys are settings beside the driver.
const DRIVERS: &[&str] = &["filesystem", "inmemory", "s3", "s3aws", "azure", "gcs", "swift", "oss"];

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
    Key::new("s3", Kind::Any).refused(LATER),
    Key::new("s3aws", Kind::Any).refused(LATER),
    Key::new("azure", Kind::Any).refused(LATER),
    Key::new("gcs", Kind::Any).refused(LATER),
    Key::new("swift", Kind::Any).refused(LATER),
    Key::new("oss", Kind::Any).refused(LATER),
    Key::new(
        "maintenance",
        Kind::Fields(&[
            Key::new("uploadpurging", Kind::Fields(PURGING)),
            Key::new("readonly", Kind::Fields(&[Key::new("enabled", Kind::Flag)])),
        ]),
    ),
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
    /// The one driver.
    pub(crate) filesystem: Filesystem,
    /// What runs in the background and what is closed for a while.
    pub(crate) maintenance: Maintenance,
    /// Whether manifests, tags and blobs may be deleted.
    pub(crate) delete: Delete,
    /// Whether clients may be sent elsewhere for bytes.
    pub(crate) redirect: Redirect,
    /// Work on tags.
    pub(crate) tag: TagWork,
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

/// Settings under `storage.maintenance`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Maintenance {
    /// The expiry of uploads that nobody finished.
    #[serde(rename = "uploadpurging")]
    pub(crate) upload_purging: UploadPurging,
    /// Closed for writing.
    #[serde(rename = "readonly")]
    pub(crate) read_only: ReadOnly,
}

/// Settings under `storage.maintenance.uploadpurging`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct UploadPurging {
    /// Whether uploads expire.
    pub(crate) enabled: bool,
    /// How long an upload may lie untouched.
    #[serde(serialize_with = "duration::go")]
    pub(crate) age: Duration,
    /// Time between two rounds.
    #[serde(serialize_with = "duration::go")]
    pub(crate) interval: Duration,
    /// Only log what would expire.
    #[serde(rename = "dryrun")]
    pub(crate) dry_run: bool,
}

/// Settings under `storage.maintenance.readonly`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ReadOnly {
    /// Writing methods answer 405.
    pub(crate) enabled: bool,
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
    /// Never redirect. Files never do.
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
    one_driver(root, &storage, problems);
    cache(&storage.section("cache"), problems);
    let maintenance = storage.section("maintenance");
    let read_only = maintenance.section("readonly");
    let tag = storage.section("tag");
    Storage {
        filesystem: filesystem(&storage.section("filesystem"), problems),
        maintenance: Maintenance {
            upload_purging: upload_purging(&maintenance.section("uploadpurging"), problems),
            read_only: ReadOnly { enabled: read_only.flag("enabled").unwrap_or(false) },
        },
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

fn one_driver(root: &Section<'_>, storage: &Section<'_>, problems: &mut Problems<'_>) {
    let named: Vec<_> = DRIVERS.iter().copied().filter(|driver| storage.has(driver)).collect();
    match named.as_slice() {
        [_] => {}
        [] => {
            let text = "names no driver";
            root.error(problems, "storage", text, "add storage.filesystem.rootdirectory");
        }
        [first, second, ..] => storage.error(
            problems,
            second,
            format!("is a second driver beside storage.{first}"),
            format!("keep one; REGISTRY_STORAGE={second} replaces the file's"),
        ),
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

fn upload_purging(section: &Section<'_>, problems: &mut Problems<'_>) -> UploadPurging {
    const HOUR: Duration = Duration::from_secs(60 * 60);
    UploadPurging {
        enabled: section.flag("enabled").unwrap_or(true),
        age: section.positive_time(problems, "age").unwrap_or(HOUR * 168),
        interval: section.positive_time(problems, "interval").unwrap_or(HOUR * 24),
        dry_run: section.flag("dryrun").unwrap_or(false),
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
