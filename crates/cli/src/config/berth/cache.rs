//! `berth.storage.cache`: hot blobs of a bucket on a local disk.

use std::path::PathBuf;

use serde::Serialize;

use super::super::problem::Problems;
use super::super::schema::{Key, Kind};
use super::super::section::Section;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

const CACHE: &[Key] = &[
    Key::new("directory", Kind::Text),
    Key::new("size", Kind::Bytes),
    Key::new("smallest_blob", Kind::Bytes),
    Key::new("largest_blob", Kind::Bytes),
];

pub(super) const KEYS: &[Key] = &[Key::new("cache", Kind::Fields(CACHE))];

/// Settings under `berth.storage`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct LocalStorage {
    /// Where hot blobs are kept; nowhere if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cache: Option<Cache>,
}

/// Settings under `berth.storage.cache`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Cache {
    /// Made if it is missing.
    pub(crate) directory: PathBuf,
    /// Bytes of all files together, at most.
    pub(crate) size: u64,
    /// Bytes of the smallest blob that is kept.
    pub(crate) smallest_blob: u64,
    /// Bytes of the largest one, at most half of `size`.
    pub(crate) largest_blob: u64,
}

impl LocalStorage {
    /// True if nothing is set.
    pub(crate) fn is_empty(&self) -> bool {
        self.cache.is_none()
    }
}

/// Reads `berth.storage`.
pub(super) fn read(root: &Section<'_>, problems: &mut Problems<'_>) -> LocalStorage {
    let storage = root.section("berth").section("storage");
    if !storage.holds("cache") {
        return LocalStorage::default();
    }
    let cache = storage.section("cache");
    let directory = cache.required(problems, "directory", "name one on a local disk");
    if root.section("storage").has("filesystem") {
        let text = "is for a bucket: blobs of storage.filesystem are on a disk already";
        cache.error(problems, "", text, "take it out");
    }
    warn_if_idle(root, &cache, problems);
    let size = within(&cache, "size", 64 * MIB..=1 << 50, 10 * GIB, problems);
    let largest = within(&cache, "largest_blob", 1..=size / 2, size / 4, problems);
    let smallest = within(&cache, "smallest_blob", 1..=largest, 1, problems);
    let cache = directory.map(|directory| Cache {
        directory: directory.into(),
        size,
        smallest_blob: smallest,
        largest_blob: largest,
    });
    LocalStorage { cache }
}

/// Clients that are sent to the bucket never come by.
fn warn_if_idle(root: &Section<'_>, cache: &Section<'_>, problems: &mut Problems<'_>) {
    let redirect = root.section("berth").section("redirect");
    let always = redirect.choice("enabled").as_deref() == Some("always");
    if always && redirect.texts("networks").is_empty() {
        let text = "sees next to no reads: berth.redirect.enabled: always sends every client to the bucket";
        cache.warning(problems, "", text, "take one of them out, or name berth.redirect.networks");
    }
}

fn within(
    section: &Section<'_>,
    key: &str,
    range: std::ops::RangeInclusive<u64>,
    default: u64,
    problems: &mut Problems<'_>,
) -> u64 {
    let Some(bytes) = section.bytes(key) else { return default };
    if !range.contains(&bytes) {
        let way_out = format!("use {} to {}", range.start(), range.end());
        section.error(problems, key, format!("{bytes} is out of range"), way_out);
        return default;
    }
    bytes
}
