//! What proxies say about the client, believed only from trusted proxies.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use http::HeaderMap;
use http::header::{FORWARDED, HOST};
use http::uri::Authority;
use serde::{Serialize, Serializer};

/// A network of addresses, such as `10.0.0.0/8` or `::1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Whether `address` lies in it. IPv4 addresses in IPv6 form are IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(it)) => {
                let mask = u32::MAX.checked_shl(u32::from(32 - self.bits.min(32))).unwrap_or(0);
                u32::from(net) & mask == u32::from(it) & mask
            }
            (IpAddr::V6(net), IpAddr::V6(it)) => {
                let mask = u128::MAX.checked_shl(u32::from(128 - self.bits.min(128))).unwrap_or(0);
                u128::from(net) & mask == u128::from(it) & mask
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("{text:?} is not a network; write an address or address/bits");
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), str::parse).map_err(|_| bad())?;
        // Peers are compared as IPv4 wherever they can be, so networks must be as well.
        match (address.to_canonical(), bits) {
            (_, bits) if bits > most => Err(bad()),
            (IpAddr::V4(inner), 96..) if address.is_ipv6() => {
                Ok(Self { address: inner.into(), bits: bits - 96 })
            }
            _ => Ok(Self { address, bits }),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Scheme and authority as the client saw them, and its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub scheme: String,
    pub authority: Option<String>,
    /// `None` for a local socket whose proxy says nothing.
    pub client: Option<ClientAddress>,
}

/// Who sent a request, written as the original's log does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientAddress {
    /// The other end of the connection: `192.0.2.1:40000`.
    Connected(SocketAddr),
    /// An address that a trusted proxy names, which has no port: `192.0.2.1`.
    Told(IpAddr),
}

impl ClientAddress {
    /// Without the port.
    pub(crate) fn ip(&self) -> IpAddr {
        match self {
            Self::Connected(address) => address.ip(),
            Self::Told(address) => *address,
        }
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected(address) => address.fmt(f),
            Self::Told(address) => address.fmt(f),
        }
    }
}

/// Reads the headers of a request that came over `peer`.
pub(crate) fn origin(
    headers: &HeaderMap,
    peer: Option<SocketAddr>,
    tls: bool,
    trusted: &[Network],
) -> Origin {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let mut origin = Origin {
        scheme: if tls { "https".into() } else { "http".into() },
        authority: text(HOST.as_str()).map(str::to_owned),
        client: peer.map(ClientAddress::Connected),
    };
    // A peer without an address is a local socket, which only a local proxy uses.
    if !peer.is_none_or(|peer| trusted.iter().any(|network| network.contains(peer.ip()))) {
        return origin;
    }
    if let Some(scheme) = forwarded(headers, "proto").or_else(|| first(text("x-forwarded-proto")))
        && (scheme == "http" || scheme == "https")
    {
        origin.scheme = scheme;
    }
    let host = forwarded(headers, "host").or_else(|| first(text("x-forwarded-host")));
    if let Some(host) = host.filter(|host| is_host(host)) {
        origin.authority = Some(host);
    }
    // As the original: what is no address is as good as not said.
    let told = |name| first(text(name)).and_then(|client| client.parse().ok());
    let told = told("x-forwarded-for").or_else(|| told("x-real-ip")).map(ClientAddress::Told);
    origin.client = told.or(origin.client);
    origin
}

/// A host, perhaps with a port: what goes into URLs must not end their authority.
pub(crate) fn is_host(text: &str) -> bool {
    text.parse::<Authority>().is_ok_and(|host| !host.as_str().contains('@'))
}

fn first(list: Option<&str>) -> Option<String> {
    let one = list?.split(',').next()?.trim();
    (!one.is_empty()).then(|| one.to_owned())
}

