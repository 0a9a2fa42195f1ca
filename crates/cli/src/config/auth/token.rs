//! `auth.token`: tokens of a server that somebody else runs are verified here.

use std::fmt;
use std::path::{Path, PathBuf};

use identity::jose::Algorithm;
use serde::{Serialize, Serializer};

use super::super::problem::{Problems, shorten};
use super::super::schema::{Key, Kind};
use super::super::section::Section;
use super::{fits_in_challenge, in_challenge, is_web_address};

/// Where the token endpoint lies with `autoredirect`, as in the original.
const REDIRECT_PATH: &str = "/auth/token";

pub(in super::super) const KEYS: &[Key] = &[
    Key::new("realm", Kind::Text),
    Key::new("service", Kind::Text),
    Key::new("issuer", Kind::Text),
    Key::new("rootcertbundle", Kind::Text),
    Key::new("jwks", Kind::Text),
    Key::new("signingalgorithms", Kind::List(&Kind::Text)),
    Key::new("autoredirect", Kind::Flag),
    Key::new("autoredirectpath", Kind::Text),
];

/// Settings under `auth.token`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ExternalToken {
    /// Where clients get tokens.
    pub(crate) realm: String,
    /// What the token server calls this registry: the audience of its tokens.
    pub(crate) service: String,
    /// What the token server calls itself.
    pub(crate) issuer: String,
    /// Certificates of the keys that sign, PEM.
    #[serde(rename = "rootcertbundle", skip_serializing_if = "Option::is_none")]
    pub(crate) root_cert_bundle: Option<PathBuf>,
    /// Keys that sign.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) jwks: Option<KeySetAt>,
    /// Algorithms that are believed.
    #[serde(rename = "signingalgorithms", serialize_with = "names")]
    pub(crate) algorithms: Vec<Algorithm>,
    /// Send clients to the host that they asked instead of `realm`.
    #[serde(rename = "autoredirect")]
    pub(crate) auto_redirect: bool,
    /// Which path there.
    #[serde(rename = "autoredirectpath")]
    pub(crate) auto_redirect_path: String,
}

/// Where a set of keys is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeySetAt {
    /// A file, read again when it changes.
    File(PathBuf),
    /// An https address, fetched again now and then.
    Url(String),
}

impl KeySetAt {
    /// The file, if it is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Url(_) => None,
        }
    }
}

impl fmt::Display for KeySetAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Url(url) => f.write_str(url),
        }
    }
}

impl Serialize for KeySetAt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn names<S: Serializer>(algorithms: &[Algorithm], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(algorithms.iter().map(|algorithm| algorithm.name()))
}

/// Reads `auth.token`.
pub(super) fn read(token: &Section<'_>, problems: &mut Problems<'_>) -> ExternalToken {
    let realm = in_challenge(token, "realm", "name the address of the token server", problems);
    if !realm.is_empty() && !is_web_address(&realm) {
        let text = format!("{:?} is no address that a client could ask", shorten(&realm));
        token.error(problems, "realm", text, "write it as https://auth.example.org/token");
    }
    let service = in_challenge(token, "service", "name this registry", problems);
    let issuer = token.required(problems, "issuer", "name the issuer of the tokens");
    let root_cert_bundle = token.text("rootcertbundle").map(PathBuf::from);
    if root_cert_bundle.is_none() && !token.holds("jwks") {
        let text = "names no key: rootcertbundle and jwks are missing";
        token.error(problems, "", text, "name the certificates or the keys of the token server");
    }
    ExternalToken {
        realm,
        service,
        issuer: issuer.unwrap_or_default(),
        root_cert_bundle,
        jwks: key_set(token, "jwks", problems),
        algorithms: algorithms(token, problems),
        auto_redirect: token.flag("autoredirect").unwrap_or(false),
        auto_redirect_path: redirect_path(token, problems),
    }
}

/// A file or an https address of keys under `key`.
pub(super) fn key_set(
    section: &Section<'_>,
    key: &str,
    problems: &mut Problems<'_>,
) -> Option<KeySetAt> {
    let text = section.text(key)?;
    if text.starts_with("https://") && is_web_address(&text) {
        return Some(KeySetAt::Url(text));
    }
    if text.contains("://") {
        let said = format!("{:?} is neither a file nor an https address", shorten(&text));
        let way_out = "keys that decide who comes in are fetched over https only";
        section.error(problems, key, said, way_out);
        return None;
    }
    Some(KeySetAt::File(text.into()))
}

fn algorithms(token: &Section<'_>, problems: &mut Problems<'_>) -> Vec<Algorithm> {
    let named = token.texts("signingalgorithms");
    if named.is_empty() {
        return Algorithm::ALL.to_vec();
    }
    let mut algorithms = Vec::new();
    let path = token.path("signingalgorithms");
    for (name, place) in named {
        match Algorithm::named(&name) {
            Some(algorithm) if algorithms.contains(&algorithm) => {}
            Some(algorithm) => algorithms.push(algorithm),
            None if matches!(name.as_str(), "HS256" | "HS384" | "HS512") => {
                let text =
                    format!("{name} is not believed: its key would have to be a shared secret");
                problems.warning(place, &path, text, "");
            }
            None => {
                let known = Algorithm::ALL.map(Algorithm::name).join(", ");
                let text = format!("{:?} is unknown", shorten(&name));
                problems.error(place, &path, text, format!("known are {known}"));
            }
        }
    }
    if algorithms.is_empty() {
        let text = "names no algorithm that is believed";
        token.error(problems, "signingalgorithms", text, "name ES256 or RS256, or leave it out");
    }
    algorithms
}

fn redirect_path(token: &Section<'_>, problems: &mut Problems<'_>) -> String {
    let Some(path) = token.text("autoredirectpath") else { return REDIRECT_PATH.to_owned() };
    if !path.starts_with('/') {
        let text = format!("{:?} is no path", shorten(&path));
        token.error(problems, "autoredirectpath", text, "begin it with a slash");
    }
    fits_in_challenge(token, "autoredirectpath", &path, problems);
    path
}
