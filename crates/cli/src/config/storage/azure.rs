//! `storage.azure`: Azure Blob Storage, in both dialects.

use std::time::Duration;

use serde::Serialize;

use super::super::address::Address;
use super::super::duration;
use super::super::problem::{Problems, shorten};
use super::super::schema::{Key, Kind};
use super::super::secret::Secret;
use super::super::section::Section;
use super::bucket;

const DEFAULT_REALM: &str = "core.windows.net";
const TYPES: &[&str] = &["client_secret", "shared_key", "default_credentials"];

pub(super) const KEYS: &[Key] = &[
    Key::new("accountname", Kind::Text),
    Key::new("accountkey", Kind::Secret),
    Key::new("container", Kind::Text),
    Key::new("realm", Kind::Text),
    Key::new("connectionstring", Kind::Secret),
    Key::new("serviceurl", Kind::Text),
    Key::new(
        "credentials",
        Kind::Fields(&[
            Key::new("type", Kind::Choice(TYPES)),
            Key::new("clientid", Kind::Text),
            Key::new("tenantid", Kind::Text),
            Key::new("secret", Kind::Secret),
        ]),
    ),
    Key::new("rootdirectory", Kind::Text),
    Key::new("max_retries", Kind::Number),
    Key::new("retry_delay", Kind::Time),
    Key::new("skipverify", Kind::Flag),
];

/// Settings under `storage.azure`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Azure {
    /// The storage account.
    #[serde(rename = "accountname")]
    pub(crate) account_name: String,
    /// The container, which exists already.
    pub(crate) container: String,
    /// The service's address, without the container and without a slash at the end.
    #[serde(rename = "serviceurl")]
    pub(crate) service_url: String,
    /// Who we are.
    #[serde(flatten)]
    pub(crate) login: AzureLogin,
    /// The folder above `docker/registry/v2`, without slashes at its ends; empty for the top.
    #[serde(rename = "rootdirectory")]
    pub(crate) root_directory: String,
    /// Tries after the first one that failed.
    pub(crate) max_retries: u32,
    /// The pause before the second try; it grows from there.
    #[serde(serialize_with = "duration::go")]
    pub(crate) retry_delay: Duration,
    /// Certificates of the store are not checked.
    #[serde(rename = "skipverify")]
    pub(crate) skip_verify: bool,
}

/// How we sign in to Azure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum AzureLogin {
    /// With the key of the account.
    SharedKey {
        /// That key, in Base64.
        #[serde(rename = "accountkey")]
        key: Secret,
    },
    /// With an identity of the directory.
    Identity {
        /// Which one.
        credentials: AzureIdentity,
    },
}

/// `storage.azure.credentials`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum AzureIdentity {
    /// An application with a password.
    ClientSecret {
        /// The application.
        #[serde(rename = "clientid")]
        client_id: String,
        /// The directory that knows it.
        #[serde(rename = "tenantid")]
        tenant_id: String,
        /// Its password.
        secret: Secret,
    },
    /// What the environment says (workload identity, a client secret), else the instance.
    DefaultCredentials,
}

/// Reads `storage.azure`.
pub(super) fn read(section: &Section<'_>, problems: &mut Problems<'_>) -> Azure {
    let connection = connection(section, problems);
    let account_name = match section.text("accountname").or(connection.account) {
        Some(name) => name,
        None => section
            .required(problems, "accountname", "name the storage account")
            .unwrap_or_default(),
    };
    let good = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if !account_name.chars().all(good) {
        let text = format!("{:?} is no name of an account", shorten(&account_name));
        section.error(
            problems,
            "accountname",
            text,
            "write the bare name, without scheme and host",
        );
    }
    let named = Address::read(section, "serviceurl", None, problems);
    let realm = section.text("realm").or(connection.realm);
    let realm = realm.as_deref().unwrap_or(DEFAULT_REALM);
    let built = || Address::parse(&format!("https://{account_name}.blob.{realm}"), None);
    let service = named.or(connection.service).or_else(built);
    if service.is_none() {
        let text = format!("{:?} is no domain", shorten(realm));
        section.error(problems, "realm", text, "write it as core.windows.net");
    }
    Azure {
        service_url: service.map(|address| address.to_string()).unwrap_or_default(),
        account_name,
        container: bucket::name(section, "container", problems),
        login: login(section, connection.key, problems),
        root_directory: bucket::root_directory(section, problems),
        max_retries: section
            .number_in(problems, "max_retries", 0..=100)
            .map_or(5, |n| if n == 0 { 5 } else { n }),
        retry_delay: section.time("retry_delay").unwrap_or(Duration::from_millis(100)),
        skip_verify: bucket::skip_verify(section, problems),
    }
}

