//! Where the registry listens.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;

use serde::{Serialize, Serializer};

/// One place to listen at, as `http.addr` and `http.debug.addr` name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Listen {
    /// `localhost:5000`: 127.0.0.1 and ::1, for this machine only.
    Loopback {
        /// The port; 0 lets the system choose.
        port: u16,
    },
    /// `:5000`: every address, IPv4 and IPv6.
    Everywhere {
        /// The port; 0 lets the system choose.
        port: u16,
    },
    /// `10.0.0.1:5000`, `[::1]:5000`: this address alone.
    Address {
        /// The address.
        ip: IpAddr,
        /// The port; 0 lets the system choose.
        port: u16,
    },
    /// `registry.local:5000`: what the name resolves to at the start.
    Host {
        /// The name.
        host: String,
        /// The port; 0 lets the system choose.
        port: u16,
    },
    /// A socket file, with `http.net: unix`.
    Unix(PathBuf),
}

impl Listen {
    /// Reads `host:port`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (host, port) = host_and_port(text)?;
        Some(match host.as_str() {
            "" => Self::Everywhere { port },
            "localhost" => Self::Loopback { port },
            _ => match host.parse() {
                Ok(ip) => Self::Address { ip, port },
                Err(_) => Self::Host { host, port },
            },
        })
    }

    /// True if other machines may reach it.
    pub(crate) fn is_open(&self) -> bool {
        match self {
            Self::Loopback { .. } | Self::Unix(_) => false,
            Self::Everywhere { .. } | Self::Host { .. } => true,
            Self::Address { ip, .. } => !ip.is_loopback(),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loopback { port } => write!(f, "localhost:{port}"),
            Self::Everywhere { port } => write!(f, ":{port}"),
            Self::Address { ip: IpAddr::V6(ip), port } => write!(f, "[{ip}]:{port}"),
            Self::Address { ip, port } => write!(f, "{ip}:{port}"),
            Self::Host { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Serialize for Listen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Splits `host:port`; the host may be empty, an IPv6 address stands in brackets.
pub(super) fn host_and_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    if port.is_empty() || !port.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let port = port.parse().ok()?;
    if let Some(inner) = host.strip_prefix('[') {
        let inner = inner.strip_suffix(']')?;
        inner.parse::<Ipv6Addr>().ok()?;
        return Some((inner.to_owned(), port));
    }
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    host.chars().all(name).then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_say_who_can_reach_them() {
        for (text, open) in [
            (":5000", true),
            ("0.0.0.0:5000", true),
            ("[::]:5000", true),
            ("10.1.2.3:80", true),
            ("registry.local:5000", true),
            ("localhost:5000", false),
            ("127.0.0.1:0", false),
            ("[::1]:5000", false),
        ] {
            let listen = Listen::parse(text).expect(text);
            assert_eq!(listen.is_open(), open, "{text}");
            assert_eq!(listen.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "5000",
            "host",
            "host:",
            "host:http",
            "::1:5000",
            "[::1]",
            "[x]:1",
            ":65536",
            ":+1",
            "a b:1",
        ] {
            assert_eq!(Listen::parse(text), None, "{text}");
        }
    }
}
