//! `http.tls`: certificates, and which clients may come.

use std::path::PathBuf;

use serde::Serialize;

use super::problem::Problems;
use super::schema::{Key, Kind};
use super::section::Section;

const CLIENT_AUTH: &[&str] = &[
    "request-client-cert",
    "require-any-client-cert",
    "verify-client-cert-if-given",
    "require-and-verify-client-cert",
];

pub(super) const KEYS: &[Key] = &[
    Key::new("certificate", Kind::Text),
    Key::new("key", Kind::Text),
    Key::new("clientcas", Kind::List(&Kind::Text)),
    Key::new("clientauth", Kind::Choice(CLIENT_AUTH)),
    Key::new("minimumtls", Kind::Text),
    Key::new("ciphersuites", Kind::List(&Kind::Text)),
    Key::new(
        "letsencrypt",
        Kind::Fields(&[
            Key::new("cachefile", Kind::Text),
            Key::new("email", Kind::Text),
            Key::new("hosts", Kind::List(&Kind::Text)),
            Key::new("directoryurl", Kind::Text),
        ]),
    )
    .refused("fetch certificates with another program and name them in http.tls.certificate and http.tls.key; they are read again when they change"),
];

/// Suites that are offered if none are named, by their IANA names; the last three belong to
/// TLS 1.3, where the choice is fixed.
pub(super) const CIPHER_SUITES: [&str; 9] = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
];

/// Suites that the original knows and that are too weak to be offered here.
const WEAK_SUITES: [&str; 13] = [
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
];

/// Settings under `http.tls`; present only if the registry speaks TLS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Tls {
    /// The chain, PEM, own certificate first.
    pub(crate) certificate: PathBuf,
    /// The private key, PEM.
    pub(crate) key: PathBuf,
    /// Authorities that sign client certificates, PEM; empty asks no client for one.
    #[serde(rename = "clientcas")]
    pub(crate) client_cas: Vec<PathBuf>,
    /// What is asked of clients if there are authorities.
    #[serde(rename = "clientauth")]
    pub(crate) client_auth: ClientAuth,
    /// The oldest version that is spoken.
    #[serde(rename = "minimumtls")]
    pub(crate) minimum: MinimumTls,
    /// Names out of [`CIPHER_SUITES`], for TLS 1.2.
    #[serde(rename = "ciphersuites")]
    pub(crate) cipher_suites: Vec<&'static str>,
}

/// What is asked of clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ClientAuth {
    /// Ask, take any or none.
    RequestClientCert,
    /// Insist, take any.
    RequireAnyClientCert,
    /// Ask, and verify what comes.
    VerifyClientCertIfGiven,
    /// Insist and verify.
    RequireAndVerifyClientCert,
}

/// The oldest TLS that is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum MinimumTls {
    /// TLS 1.2
    #[serde(rename = "tls1.2")]
    V12,
    /// TLS 1.3
    #[serde(rename = "tls1.3")]
    V13,
}

/// Reads `http.tls`.
pub(super) fn read(http: &Section<'_>, problems: &mut Problems<'_>) -> Option<Tls> {
    let tls = http.section("tls");
    let certificate = tls.text("certificate");
    let key = tls.text("key");
    let client_cas: Vec<_> =
        tls.texts("clientcas").into_iter().map(|(path, _)| path.into()).collect();
    let minimum = minimum(&tls, problems);
    let cipher_suites = cipher_suites(&tls, problems);
    match (&certificate, &key) {
        (Some(_), None) => {
            let text = "is missing beside http.tls.certificate";
            tls.error(problems, "key", text, "name the private key's file");
        }
        (None, Some(_)) => {
            let text = "is missing beside http.tls.key";
            tls.error(problems, "certificate", text, "name the certificate's file");
        }
        (None, None) if !client_cas.is_empty() => {
            let text = "would ask nobody for a certificate without TLS";
            tls.error(problems, "clientcas", text, "add http.tls.certificate and http.tls.key");
        }
        _ => {}
    }
    if client_cas.is_empty() && tls.holds("clientauth") {
        let text = "has no effect without http.tls.clientcas";
        tls.warning(problems, "clientauth", text, "");
    }
    Some(Tls {
        certificate: certificate?.into(),
        key: key?.into(),
        client_cas,
        client_auth: client_auth(&tls),
        minimum,
        cipher_suites,
    })
}

fn client_auth(tls: &Section<'_>) -> ClientAuth {
    match tls.choice("clientauth").as_deref() {
        Some("request-client-cert") => ClientAuth::RequestClientCert,
        Some("require-any-client-cert") => ClientAuth::RequireAnyClientCert,
        Some("verify-client-cert-if-given") => ClientAuth::VerifyClientCertIfGiven,
        _ => ClientAuth::RequireAndVerifyClientCert,
    }
}

fn minimum(tls: &Section<'_>, problems: &mut Problems<'_>) -> MinimumTls {
    match tls.choice("minimumtls").as_deref() {
        None | Some("tls1.2") => MinimumTls::V12,
        Some("tls1.3") => MinimumTls::V13,
        Some(other) => {
            let text = format!("{other:?} is not supported");
            tls.error(problems, "minimumtls", text, "use tls1.2 or tls1.3");
            MinimumTls::V12
        }
    }
}

fn cipher_suites(tls: &Section<'_>, problems: &mut Problems<'_>) -> Vec<&'static str> {
    let named = tls.texts("ciphersuites");
    if named.is_empty() {
        return CIPHER_SUITES.to_vec();
    }
    let mut suites = Vec::new();
    let path = tls.path("ciphersuites");
    for (name, place) in &named {
        match CIPHER_SUITES.into_iter().find(|known| known == name) {
            Some(suite) if suites.contains(&suite) => {}
            Some(suite) => suites.push(suite),
            None if WEAK_SUITES.contains(&name.as_str()) => {
                problems.warning(place, &path, format!("{name} is weak and not offered"), "");
            }
            None => {
                let known = CIPHER_SUITES.into_iter().chain(WEAK_SUITES);
                let way_out = super::nearest::nearest(name, known)
                    .map_or_else(String::new, |name| format!("did you mean {name}?"));
                problems.error(place, &path, format!("{name:?} is unknown"), way_out);
            }
        }
    }
    let weak_only =
        suites.is_empty() && named.iter().all(|(name, _)| WEAK_SUITES.contains(&name.as_str()));
    if weak_only {
        let way_out = format!("add {}", CIPHER_SUITES.join(", "));
        tls.error(problems, "ciphersuites", "names weak suites only", way_out);
    }
    suites
}
