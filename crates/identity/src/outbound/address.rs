//! Which addresses belong to everybody.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::Url;

/// The address that `url` names without a name. URL parsers know a dozen
/// spellings of one address (`0x7f.1`, `2130706433`); this is the one meant.
pub(super) fn literal(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Whether `url` names this machine itself.
pub(super) fn is_loopback(url: &Url) -> bool {
    match literal(url) {
        Some(ip) => ip.is_loopback(),
        None => url.host_str() == Some("localhost"),
    }
}

/// An address that the whole internet may route to.
pub(super) fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let special = match ip.octets() {
        [0 | 10 | 127 | 224.., ..]
        | [169, 254, ..]
        | [192, 168, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => true,
        [100, second, ..] => second & 0xc0 == 64,
        [172, second, ..] => second & 0xf0 == 16,
        _ => false,
    };
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [first, second, third, ..] = ip.segments();
    // Only 2000::/3 is given out. What is in it for other ends, or stands for
    // an IPv4 address that somebody on the way would unpack, is not public.
    let given_out = first & 0xe000 == 0x2000;
    let documentation =
        (first == 0x2001 && second == 0xdb8) || (first == 0x3fff && second < 0x1000);
    let protocols = first == 0x2001 && second < 0x200;
    let six_to_four = first == 0x2002;
    let anycast_of_old = first == 0x2620 && second == 0x4f && third == 0x8000;
    given_out && !documentation && !protocols && !six_to_four && !anycast_of_old
}

/// An address inside of somebody's own network, this machine included. Never
/// link-local, and never the one where a cloud hands out credentials.
pub(super) fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let shared = matches!(ip.octets(), [100, second, ..] if second & 0xc0 == 64);
            ip.is_private() || ip.is_loopback() || (shared && !is_metadata_v4(ip))
        }
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(mapped) => is_private(IpAddr::V4(mapped)),
            None => {
                ip.is_loopback() || (ip.segments()[0] & 0xfe00 == 0xfc00 && !is_metadata_v6(ip))
            }
        },
    }
}

/// Alibaba's metadata service lives in the shared range.
fn is_metadata_v4(ip: Ipv4Addr) -> bool {
    ip.octets() == [100, 100, 100, 200]
}

/// Amazon's and Google's metadata services have local addresses.
fn is_metadata_v6(ip: Ipv6Addr) -> bool {
    matches!(
        ip.segments(),
        [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254]
    )
}
