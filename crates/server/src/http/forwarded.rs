//! What proxies say about the client, believed only from trusted proxies.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use http::header::{FORWARDED, HOST};
use http::uri::Authority;
use http::{HeaderMap, HeaderName};
use serde::{Serialize, Serializer};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
/// Stands for a line that is no text; no address, so nothing before it counts.
const UNREADABLE: &str = "?";

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
    if !peer.is_none_or(|peer| is_trusted(peer.ip(), trusted)) {
        return origin;
    }
    let element = element(headers, trusted);
    let pair = |key| element.and_then(|element| pair(element, key)).map(str::to_owned);
    if let Some(scheme) = pair("proto").or_else(|| first(text("x-forwarded-proto")))
        && (scheme == "http" || scheme == "https")
    {
        origin.scheme = scheme;
    }
    let host = pair("host").or_else(|| first(text("x-forwarded-host")));
    if let Some(host) = host.filter(|host| is_host(host)) {
        origin.authority = Some(host);
    }
    origin.client = told(headers, trusted).map(ClientAddress::Told).or(origin.client);
    origin
}

/// The client's address by the first header that is there. The proxy wrote that one,
/// and the others may be anybody's: where it holds no address there is none.
fn told(headers: &HeaderMap, trusted: &[Network]) -> Option<IpAddr> {
    if headers.contains_key(X_FORWARDED_FOR) {
        return farthest(entries(headers, &X_FORWARDED_FOR), trusted, address);
    }
    if headers.contains_key(X_REAL_IP) {
        return entries(headers, &X_REAL_IP).next().and_then(address);
    }
    farthest(entries(headers, &FORWARDED), trusted, sender)
}

/// An address as proxies write it, some with the port: `192.0.2.1`, `192.0.2.1:4711`,
/// `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:4711`.
fn address(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(address.ip());
    }
    match text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        Some(inner) => inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => text.parse().ok(),
    }
}

/// A host, perhaps with a port: what goes into URLs must not end their authority.
pub(crate) fn is_host(text: &str) -> bool {
    text.parse::<Authority>().is_ok_and(|host| !host.as_str().contains('@'))
}

fn first(list: Option<&str>) -> Option<String> {
    let one = list?.split(',').next()?.trim();
    (!one.is_empty()).then(|| one.to_owned())
}

/// The entries of all lines of a list, the nearest proxy's first: each proxy
/// adds its own at the end, and what is before them may be anybody's.
fn entries<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    let lines = headers.get_all(name).iter().rev();
    let lines = lines.map(|line| line.to_str().unwrap_or(UNREADABLE));
    lines.flat_map(|line| line.rsplit(',')).map(str::trim).filter(|entry| !entry.is_empty())
}

/// The first address that is no trusted proxy's; else the last one before the
/// list ends or holds something else.
fn farthest<'h>(
    entries: impl Iterator<Item = &'h str>,
    trusted: &[Network],
    read: impl Fn(&str) -> Option<IpAddr>,
) -> Option<IpAddr> {
    let mut found = None;
    for address in entries.map_while(read) {
        found = Some(address);
        if !is_trusted(address, trusted) {
            break;
        }
    }
    found
}

/// The element of `Forwarded` that the first of our proxies added: what it says
/// of the address that was asked is what the client asked.
fn element<'h>(headers: &'h HeaderMap, trusted: &[Network]) -> Option<&'h str> {
    let mut found = None;
    for element in entries(headers, &FORWARDED) {
        found = Some(element);
        if !sender(element).is_some_and(|address| is_trusted(address, trusted)) {
            break;
        }
    }
    found
}

/// Whom an element came from: `for=192.0.2.1`, `for="[2001:db8::1]:4711"`.
fn sender(element: &str) -> Option<IpAddr> {
    address(pair(element, "for")?)
}

fn pair<'e>(element: &'e str, key: &str) -> Option<&'e str> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        let matches = name.trim().eq_ignore_ascii_case(key);
        matches.then(|| value.trim().trim_matches('"'))
    })
}

