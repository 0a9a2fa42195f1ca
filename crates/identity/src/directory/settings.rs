//! What is configured about a directory.

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::secret::Secret;

/// Longest password in a file, in bytes.
const MAX_PASSWORD_FILE: u64 = 4096;

/// Where a password comes from.
#[derive(Debug, Clone)]
pub enum PasswordFrom {
    /// The configuration.
    Text(Secret),
    /// A file, read at each use, so that it can be changed; the line end is no part of it.
    File(PathBuf),
}

impl PasswordFrom {
    pub(super) fn read(&self) -> Result<Secret, String> {
        let path = match self {
            Self::Text(secret) => return Ok(secret.clone()),
            Self::File(path) => path,
        };
        let problem = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
        let length = std::fs::metadata(path).map_err(|e| problem(&e))?.len();
        if length > MAX_PASSWORD_FILE {
            return Err(problem(&format!("larger than {MAX_PASSWORD_FILE} bytes")));
        }
        let text = std::fs::read_to_string(path).map_err(|e| problem(&e))?;
        Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
    }
}

/// The account that searches.
#[derive(Debug, Clone)]
pub struct BindAs {
    /// Its distinguished name.
    pub dn: String,
    /// Its password.
    pub password: PasswordFrom,
}

/// What is configured about a directory.
#[derive(Debug, Clone)]
pub struct LdapSettings {
    /// What the configuration calls it; the prefix of its groups.
    pub name: String,
    /// `ldaps://host[:636]` or `ldap://host[:389]`; tried in order until one answers.
    pub urls: Vec<String>,
    /// Encrypt `ldap://` with StartTLS.
    pub starttls: bool,
    /// Let passwords cross the network in clear, where `ldap://` is neither
    /// encrypted nor this machine.
    pub plain: bool,
    /// A PEM file of the authorities to trust, in place of the system's.
    pub authorities: Option<PathBuf>,
    /// Who searches; `None` searches as nobody in particular.
    pub bind: Option<BindAs>,
    /// Below which entry users are.
    pub user_base: String,
    /// Which entry is a user's, such as `(uid={user})`.
    pub user_filter: String,
    /// The attribute with the name as the directory writes it, such as `uid`:
    /// directories do not mind case, names here do.
    pub name_attribute: String,
    /// The attribute with the mail address.
    pub email_attribute: String,
    /// Below which entry groups are; `None` for no groups.
    pub group_base: Option<String>,
    /// Which groups are a user's, such as `(member={dn})` or `(memberUid={user})`.
    pub group_filter: String,
    /// The attribute with a group's name, such as `cn`.
    pub group_attribute: String,
    /// How long one server may take for a whole login.
    pub timeout: Duration,
}

impl Default for LdapSettings {
    fn default() -> Self {
        Self {
            name: "ldap".to_owned(),
            urls: Vec::new(),
            starttls: false,
            plain: false,
            authorities: None,
            bind: None,
            user_base: String::new(),
            user_filter: "(uid={user})".to_owned(),
            name_attribute: "uid".to_owned(),
            email_attribute: "mail".to_owned(),
            group_base: None,
            group_filter: "(member={dn})".to_owned(),
            group_attribute: "cn".to_owned(),
            timeout: Duration::from_secs(10),
        }
    }
}

/// What is wrong with the configuration, and in which field.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{field}: {why}")]
pub struct LdapError {
    /// The field of [`LdapSettings`].
    pub field: &'static str,
    /// What is wrong, and what would be right.
    pub why: String,
}

impl LdapError {
    pub(super) fn new(field: &'static str, why: impl Into<String>) -> Self {
        Self { field, why: why.into() }
    }
}

impl LdapSettings {
    /// Checks what can be checked without asking the directory.
    pub(super) fn check(&self) -> Result<(), LdapError> {
        if self.urls.is_empty() {
            return Err(LdapError::new("urls", "names no directory"));
        }
        for url in &self.urls {
            self.check_url(url).map_err(|why| LdapError::new("urls", format!("{url:?}: {why}")))?;
        }
        if self.bind.as_ref().is_some_and(|bind| bind.dn.is_empty()) {
            return Err(LdapError::new("bind", "the name of the account must not be empty"));
        }
        for (field, text) in [
            ("user_base", &self.user_base),
            ("name_attribute", &self.name_attribute),
            ("group_attribute", &self.group_attribute),
        ] {
            if text.is_empty() {
                return Err(LdapError::new(field, "must not be empty"));
            }
        }
        Ok(())
    }

    fn check_url(&self, url: &str) -> Result<(), &'static str> {
        let parsed = reqwest::Url::parse(url).map_err(|_| "it is no URL")?;
        let host = parsed.host_str().unwrap_or_default();
        if host.is_empty() {
            return Err("it names no host");
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err("a URL must not hold a user or a password");
        }
        let address = host.trim_start_matches('[').trim_end_matches(']');
        let address = address.parse::<std::net::IpAddr>();
        let is_here = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
        match parsed.scheme() {
            "ldaps" => Ok(()),
            "ldap" if self.starttls || self.plain || is_here => Ok(()),
            "ldap" => Err("passwords would cross the network in clear: use ldaps://, set \
                           `starttls`, or allow it with `plain`"),
            _ => Err("must begin with ldaps:// or ldap://"),
        }
    }
}
