//! `notifications`: events sent to other services, which this version does not send.

use super::problem::Problems;
use super::schema::{Key, Kind};
use super::section::Section;

pub(super) const KEYS: &[Key] = &[
    Key::new("events", Kind::Fields(&[Key::new("includereferences", Kind::Flag)]))
        .field("EVENTCONFIG"),
    Key::new(
        "endpoints",
        Kind::List(&Kind::Fields(&[
            Key::new("name", Kind::Text),
            Key::new("disabled", Kind::Flag),
            Key::new("url", Kind::Text),
            Key::new("headers", Kind::Table(&Kind::List(&Kind::Secret))),
            Key::new("timeout", Kind::Time),
            Key::new("threshold", Kind::Number),
            Key::new("backoff", Kind::Time),
            Key::new("ignoredmediatypes", Kind::List(&Kind::Text)),
            Key::new(
                "ignore",
                Kind::Fields(&[
                    Key::new("mediatypes", Kind::List(&Kind::Text)),
                    Key::new("actions", Kind::List(&Kind::Text)),
                ]),
            ),
        ])),
    ),
];

/// Says loudly for each live endpoint that it will hear nothing.
pub(super) fn warn(root: &Section<'_>, problems: &mut Problems<'_>) {
    for endpoint in root.section("notifications").sections("endpoints") {
        if endpoint.flag("disabled") != Some(true) {
            let name = endpoint.text("name").unwrap_or_default();
            let text = format!("NO EVENTS WILL BE SENT to {name:?}: not supported in this version");
            problems.loud_warning(&endpoint.place(""), &endpoint.path(""), text, "");
        }
    }
}
