//! `auth.berth.sources`: who else knows users and passwords.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::super::super::duration;
use super::super::super::problem::{Problems, shorten};
use super::super::super::schema::{Key, Kind};
use super::super::super::secret::Secret;
use super::super::super::section::Section;
use super::super::is_web_address;

pub(in super::super) const KEYS: &[Key] = &[
    Key::new("name", Kind::Text),
    Key::new("type", Kind::Choice(&["htpasswd", "ldap", "oidc"])),
    // htpasswd
    Key::new("path", Kind::Text),
    // ldap
    Key::new("urls", Kind::List(&Kind::Text)),
    Key::new("starttls", Kind::Flag),
    Key::new("plain", Kind::Flag),
    Key::new("ca", Kind::Text),
    Key::new("bind_dn", Kind::Text),
    Key::new("bind_password", Kind::Secret),
    Key::new("bind_password_file", Kind::Text),
    Key::new("user_base", Kind::Text),
    Key::new("user_filter", Kind::Text),
    Key::new("name_attribute", Kind::Text),
    Key::new("group_base", Kind::Text),
    Key::new("group_filter", Kind::Text),
    Key::new("group_attribute", Kind::Text),
    // oidc
    Key::new("issuer", Kind::Text),
    Key::new("client_id", Kind::Text),
    Key::new("client_secret", Kind::Secret),
    Key::new("client_secret_file", Kind::Text),
    Key::new("scopes", Kind::List(&Kind::Text)),
    Key::new("username_claim", Kind::Text),
    Key::new("groups_claim", Kind::Text),
    Key::new("allow_private", Kind::Flag),
    Key::new("token_lifetime", Kind::Age),
];

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Which keys belong to which type, beside `name` and `type`.
const HTPASSWD: &[&str] = &["path"];
const LDAP: &[&str] = &[
    "urls",
    "starttls",
    "plain",
    "ca",
    "bind_dn",
    "bind_password",
    "bind_password_file",
    "user_base",
    "user_filter",
    "name_attribute",
    "group_base",
    "group_filter",
    "group_attribute",
];
const OIDC: &[&str] = &[
    "issuer",
    "ca",
    "client_id",
    "client_secret",
    "client_secret_file",
    "scopes",
    "username_claim",
    "groups_claim",
    "allow_private",
    "token_lifetime",
];

/// One item of `auth.berth.sources`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Source {
    /// What grants and logs call it: its groups are `group:NAME/…`.
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) kind: SourceKind,
}

/// What a source is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum SourceKind {
    /// A password file.
    Htpasswd {
        /// The file, read again when it changes.
        path: PathBuf,
    },
    /// A directory.
    Ldap(Ldap),
    /// A provider that users sign in at with a browser.
    Oidc(Oidc),
}

/// A directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Ldap {
    /// `ldaps://host` or `ldap://host`, tried in order.
    pub(crate) urls: Vec<String>,
    /// Go over to TLS on an `ldap://` connection.
    pub(crate) starttls: bool,
    /// Let passwords cross the network in the clear.
    pub(crate) plain: bool,
    /// Authorities of its certificate, PEM; `None`: those of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ca: Option<PathBuf>,
    /// Who searches; `None` searches anonymously.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bind_dn: Option<String>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(crate) bind_password: Option<BindPassword>,
    /// Below which users are.
    pub(crate) user_base: String,
    /// Finds the user; `{user}` stands for the name.
    pub(crate) user_filter: String,
    /// What holds the name as the directory writes it.
    pub(crate) name_attribute: String,
    /// Below which groups are; `None` knows no groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) group_base: Option<String>,
    /// Finds the groups; `{dn}` stands for the user's entry, `{user}` for the name.
    pub(crate) group_filter: String,
    /// What a group is called by.
    pub(crate) group_attribute: String,
}

impl Source {
    /// Files that are read again and again while a server runs.
    pub(crate) fn files(&self) -> Vec<&Path> {
        match &self.kind {
            SourceKind::Htpasswd { path } => vec![path],
            SourceKind::Ldap(ldap) => ldap.files(),
            SourceKind::Oidc(oidc) => oidc.ca.as_deref().into_iter().collect(),
        }
    }
}

impl Ldap {
    /// Files that are read again at each login.
    fn files(&self) -> Vec<&Path> {
        let password = match &self.bind_password {
            Some(BindPassword::BindPasswordFile(path)) => Some(path.as_path()),
            _ => None,
        };
        self.ca.as_deref().into_iter().chain(password).collect()
    }
}

/// A provider of OpenID Connect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Oidc {
    /// Its address.
    pub(crate) issuer: String,
    /// Authorities of its certificate, PEM; `None`: those of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ca: Option<PathBuf>,
    /// What it calls this registry.
    pub(crate) client_id: String,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(crate) client_secret: Option<ClientSecret>,
    /// What is asked for.
    pub(crate) scopes: Vec<String>,
    /// What holds the user's name.
    pub(crate) username_claim: String,
    /// What holds the groups.
    pub(crate) groups_claim: String,
    /// It may lie in a private network.
    pub(crate) allow_private: bool,
    /// How long the token of a sign-in lives.
    #[serde(serialize_with = "duration::days")]
    pub(crate) token_lifetime: Duration,
}