fn is_trusted(address: IpAddr, trusted: &[Network]) -> bool {
    trusted.iter().any(|network| network.contains(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut all = HeaderMap::new();
        for (name, value) in pairs {
            all.append(*name, value.parse().unwrap());
        }
        all
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
            ("x-forwarded-for", "9.9.9.9", "9.9.9.9"),
            ("x-forwarded-for", "2001:db8::1", "2001:db8::1"),
            ("x-real-ip", "8.8.8.8", "8.8.8.8"),
            ("x-forwarded-for", "9.9.9.9:77", "9.9.9.9"),
            ("x-forwarded-for", "[2001:db8::1]", "2001:db8::1"),
            ("x-forwarded-for", "[2001:db8::1]:77", "2001:db8::1"),
            ("x-real-ip", "8.8.8.8:77", "8.8.8.8"),
            ("x-forwarded-for", "junk", "[2001:db8::7]:40000"),
            ("x-forwarded-for", "[9.9.9.9]", "[2001:db8::7]:40000"),
            ("x-forwarded-for", "9.9.9.9:port", "[2001:db8::7]:40000"),
            ("x-real-ip", "junk", "[2001:db8::7]:40000"),
        ] {
            let sent = headers(&[(name, value)]);
            let seen = origin(&sent, Some(peer), false, &["::/0".parse().unwrap()]);
            assert_eq!(seen.client.unwrap().to_string(), written, "{name}: {value}");
        }
    }

    #[test]
    fn c25_a_header_that_cannot_be_read_is_not_made_up_for_by_another() {
        let peer: SocketAddr = "10.0.0.1:40000".parse().unwrap();
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        for (first, second) in [
            (("x-forwarded-for", "junk"), ("x-real-ip", "8.8.8.8")),
            (("x-forwarded-for", "6.6.6.6, unknown"), ("x-real-ip", "8.8.8.8")),
            (("x-forwarded-for", ""), ("x-real-ip", "8.8.8.8")),
            (("x-forwarded-for", "junk"), ("forwarded", "for=8.8.8.8")),
            (("x-real-ip", "junk"), ("forwarded", "for=8.8.8.8")),
        ] {
            let seen = origin(&headers(&[first, second]), Some(peer), false, &trusted);
            assert_eq!(seen.client, Some(ClientAddress::Connected(peer)), "{first:?} {second:?}");
        }
    }

    #[test]
    fn c25_only_what_trusted_proxies_added_to_a_list_counts() {
        let peer: SocketAddr = "10.0.0.1:40000".parse().unwrap();
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let client = |lines: &[(&'static str, &'static str)]| {
            let sent = headers(lines);
            origin(&sent, Some(peer), false, &trusted).client.unwrap().to_string()
        };
        for (list, written) in [
            ("6.6.6.6, 9.9.9.9", "9.9.9.9"),
            ("6.6.6.6, 9.9.9.9, 10.0.0.2", "9.9.9.9"),
            ("6.6.6.6,9.9.9.9,fd00::2 , 10.0.0.2", "9.9.9.9"),
            ("10.0.0.3, 9.9.9.9", "9.9.9.9"),
            ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
            ("6.6.6.6, junk, 10.0.0.2", "10.0.0.2"),
            ("6.6.6.6, junk", "10.0.0.1:40000"),
            ("6.6.6.6, 9.9.9.9:77", "9.9.9.9"),
            ("6.6.6.6, 9.9.9.9:77, 10.0.0.2:78", "9.9.9.9"),
            ("6.6.6.6, 9.9.9.9:port", "10.0.0.1:40000"),
            ("6.6.6.6,, 9.9.9.9,", "9.9.9.9"),
        ] {
            assert_eq!(client(&[("x-forwarded-for", list)]), written, "{list}");
        }
        let lines = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "9.9.9.9, 10.0.0.2")];
        assert_eq!(client(&lines), "9.9.9.9");
        for (list, written) in [
            ("for=6.6.6.6, for=9.9.9.9;proto=https", "9.9.9.9"),
            ("for=6.6.6.6, For=\"[2001:db8::1]:4711\", for=\"[fd00::2]\"", "2001:db8::1"),
            ("for=6.6.6.6, for=9.9.9.9:77", "9.9.9.9"),
            ("for=\"6.6.6.6, for=9.9.9.9", "9.9.9.9"),
            ("for=6.6.6.6, for=unknown, for=10.0.0.2", "10.0.0.2"),
            ("for=6.6.6.6, for=_hidden", "10.0.0.1:40000"),
            ("for=6.6.6.6, proto=https", "10.0.0.1:40000"),
        ] {
            assert_eq!(client(&[("forwarded", list)]), written, "{list}");
        }
        // A proxy that writes the one list may pass the other on as it came.
        assert_eq!(client(&[("forwarded", "for=6.6.6.6"), lines[1]]), "9.9.9.9");
    }

    #[test]
    fn c25_the_address_that_was_asked_is_what_our_first_proxy_says() {
        let peer: SocketAddr = "10.0.0.1:40000".parse().unwrap();
        let asked = |list: &'static str| {
            let sent = headers(&[("forwarded", list)]);
            let seen = origin(&sent, Some(peer), false, &["10.0.0.0/8".parse().unwrap()]);
            (seen.scheme, seen.authority.unwrap_or_default())
        };
        let expected = ("https".to_owned(), "pub.example".to_owned());
        for list in [
            "proto=https;host=pub.example",
            "for=6.6.6.6;host=evil.example, for=9.9.9.9;proto=https;host=pub.example",
            "host=evil.example, for=_x;proto=https;host=pub.example, for=10.0.0.2;host=inner",
        ] {
            assert_eq!(asked(list), expected, "{list}");
        }
    }

    #[test]
    fn the_standard_header_beats_the_customary_ones() {
        let sent = headers(&[
            ("forwarded", "for=1.2.3.4;proto=https;host=\"pub.example\""),
            ("x-forwarded-host", "other.example"),
        ]);
        let peer: SocketAddr = "127.0.0.1:40000".parse().unwrap();
        let seen = origin(&sent, Some(peer), false, &["127.0.0.0/8".parse().unwrap()]);
        assert_eq!(seen.scheme, "https");
        assert_eq!(seen.authority.as_deref(), Some("pub.example"));
    }
}