/// The parts of a connection string, each used where its own key is not set.
#[derive(Default)]
struct Connection {
    account: Option<String>,
    key: Option<Secret>,
    realm: Option<String>,
    service: Option<Address>,
}

fn connection(section: &Section<'_>, problems: &mut Problems<'_>) -> Connection {
    let key = "connectionstring";
    let mut connection = Connection::default();
    let Some(text) = section.text(key) else { return connection };
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        // What has no name may be the key itself, so it is not repeated.
        let (name, value) = part.split_once('=').unwrap_or(("without a name", ""));
        match name.to_ascii_lowercase().as_str() {
            "accountname" => connection.account = Some(value.to_owned()),
            "accountkey" => connection.key = Some(Secret::new(value.to_owned())),
            "endpointsuffix" => connection.realm = Some(value.to_owned()),
            "blobendpoint" => {
                connection.service = Address::parse(value, None);
                if connection.service.is_none() {
                    let text = "has a BlobEndpoint that is no address";
                    section.error(problems, key, text, "write it in serviceurl");
                }
            }
            "defaultendpointsprotocol" if value.eq_ignore_ascii_case("https") => {}
            "queueendpoint" | "tableendpoint" | "fileendpoint" => {}
            _ => {
                let text = format!("has a part {:?} that is not supported", shorten(name));
                let way_out = "give accountname, accountkey and serviceurl instead";
                section.error(problems, key, text, way_out);
            }
        }
    }
    connection
}

fn login(
    section: &Section<'_>,
    connection: Option<Secret>,
    problems: &mut Problems<'_>,
) -> AzureLogin {
    let key = section.secret("accountkey").or(connection);
    let credentials = section.section("credentials");
    let default = AzureLogin::Identity { credentials: AzureIdentity::DefaultCredentials };
    application_without_type(&credentials, problems);
    match (credentials.choice("type").as_deref(), key) {
        (None | Some("shared_key"), Some(key)) => AzureLogin::SharedKey { key },
        (Some("shared_key"), None) => {
            let text = "is missing beside credentials.type: shared_key";
            section.error(problems, "accountkey", text, "set it, or use default_credentials");
            default
        }
        (Some(kind), Some(_)) => {
            let text = format!("is a second way in beside credentials.type: {kind}");
            section.error(problems, "accountkey", text, "keep one");
            default
        }
        (Some("client_secret"), None) => client_secret(&credentials, problems).unwrap_or(default),
        (_, None) => default,
    }
}

/// An application that nobody signs in as.
fn application_without_type(credentials: &Section<'_>, problems: &mut Problems<'_>) {
    let kind = credentials.choice("type");
    for key in ["clientid", "tenantid", "secret"] {
        if !credentials.holds(key) {
            continue;
        }
        match kind.as_deref() {
            Some("client_secret") => {}
            Some(other) => {
                let text = format!("means nothing with type: {other}");
                credentials.warning(
                    problems,
                    key,
                    text,
                    "write type: client_secret, or take it out",
                );
            }
            None => {
                credentials.error(problems, "type", "is missing", "write type: client_secret");
                return;
            }
        }
    }
}

fn client_secret(section: &Section<'_>, problems: &mut Problems<'_>) -> Option<AzureLogin> {
    let mut part = |key| section.required(problems, key, "type: client_secret needs it");
    let (client_id, tenant_id, secret) = (part("clientid"), part("tenantid"), part("secret"));
    let credentials = AzureIdentity::ClientSecret {
        client_id: client_id?,
        tenant_id: tenant_id?,
        secret: Secret::new(secret?),
    };
    Some(AzureLogin::Identity { credentials })
}