/// A password, or the file that holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Password {
    /// Here.
    Password(Secret),
    /// In a file.
    PasswordFile(PathBuf),
}

/// The same under the directory's names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BindPassword {
    /// Here.
    BindPassword(Secret),
    /// In a file.
    BindPasswordFile(PathBuf),
}

/// The same under the provider's names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ClientSecret {
    /// Here.
    ClientSecret(Secret),
    /// In a file.
    ClientSecretFile(PathBuf),
}

impl From<Password> for BindPassword {
    fn from(password: Password) -> Self {
        match password {
            Password::Password(secret) => Self::BindPassword(secret),
            Password::PasswordFile(path) => Self::BindPasswordFile(path),
        }
    }
}

impl From<Password> for ClientSecret {
    fn from(password: Password) -> Self {
        match password {
            Password::Password(secret) => Self::ClientSecret(secret),
            Password::PasswordFile(path) => Self::ClientSecretFile(path),
        }
    }
}

/// A secret under one key or the path of its file under another.
pub(super) fn password(
    section: &Section<'_>,
    key: &str,
    file: &str,
    problems: &mut Problems<'_>,
) -> Option<Password> {
    match (section.secret(key), section.text(file)) {
        (Some(_), Some(_)) => {
            let text = format!("stands beside {}", section.path(file));
            section.error(problems, key, text, "keep one of the two");
            None
        }
        (Some(secret), None) => Some(Password::Password(secret)),
        (None, Some(path)) => Some(Password::PasswordFile(path.into())),
        (None, None) => None,
    }
}

/// Reads `auth.berth.sources`.
pub(super) fn read(berth: &Section<'_>, problems: &mut Problems<'_>) -> Vec<Source> {
    let mut sources: Vec<Source> = Vec::new();
    for section in berth.sections("sources") {
        let Some(source) = source(&section, problems) else { continue };
        if sources.iter().any(|other| other.name == source.name) {
            let text = format!("{:?} is the name of an earlier source", shorten(&source.name));
            section.error(problems, "name", text, "give each source a name of its own");
        }
        sources.push(source);
    }
    sources
}

fn source(section: &Section<'_>, problems: &mut Problems<'_>) -> Option<Source> {
    let name = section.required(problems, "name", "give it a short name, such as staff");
    if let Some(name) = &name {
        // It stands in the names of groups and in addresses for browsers.
        if registry::access::Subject::team(name).is_err() {
            let text = format!("{:?} is no name of a source", shorten(name));
            section.error(problems, "name", text, "use letters from a to z, digits and . _ -");
        } else if name == "local" {
            section.error(problems, "name", "\"local\" means Berth itself", "take another name");
        }
    }
    let way_out = "write htpasswd, ldap or oidc";
    let kind = section.required(problems, "type", way_out)?.to_ascii_lowercase();
    let (kind, keys) = match kind.as_str() {
        "htpasswd" => (htpasswd(section, problems), HTPASSWD),
        "ldap" => (ldap(section, problems), LDAP),
        "oidc" => (oidc(section, problems), OIDC),
        _ => return None,
    };
    for key in KEYS.iter().map(|key| key.name) {
        if section.holds(key) && !["name", "type"].contains(&key) && !keys.contains(&key) {
            let text = format!("has no meaning for a source of type {}", type_of(&kind));
            section.error(problems, key, text, "take it out, or change the type");
        }
    }
    Some(Source { name: name?, kind })
}

fn type_of(kind: &SourceKind) -> &'static str {
    match kind {
        SourceKind::Htpasswd { .. } => "htpasswd",
        SourceKind::Ldap(_) => "ldap",
        SourceKind::Oidc(_) => "oidc",
    }
}

fn htpasswd(section: &Section<'_>, problems: &mut Problems<'_>) -> SourceKind {
    let path = section.required(problems, "path", "name the password file");
    SourceKind::Htpasswd { path: path.unwrap_or_default().into() }
}

