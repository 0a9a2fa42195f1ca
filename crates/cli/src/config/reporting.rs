//! `reporting`: outside services that the original's second version reported errors to.

use super::schema::{Key, Kind};

pub(super) const KEYS: &[Key] = &[
    Key::new(
        "bugsnag",
        Kind::Fields(&[
            Key::new("apikey", Kind::Secret),
            Key::new("releasestage", Kind::Text),
            Key::new("endpoint", Kind::Text),
        ]),
    ),
    Key::new(
        "newrelic",
        Kind::Fields(&[
            Key::new("licensekey", Kind::Secret),
            Key::new("name", Kind::Text),
            Key::new("verbose", Kind::Flag),
        ]),
    ),
];
