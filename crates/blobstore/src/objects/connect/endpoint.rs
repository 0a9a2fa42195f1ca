//! Addresses of servers: with and without a scheme, public or not.

use std::net::IpAddr;

/// The address with a scheme and without a slash behind.
pub(super) fn with_scheme(text: &str, secure: bool) -> String {
    let text = text.trim_end_matches('/');
    if text.contains("://") {
        return text.to_owned();
    }
    let scheme = if secure { "https" } else { "http" };
    format!("{scheme}://{text}")
}

/// The address with a label before its host.
pub(super) fn with_label(url: &str, label: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{label}.{rest}"),
        None => format!("{label}.{url}"),
    }
}

pub(super) fn is_plain(url: &str) -> bool {
    url.starts_with("http://")
}

/// Endings of names that only machines close by can resolve.
const LOCAL: [&str; 7] =
    [".localhost", ".local", ".internal", ".localdomain", ".svc", ".lan", ".home.arpa"];

/// Whether clients elsewhere can be expected to reach this server: not if it is
/// a loopback or private address, a name without a dot or a local one.
pub(crate) fn is_public(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(v4)) => {
            !(v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_unspecified())
        }
        Ok(IpAddr::V6(v6)) => {
            !(v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local())
        }
        Err(_) => {
            let host = host.trim_end_matches('.').to_ascii_lowercase();
            host.contains('.') && !LOCAL.iter().any(|ending| host.ends_with(ending))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_that_clients_elsewhere_cannot_reach_are_not_public() {
        for url in [
            "http://127.0.0.1:9000",
            "http://10.0.0.7",
            "http://192.168.1.5:9000/x",
            "http://[::1]:9000",
            "https://[fd00::1]",
            "http://minio:9000",
            "minio",
            "http://localhost:9000",
            "https://store.internal",
            "http://minio.registry.svc:9000",
        ] {
            assert!(!is_public(url), "{url}");
        }
        for url in [
            "https://s3.eu-central-1.amazonaws.com/bucket",
            "https://8.8.8.8",
            "s3.example.com:9000",
        ] {
            assert!(is_public(url), "{url}");
        }
    }

    #[test]
    fn an_address_gets_the_scheme_that_secure_asks_for() {
        assert_eq!(with_scheme("minio:9000/", true), "https://minio:9000");
        assert_eq!(with_scheme("minio:9000", false), "http://minio:9000");
        assert_eq!(with_scheme("http://minio:9000", true), "http://minio:9000");
        assert_eq!(with_label("http://minio:9000", "b"), "http://b.minio:9000");
    }
}
