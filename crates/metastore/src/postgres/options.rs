//! Where the server is and how to talk to it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use store::{OsRandom, Random};

/// One address of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A host name or an IP address, and a port.
    Tcp(String, u16),
    /// The directory of a Unix socket, and the port in its name.
    Socket(PathBuf, u16),
}

/// How far the server must prove who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsMode {
    /// Never TLS.
    Disable,
    /// TLS if the server has it, whoever it is.
    #[default]
    Prefer,
    /// TLS, whoever it is; with a root certificate the same as `VerifyCa`.
    Require,
    /// TLS with a certificate of a known authority.
    VerifyCa,
    /// The same, and made for the host's name.
    VerifyFull,
}

impl TlsMode {
    /// As `sslmode` says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

/// Which certificates vouch for the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootCertificates {
    /// Those of the operating system.
    System,
    /// Those of a PEM file.
    File(PathBuf),
}

/// By what we prove to the server who we are, where it asks for a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// A PEM file: our certificate, and those between it and its authority.
    pub certificate: PathBuf,
    /// A PEM file with its key, which nobody else may read.
    pub key: PathBuf,
}

/// How to open a store on a PostgreSQL server. Never shows its password.
#[derive(Clone)]
pub struct PostgresOptions {
    /// Tried in order; of several, the one that takes writes is used.
    pub hosts: Vec<Host>,
    /// Who we are.
    pub user: String,
    /// How we prove it, if the server asks.
    pub password: Option<String>,
    /// The database that holds, or will hold, the tables.
    pub database: String,
    /// Encryption.
    pub tls: TlsMode,
    /// For the modes that check certificates.
    pub root_certificates: Option<RootCertificates>,
    /// Read anew for each connection.
    pub client_certificate: Option<ClientCertificate>,
    /// Connections at once, at most; at least one.
    pub max_connections: usize,
    /// Whether statements are prepared once per connection. `false` behind a
    /// proxy that pools transactions.
    pub prepared: bool,
    /// How the server's own lists call us.
    pub application_name: String,
    /// Settings for each connection as the server's command line takes them,
    /// such as `-c search_path=berth`.
    pub server_options: Option<String>,
    /// Spreads out writes that met.
    pub random: Arc<dyn Random>,
}

impl PostgresOptions {
    /// The defaults for one address: no password, TLS if the server has it, 16
    /// connections.
    pub fn new(host: Host, user: impl Into<String>, database: impl Into<String>) -> Self {
        Self {
            hosts: vec![host],
            user: user.into(),
            password: None,
            database: database.into(),
            tls: TlsMode::default(),
            root_certificates: None,
            client_certificate: None,
            max_connections: 16,
            prepared: true,
            application_name: "berth".into(),
            server_options: None,
            random: Arc::new(OsRandom),
        }
    }
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("url", &self.to_string())
            .field("password", &self.password.as_ref().map(|_| "(hidden)"))
            .field("max_connections", &self.max_connections)
            .field("prepared", &self.prepared)
            .finish_non_exhaustive()
    }
}

/// The URL without the password.
impl fmt::Display for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "postgres://{}@", self.user)?;
        for (index, host) in self.hosts.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            match host {
                Host::Tcp(name, port) if name.contains(':') => {
                    write!(f, "{comma}[{name}]:{port}")?;
                }
                Host::Tcp(name, port) => write!(f, "{comma}{name}:{port}")?,
                Host::Socket(path, port) => write!(f, "{comma}{}:{port}", path.display())?,
            }
        }
        write!(f, "/{}?sslmode={}", self.database, self.tls.as_str())
    }
}
