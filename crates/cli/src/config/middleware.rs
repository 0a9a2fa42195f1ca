//! `middleware`: programs between the registry and its storage, of which none exists here.

use super::problem::Problems;
use super::schema::{Key, Kind};
use super::section::Section;

const ITEMS: Kind = Kind::List(&Kind::Fields(&[
    Key::new("name", Kind::Text),
    Key::new("disabled", Kind::Flag),
    Key::new("options", Kind::Any),
]));

const PLACES: [&str; 3] = ["registry", "repository", "storage"];

pub(super) const KEYS: &[Key] =
    &[Key::new("registry", ITEMS), Key::new("repository", ITEMS), Key::new("storage", ITEMS)];

/// Refuses every entry that is not disabled: it would change where bytes come from.
pub(super) fn refuse(root: &Section<'_>, problems: &mut Problems<'_>) {
    let middleware = root.section("middleware");
    for place in PLACES {
        for item in middleware.sections(place) {
            if item.flag("disabled") != Some(true) {
                let name = item.text("name").unwrap_or_default();
                let text = format!("{name:?} is not supported");
                item.error(problems, "", text, "take it out or set disabled: true");
            }
        }
    }
}
