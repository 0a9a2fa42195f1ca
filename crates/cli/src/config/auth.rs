//! `auth`: who may come in.

use std::path::PathBuf;

use serde::Serialize;

use super::problem::Problems;
use super::schema::{Key, Kind};
use super::section::Section;

/// The realm of an htpasswd set-up that names none.
const DEFAULT_REALM: &str = "Registry Realm";

pub(super) const KEYS: &[Key] = &[
    Key::new("none", Kind::Any),
    Key::new(
        "htpasswd",
        Kind::Fields(&[Key::new("realm", Kind::Text), Key::new("path", Kind::Text)]),
    ),
    Key::new("token", Kind::Any)
        .refused("use auth.htpasswd, or stay with the original while you need a token server"),
    Key::new("silly", Kind::Any).refused("it lets everyone in; use auth.htpasswd or auth: none"),
];

/// Settings under `auth`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Auth {
    /// Everyone may do everything.
    None,
    /// Users of a password file.
    Htpasswd(Htpasswd),
}

/// Settings under `auth.htpasswd`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Htpasswd {
    /// The name of the registry in the challenge.
    pub(crate) realm: String,
    /// The password file; only bcrypt lines count.
    pub(crate) path: PathBuf,
}

/// Reads `auth`; at most one way in may be named.
pub(super) fn read(root: &Section<'_>, problems: &mut Problems<'_>) -> Auth {
    let auth = root.section("auth");
    let named: Vec<_> = KEYS.iter().map(|key| key.name).filter(|name| auth.has(name)).collect();
    if let [first, second, ..] = named.as_slice() {
        let text = format!("is a second way in beside auth.{first}");
        let way_out = format!("keep one; REGISTRY_AUTH={second} replaces the file's");
        auth.error(problems, second, text, way_out);
    }
    if !auth.has("htpasswd") {
        return Auth::None;
    }
    let htpasswd = auth.section("htpasswd");
    let realm = htpasswd.text("realm").unwrap_or_else(|| DEFAULT_REALM.to_owned());
    if realm.contains(['"', '\\']) || realm.chars().any(char::is_control) {
        let text = format!("{realm:?} cannot stand in a challenge header");
        htpasswd.error(problems, "realm", text, "leave out quotes, backslashes and line breaks");
    }
    let way_out = "name the password file";
    let path = htpasswd.required(problems, "path", way_out).unwrap_or_default().into();
    Auth::Htpasswd(Htpasswd { realm, path })
}
