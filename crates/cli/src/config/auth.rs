//! `auth`: who may come in.

pub(crate) mod berth;
pub(crate) mod token;

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::problem::{Problems, shorten};
use super::schema::{Key, Kind};
use super::section::Section;

pub(crate) use berth::BerthAuth;
pub(crate) use token::ExternalToken;

/// The realm of an htpasswd set-up that names none.
const DEFAULT_REALM: &str = "Registry Realm";

pub(super) const KEYS: &[Key] = &[
    Key::new("none", Kind::Any),
    Key::new(
        "silly",
        Kind::Fields(&[Key::new("realm", Kind::Text), Key::new("service", Kind::Text)]),
    ),
    Key::new(
        "htpasswd",
        Kind::Fields(&[
            Key::new("realm", Kind::Text),
            Key::new("path", Kind::Text),
            Key::new("log_password", Kind::Flag),
        ]),
    ),
    Key::new("token", Kind::Fields(token::KEYS)),
    Key::new("berth", Kind::Fields(berth::KEYS)),
];

/// Settings under `auth`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Auth {
    /// Everyone may do everything.
    None,
    /// Whoever sends any `Authorization` header may do everything.
    Silly(Silly),
    /// Users of a password file.
    Htpasswd(Htpasswd),
    /// Tokens of a server that somebody else runs.
    Token(ExternalToken),
    /// Accounts, grants and tokens of our own.
    Berth(Box<BerthAuth>),
}

/// Settings under `auth.silly`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Silly {
    /// Where the challenge sends clients for a token.
    pub(crate) realm: String,
    /// What the challenge calls this registry.
    pub(crate) service: String,
}

/// Settings under `auth.htpasswd`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Htpasswd {
    /// The name of the registry in the challenge.
    pub(crate) realm: String,
    /// The password file; made if it is missing.
    pub(crate) path: PathBuf,
    /// Write the password of a file that was made to the log.
    pub(crate) log_password: bool,
}

impl Auth {
    /// What it means, for people.
    pub(crate) fn in_words(&self) -> String {
        match self {
            Self::None => "none: everybody may do everything".to_owned(),
            Self::Silly(_) => "silly: whoever sends any credential may do everything".to_owned(),
            Self::Htpasswd(file) => {
                format!("htpasswd: the users of {} may do everything", file.path.display())
            }
            Self::Token(token) => format!("token: what the tokens of {} say", token.issuer),
            Self::Berth(berth) => {
                let sources = berth.sources.iter().map(|source| source.name.as_str());
                let names: Vec<_> = std::iter::once("local").chain(sources).collect();
                let ci = match berth.ci.len() {
                    0 => String::new(),
                    rules => format!("; {rules} rules for CI"),
                };
                format!("berth: accounts and grants; users of {}{ci}", names.join(", "))
            }
        }
    }

    /// Files that are read again and again while a server runs.
    pub(crate) fn files(&self) -> Vec<&Path> {
        match self {
            Self::None | Self::Silly(_) => Vec::new(),
            Self::Htpasswd(file) => vec![&file.path],
            Self::Token(token) => {
                let keys = token.jwks.as_ref().and_then(token::KeySetAt::file);
                token.root_cert_bundle.as_deref().into_iter().chain(keys).collect()
            }
            Self::Berth(berth) => {
                let ci = berth.ci.iter().flat_map(|login| {
                    let keys = login.jwks.as_ref().and_then(token::KeySetAt::file);
                    login.ca.as_deref().into_iter().chain(keys)
                });
                berth.sources.iter().flat_map(berth::Source::files).chain(ci).collect()
            }
        }
    }

    /// The word that chooses it.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Silly(_) => "silly",
            Self::Htpasswd(_) => "htpasswd",
            Self::Token(_) => "token",
            Self::Berth(_) => "berth",
        }
    }
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
    match named.first().copied() {
        Some("silly") => Auth::Silly(silly(&auth.section("silly"), problems)),
        Some("htpasswd") => Auth::Htpasswd(htpasswd(&auth.section("htpasswd"), problems)),
        Some("token") => Auth::Token(token::read(&auth.section("token"), problems)),
        Some("berth") => Auth::Berth(Box::new(berth::read(&auth.section("berth"), problems))),
        _ => Auth::None,
    }
}

fn silly(silly: &Section<'_>, problems: &mut Problems<'_>) -> Silly {
    let realm = in_challenge(silly, "realm", "name the address for tokens", problems);
    let service = in_challenge(silly, "service", "name this registry", problems);
    Silly { realm, service }
}

fn htpasswd(htpasswd: &Section<'_>, problems: &mut Problems<'_>) -> Htpasswd {
    let realm = htpasswd.text("realm").unwrap_or_else(|| DEFAULT_REALM.to_owned());
    fits_in_challenge(htpasswd, "realm", &realm, problems);
    let way_out = "name the password file";
    let path = htpasswd.required(problems, "path", way_out).unwrap_or_default().into();
    Htpasswd { realm, path, log_password: htpasswd.flag("log_password").unwrap_or(false) }
}

/// A text that must be there and stands in a challenge.
fn in_challenge(
    section: &Section<'_>,
    key: &str,
    way_out: &str,
    problems: &mut Problems<'_>,
) -> String {
    let text = section.required(problems, key, way_out).unwrap_or_default();
    fits_in_challenge(section, key, &text, problems);
    text
}

/// Clients read what stands in a challenge up to the next quote.
fn fits_in_challenge(section: &Section<'_>, key: &str, text: &str, problems: &mut Problems<'_>) {
    if text.contains(['"', '\\']) || text.chars().any(char::is_control) {
        let text = format!("{:?} cannot stand in a challenge header", shorten(text));
        section.error(problems, key, text, "leave out quotes, backslashes and line breaks");
    }
}

/// Whether a text is an address that a client can ask.
fn is_web_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let authority = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
    authority.is_some_and(|it| !it.is_empty() && !it.contains(['@', ' ']))
}
