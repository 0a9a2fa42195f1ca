//! `compatibility`: the dialect of the first image format, which is only stored and served raw.

use super::problem::Problems;
use super::schema::{Key, Kind};
use super::section::Section;

pub(super) const KEYS: &[Key] = &[Key::new(
    "schema1",
    Kind::Fields(&[
        Key::new("enabled", Kind::Flag),
        Key::new("signingkeyfile", Kind::Text).field("TRUSTKEY"),
    ]),
)];

/// Refuses the rewriting of manifests, which needs a key and changes digests.
pub(super) fn refuse(root: &Section<'_>, problems: &mut Problems<'_>) {
    let schema1 = root.section("compatibility").section("schema1");
    if schema1.flag("enabled") == Some(true) {
        let way_out = "set it to false; existing schema 1 manifests are served as they are";
        schema1.error(problems, "enabled", "is not supported", way_out);
    }
}
