//! `storage.maintenance`: what runs in the background and what is closed for a while.

use std::time::Duration;

use serde::Serialize;

use super::super::duration;
use super::super::problem::Problems;
use super::super::schema::{Key, Kind};
use super::super::section::Section;

pub(super) const KEYS: &[Key] = &[
    Key::new("uploadpurging", Kind::Fields(PURGING)),
    Key::new("readonly", Kind::Fields(&[Key::new("enabled", Kind::Flag)])),
];

const PURGING: &[Key] = &[
    Key::new("enabled", Kind::Flag),
    Key::new("age", Kind::Time),
    Key::new("interval", Kind::Time),
    Key::new("dryrun", Kind::Flag),
];

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

/// Reads `storage.maintenance`.
pub(super) fn read(section: &Section<'_>, problems: &mut Problems<'_>) -> Maintenance {
    let read_only = section.section("readonly");
    Maintenance {
        upload_purging: upload_purging(&section.section("uploadpurging"), problems),
        read_only: ReadOnly { enabled: read_only.flag("enabled").unwrap_or(false) },
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
