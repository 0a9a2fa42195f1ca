//! `proxy`: a mirror of another registry, which this version cannot be.

use super::schema::{Key, Kind};

pub(super) const KEYS: &[Key] = &[
    Key::new("remoteurl", Kind::Text)
        .refused("a pull-through mirror does not exist yet; take the proxy section out"),
    Key::new("username", Kind::Text),
    Key::new("password", Kind::Secret),
    Key::new(
        "exec",
        Kind::Fields(&[Key::new("command", Kind::Text), Key::new("lifetime", Kind::Time)]),
    ),
    Key::new("ttl", Kind::Time),
    Key::new("cachewritetimeout", Kind::Time),
];
