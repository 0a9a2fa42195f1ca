//! `catalog` and `tags`: how long a page of a list may be.

use serde::Serialize;

use super::problem::Problems;
use super::schema::{Key, Kind};
use super::section::Section;

pub(super) const CATALOG_KEYS: &[Key] = &[Key::new("maxentries", Kind::Number)];
pub(super) const TAGS_KEYS: &[Key] = &[Key::new("maxtags", Kind::Number)];

const DEFAULT: u32 = 1000;

/// Settings under `catalog`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Catalog {
    /// The largest `n` that a client may ask for; more means this.
    #[serde(rename = "maxentries")]
    pub(crate) max_entries: u32,
}

/// Settings under `tags`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Tags {
    /// The largest page; a larger `n` is cut to it.
    #[serde(rename = "maxtags")]
    pub(crate) max_tags: u32,
}

/// Reads `catalog`; zero and less mean the default, as with the original.
pub(super) fn read_catalog(root: &Section<'_>, problems: &mut Problems<'_>) -> Catalog {
    let catalog = root.section("catalog");
    let number = match catalog.number("maxentries") {
        Some(..=0) | None => DEFAULT,
        Some(_) => catalog.number_in(problems, "maxentries", 1..=u32::MAX).unwrap_or(DEFAULT),
    };
    Catalog { max_entries: number }
}

/// Reads `tags`; zero means the default.
pub(super) fn read_tags(root: &Section<'_>, problems: &mut Problems<'_>) -> Tags {
    let tags = root.section("tags");
    let number = tags.number_in(problems, "maxtags", 0..=u32::MAX).unwrap_or(0);
    Tags { max_tags: if number == 0 { DEFAULT } else { number } }
}