fn ldap(section: &Section<'_>, problems: &mut Problems<'_>) -> SourceKind {
    let urls: Vec<String> = section.texts("urls").into_iter().map(|(url, _)| url).collect();
    if urls.is_empty() {
        section.error(problems, "urls", "is missing", "write [\"ldaps://ldap.example.org\"]");
    }
    let starttls = section.flag("starttls").unwrap_or(false);
    let plain = section.flag("plain").unwrap_or(false);
    for url in &urls {
        let rest = url.strip_prefix("ldaps://").or_else(|| url.strip_prefix("ldap://"));
        if rest.is_none_or(|rest| rest.is_empty() || rest.contains('@')) {
            let text = format!("{:?} is no address of a directory", shorten(url));
            section.error(problems, "urls", text, "write it as ldaps://ldap.example.org");
        } else if url.starts_with("ldap://") && !starttls && !is_this_machine(url) {
            let text = format!("{:?} sends passwords in the clear", shorten(url));
            if plain {
                section.warning(problems, "urls", text, "");
            } else {
                let way_out = "write ldaps://, set starttls: true, or allow it with plain: true";
                section.error(problems, "urls", text, way_out);
            }
        }
    }
    let bind_dn = section.text("bind_dn");
    let given = password(section, "bind_password", "bind_password_file", problems);
    if bind_dn.is_some() != given.is_some() {
        let (key, text) = if bind_dn.is_none() {
            ("bind_dn", "is missing beside the password")
        } else {
            ("bind_password_file", "is missing beside bind_dn")
        };
        section.error(problems, key, text, "give both, or neither to search anonymously");
    }
    let user_base = section.required(problems, "user_base", "name the entry above all users");
    let user_filter = filter(section, "user_filter", "(uid={user})", &["{user}"], problems);
    let member = "(|(member={dn})(uniqueMember={dn})(memberUid={user}))";
    SourceKind::Ldap(Ldap {
        urls,
        starttls,
        plain,
        ca: section.text("ca").map(PathBuf::from),
        bind_dn,
        bind_password: given.map(BindPassword::from),
        user_base: user_base.unwrap_or_default(),
        user_filter,
        name_attribute: section.text("name_attribute").unwrap_or_else(|| "uid".to_owned()),
        group_base: section.text("group_base"),
        group_filter: filter(section, "group_filter", member, &["{dn}", "{user}"], problems),
        group_attribute: section.text("group_attribute").unwrap_or_else(|| "cn".to_owned()),
    })
}

/// A filter that holds one of `holders`: without it everybody would match.
fn filter(
    section: &Section<'_>,
    key: &str,
    default: &str,
    holders: &[&str],
    problems: &mut Problems<'_>,
) -> String {
    let Some(text) = section.text(key) else { return default.to_owned() };
    let wrapped = text.starts_with('(') && text.ends_with(')');
    if !wrapped || !holders.iter().any(|holder| text.contains(holder)) {
        let said = format!("{:?} does not say whom it is about", shorten(&text));
        section.error(problems, key, said, format!("write it as {default}"));
    }
    text
}

fn oidc(section: &Section<'_>, problems: &mut Problems<'_>) -> SourceKind {
    let issuer = issuer(section, problems);
    let client_id = section.required(problems, "client_id", "register Berth at the provider");
    let given = password(section, "client_secret", "client_secret_file", problems);
    let mut scopes: Vec<String> =
        section.texts("scopes").into_iter().map(|(text, _)| text).collect();
    if scopes.is_empty() {
        scopes = ["openid", "profile", "email"].map(str::to_owned).to_vec();
    } else if !scopes.iter().any(|scope| scope == "openid") {
        section.error(problems, "scopes", "lacks openid", "add it: without it nobody is named");
    }
    let text = |key, default: &str| section.text(key).unwrap_or_else(|| default.to_owned());
    SourceKind::Oidc(Oidc {
        issuer,
        ca: section.text("ca").map(PathBuf::from),
        client_id: client_id.unwrap_or_default(),
        client_secret: given.map(ClientSecret::from),
        scopes,
        username_claim: text("username_claim", "preferred_username"),
        groups_claim: text("groups_claim", "groups"),
        allow_private: section.flag("allow_private").unwrap_or(false),
        token_lifetime: token_lifetime(section, problems),
    })
}

fn token_lifetime(section: &Section<'_>, problems: &mut Problems<'_>) -> Duration {
    match section.age("token_lifetime") {
        None => DAY * 30,
        Some(life) if (DAY..=DAY * 366).contains(&life) => life,
        Some(life) => {
            let text = format!("{} is out of range", duration::in_days(life));
            section.error(problems, "token_lifetime", text, "use 1d to 366d");
            DAY * 30
        }
    }
}

/// The address under `issuer`. Plain http only on this machine itself.
pub(super) fn issuer(section: &Section<'_>, problems: &mut Problems<'_>) -> String {
    let way_out = "write it as https://login.example.org";
    let Some(issuer) = section.required(problems, "issuer", way_out) else {
        return String::new();
    };
    let private = section.flag("allow_private").unwrap_or(false);
    if !is_web_address(&issuer) || issuer.contains(['?', '#']) {
        let text = format!("{:?} is no address of an issuer", shorten(&issuer));
        section.error(problems, "issuer", text, way_out);
    } else if issuer.starts_with("http://") && !(private && is_this_machine(&issuer)) {
        let text = format!("{:?} could be impersonated by anybody on the way", shorten(&issuer));
        let way_out = "write https://; plain http is taken of this machine itself only, with \
                       allow_private: true";
        section.error(problems, "issuer", text, way_out);
    }
    issuer
}

fn is_this_machine(url: &str) -> bool {
    let authority = url.split('/').nth(2).unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}