fn forwarded(headers: &HeaderMap, key: &str) -> Option<String> {
    let value = headers.get(FORWARDED)?.to_str().ok()?;
    let nearest = value.split(',').next()?;
    nearest.split(';').find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        let matches = name.trim().eq_ignore_ascii_case(key);
        matches.then(|| value.trim().trim_matches('"').to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect()
    }

    #[test]
    fn networks_are_written_with_their_length_and_in_their_shortest_form() {
        for (text, written) in [
            ("10.1.0.0/16", "10.1.0.0/16"),
            ("10.1.2.3", "10.1.2.3/32"),
            ("fd00::1", "fd00::1/128"),
            ("::/0", "::/0"),
            ("::ffff:10.1.0.0/112", "10.1.0.0/16"),
        ] {
            assert_eq!(text.parse::<Network>().unwrap().to_string(), written);
        }
        for text in ["", "10.0.0.0/33", "10.0.0/8", "host", "::/129", "10.0.0.0/"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }

    #[test]
    fn networks_hold_their_addresses() {
        let net: Network = "10.1.0.0/16".parse().unwrap();
        assert!(net.contains("10.1.2.3".parse().unwrap()));
        assert!(net.contains("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!net.contains("10.2.0.1".parse().unwrap()));
        let all: Network = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("1.2.3.4".parse().unwrap()));
        let one: Network = "::1".parse().unwrap();
        assert!(one.contains("::1".parse().unwrap()) && !one.contains("::2".parse().unwrap()));
        assert!("10.0.0.0/33".parse::<Network>().is_err());
        assert!("x".parse::<Network>().is_err());
    }

    #[test]
    fn a_stranger_s_forwarded_headers_are_ignored() {
        let sent = headers(&[
            ("host", "reg:5000"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-for", "9.9.9.9"),
        ]);
        let peer: SocketAddr = "192.0.2.1:40000".parse().unwrap();
        let seen = origin(&sent, Some(peer), false, &["10.0.0.0/8".parse().unwrap()]);
        assert_eq!(
            (seen.scheme.as_str(), seen.client),
            ("http", Some(ClientAddress::Connected(peer)))
        );
        let seen = origin(&sent, Some(peer), false, &["192.0.2.0/24".parse().unwrap()]);
        let told = ClientAddress::Told("9.9.9.9".parse().unwrap());
        assert_eq!((seen.scheme.as_str(), seen.client), ("https", Some(told)));
    }

    #[test]
    fn clients_are_written_as_the_original_writes_them() {
        let peer: SocketAddr = "[2001:db8::7]:40000".parse().unwrap();
        for (name, value, written) in [
            ("x-forwarded-for", "9.9.9.9, 1.1.1.1", "9.9.9.9"),
            ("x-forwarded-for", "2001:db8::1", "2001:db8::1"),
            ("x-real-ip", "8.8.8.8", "8.8.8.8"),
            ("x-forwarded-for", "junk", "[2001:db8::7]:40000"),
            ("x-forwarded-for", "9.9.9.9:77", "[2001:db8::7]:40000"),
        ] {
            let sent = headers(&[(name, value)]);
            let seen = origin(&sent, Some(peer), false, &["::/0".parse().unwrap()]);
            assert_eq!(seen.client.unwrap().to_string(), written, "{name}: {value}");
        }
        let both = headers(&[("x-forwarded-for", "junk"), ("x-real-ip", "8.8.8.8")]);
        let seen = origin(&both, Some(peer), false, &["::/0".parse().unwrap()]);
        assert_eq!(seen.client.unwrap().to_string(), "8.8.8.8");
    }

    #[test]
    fn the_standard_header_beats_the_customary_ones() {
        let sent = headers(&[
            ("forwarded", "for=1.2.3.4;proto=https;host=\"pub.example\", for=x"),
            ("x-forwarded-host", "other.example"),
        ]);
        let peer: SocketAddr = "127.0.0.1:40000".parse().unwrap();
        let seen = origin(&sent, Some(peer), false, &["127.0.0.0/8".parse().unwrap()]);
        assert_eq!(seen.scheme, "https");
        assert_eq!(seen.authority.as_deref(), Some("pub.example"));
    }
}
