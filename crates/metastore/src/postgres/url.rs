//! `postgres://user:password@host:port/database?parameters`.
//!
//! Errors name the part and never quote what may hold the password.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use super::options::{ClientCertificate, Host, PostgresOptions, RootCertificates, TlsMode};

/// The port of a URL that names none.
const PORT: u16 = 5432;

/// Why a URL names no database. The text quotes no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidUrl(String);

impl std::fmt::Display for InvalidUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the database URL {}", self.0)
    }
}

impl std::error::Error for InvalidUrl {}

fn invalid<T>(text: impl Into<String>) -> Result<T, InvalidUrl> {
    Err(InvalidUrl(text.into()))
}

impl PostgresOptions {
    /// Reads a URL. Its parameters are `sslmode`, `sslrootcert` (a path, or
    /// `system`), `sslcert`, `sslkey`, `host`, `port`, `user`, `password`,
    /// `dbname`, `application_name` and `options`.
    ///
    /// # Errors
    /// Another scheme, a part that is missing or cannot be read, a parameter
    /// that is not known.
    pub fn from_url(url: &str) -> Result<Self, InvalidUrl> {
        let rest = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://"));
        let Some(rest) = rest else { return invalid("must begin with postgres:// (or sqlite:)") };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        // Whatever stands before the last @ may be secret.
        let (login, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = match login.split_once(':') {
            Some((user, password)) => (user, Some(decode("password", password)?)),
            None => (login, None),
        };
        if path.contains('/') {
            return invalid(
                "has more than one part after the host; a / inside of a name or password is \
                 written %2F",
            );
        }
        let mut parts = Parts {
            hosts: hosts.to_owned(),
            user: decode("user", user)?,
            password: password.filter(|password| !password.is_empty()),
            database: decode("database", path)?,
            ..Parts::default()
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            parts.parameter(pair)?;
        }
        parts.into_options()
    }
}

/// The parts as they were found.
#[derive(Default)]
struct Parts {
    hosts: String,
    /// From the parameter, which may hold a path.
    host: Option<String>,
    port: Option<u16>,
    user: String,
    password: Option<String>,
    database: String,
    tls: TlsMode,
    root_certificates: Option<RootCertificates>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    application_name: Option<String>,
    server_options: Option<String>,
}

impl Parts {
    fn parameter(&mut self, pair: &str) -> Result<(), InvalidUrl> {
        let Some((name, value)) = pair.split_once('=') else {
            return invalid(
                "has a parameter without =. A ? or & inside of a password is written %3F or %26",
            );
        };
        // A password with ? or & in it may have become a name; it is not quoted.
        let Some(known) = PARAMETERS.iter().find(|known| **known == name) else {
            return invalid(format!(
                "has a parameter that is not known; known are {}. A ? or & inside of a password \
                 is written %3F or %26",
                PARAMETERS.join(", ")
            ));
        };
        let value = decode(known, value)?;
        match *known {
            "sslmode" => self.tls = tls_mode(&value)?,
            "sslrootcert" if value == "system" => {
                self.root_certificates = Some(RootCertificates::System);
            }
            "sslrootcert" => {
                self.root_certificates = Some(RootCertificates::File(value.into()));
            }
            "sslcert" => self.certificate = Some(value.into()),
            "sslkey" => self.key = Some(value.into()),
            "host" => self.host = Some(value),
            "port" => self.port = Some(port(&value)?),
            "user" => self.user = value,
            "password" => self.password = Some(value),
            "dbname" => self.database = value,
            "application_name" => self.application_name = Some(value),
            _ => self.server_options = Some(value),
        }
        Ok(())
    }

    fn into_options(self) -> Result<PostgresOptions, InvalidUrl> {
        let default_port = self.port.unwrap_or(PORT);
        let hosts: Result<Vec<Host>, InvalidUrl> = match &self.host {
            Some(host) => Ok(vec![plain_host(host, default_port)]),
            None => self.hosts.split(',').map(|one| host(one, default_port)).collect(),
        };
        if self.user.is_empty() {
            return invalid("names no user: postgres://USER:PASSWORD@HOST/DATABASE");
        }
        let mut hosts = hosts?.into_iter();
        let Some(first) = hosts.next() else { return invalid("names no host") };
        let database = if self.database.is_empty() { &self.user } else { &self.database };
        let mut options = PostgresOptions::new(first, self.user.as_str(), database.as_str());
        options.hosts.extend(hosts);
        options.password = self.password;
        options.tls = self.tls;
        options.root_certificates = self.root_certificates;
        options.client_certificate = match (self.certificate, self.key) {
            (Some(certificate), Some(key)) => Some(ClientCertificate { certificate, key }),
            (None, None) => None,
            _ => return invalid("has one of sslcert and sslkey; they go together"),
        };
        if let Some(name) = self.application_name {
            options.application_name = name;
        }
        options.server_options = self.server_options;
        Ok(options)
    }
}

const PARAMETERS: &[&str] = &[
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "port",
    "user",
    "password",
    "dbname",
    "application_name",
    "options",
];

fn tls_mode(value: &str) -> Result<TlsMode, InvalidUrl> {
    let modes = [
        TlsMode::Disable,
        TlsMode::Prefer,
        TlsMode::Require,
        TlsMode::VerifyCa,
        TlsMode::VerifyFull,
    ];
    match modes.into_iter().find(|mode| mode.as_str() == value) {
        Some(mode) => Ok(mode),
        None => invalid(
            "has an sslmode that is none of disable, prefer, require, verify-ca, verify-full",
        ),
    }
}

fn host(text: &str, default_port: u16) -> Result<Host, InvalidUrl> {
    if let Some(rest) = text.strip_prefix('[') {
        let Some((name, rest)) = rest.split_once(']') else {
            return invalid("has an IPv6 address without a closing ]");
        };
        let number = rest.strip_prefix(':').map_or(Ok(default_port), port)?;
        return Ok(Host::Tcp(name.to_owned(), number));
    }
    let (name, number) = match text.rsplit_once(':') {
        Some((name, number)) => (name, port(number)?),
        None => (text, default_port),
    };
    let name = decode("host", name)?;
    if name.is_empty() {
        return invalid("names no host");
    }
    if name.contains(|c: char| c.is_whitespace() || matches!(c, ':' | '@')) {
        return invalid(
            "has a host that is none; an @, / or : inside of a password is written %40, %2F or %3A",
        );
    }
    Ok(plain_host(&name, number))
}

fn plain_host(name: &str, port: u16) -> Host {
    match name.starts_with('/') {
        true => Host::Socket(PathBuf::from(name), port),
        false => Host::Tcp(name.to_owned(), port),
    }
}

fn port(text: &str) -> Result<u16, InvalidUrl> {
    match text.parse() {
        Ok(port) if port > 0 => Ok(port),
        // The text may be the rest of a password with a / in it.
        _ => invalid(
            "has a port that is no number from 1 to 65535; an @, / or : inside of a password is \
             written %40, %2F or %3A",
        ),
    }
}

fn decode(part: &str, text: &str) -> Result<String, InvalidUrl> {
    let bytes = text.as_bytes();
    let broken = text.match_indices('%').any(|(at, _)| {
        let digits = bytes.get(at + 1..at + 3);
        !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    let decoded = percent_decode_str(text).decode_utf8();
    match decoded {
        Ok(decoded) if !broken && !decoded.contains('\0') => Ok(decoded.into_owned()),
        _ => invalid(format!("has a {part} with a broken % sequence; a % itself is written %25")),
    }
}
