//! What is configured about somebody else's token server.

use std::path::PathBuf;

use thiserror::Error;

use crate::jose::Algorithm;
use crate::outbound::Reach;

/// Where public keys come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeysFrom {
    /// A file with a JWK set, read again when it changes.
    File(PathBuf),
    /// An address with a JWK set, asked again every ten minutes, and when a
    /// key is not known, at most once a minute.
    Url(String),
}

impl KeysFrom {
    /// An address if `text` begins like one, else a file.
    pub fn parse(text: &str) -> Self {
        if text.starts_with("https://") || text.starts_with("http://") {
            Self::Url(text.to_owned())
        } else {
            Self::File(PathBuf::from(text))
        }
    }
}

/// What is configured about the server, under the names of `auth.token`.
#[derive(Debug, Clone)]
pub struct ExternalSettings {
    /// `issuer`: the `iss` of its tokens.
    pub issuer: String,
    /// `service`: the `aud` of tokens for us.
    pub service: String,
    /// `rootcertbundle`: a PEM file of certificates, whose keys sign tokens or
    /// vouch for those that do.
    pub root_certificates: Option<PathBuf>,
    /// `jwks`.
    pub jwks: Option<KeysFrom>,
    /// `signingalgorithms`: see [`allowed_algorithms`].
    pub algorithms: Vec<Algorithm>,
    /// Where a `jwks` address may lead.
    pub reach: Reach,
}

/// What is wrong with the configuration, and in which field.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("auth.token.{field}: {why}")]
pub struct ExternalError {
    field: &'static str,
    why: String,
}

impl ExternalError {
    pub(super) fn new(field: &'static str, why: impl Into<String>) -> Self {
        Self { field, why: why.into() }
    }
}

impl ExternalSettings {
    pub(super) fn check(&self) -> Result<(), ExternalError> {
        for (field, value) in [("issuer", &self.issuer), ("service", &self.service)] {
            if value.is_empty() {
                return Err(ExternalError::new(field, "must not be empty"));
            }
        }
        if self.root_certificates.is_none() && self.jwks.is_none() {
            let why = "is needed, or `jwks`: without keys no token can be verified";
            return Err(ExternalError::new("rootcertbundle", why));
        }
        if self.algorithms.is_empty() {
            return Err(ExternalError::new("signingalgorithms", "names none that verifies"));
        }
        Ok(())
    }
}

/// The algorithms that a configuration names; none named means all.
///
/// `HS256` and its kin are left out with a warning: the original takes them in
/// its configuration and has no key that they could work with.
pub fn allowed_algorithms(names: &[String]) -> Result<Vec<Algorithm>, ExternalError> {
    if names.is_empty() {
        return Ok(Algorithm::ALL.to_vec());
    }
    let mut allowed = Vec::new();
    for name in names {
        match Algorithm::named(name) {
            Some(algorithm) => allowed.push(algorithm),
            None if ["HS256", "HS384", "HS512"].contains(&name.as_str()) => {
                tracing::warn!(
                    algorithm = name,
                    "auth.token.signingalgorithms: left out: a shared secret cannot verify tokens here"
                );
            }
            None => {
                let all: Vec<_> = Algorithm::ALL.iter().map(|known| known.name()).collect();
                let why = format!("{name:?} is unknown; known are {}", all.join(", "));
                return Err(ExternalError::new("signingalgorithms", why));
            }
        }
    }
    Ok(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn algorithms_are_read_by_name() {
        let read = |names: &[&str]| {
            allowed_algorithms(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(read(&[]).unwrap().len(), 10);
        assert_eq!(read(&["ES256", "HS256"]).unwrap(), [Algorithm::Es256]);
        for name in ["none", "es256", "ES256K", ""] {
            let error = read(&[name]).unwrap_err().to_string();
            assert!(error.starts_with("auth.token.signingalgorithms: "), "{error}");
        }
    }

    #[test]
    fn keys_come_from_files_and_addresses() {
        assert_eq!(KeysFrom::parse("/etc/keys.json"), KeysFrom::File("/etc/keys.json".into()));
        let url = "https://issuer.example/keys";
        assert_eq!(KeysFrom::parse(url), KeysFrom::Url(url.into()));
    }
}
