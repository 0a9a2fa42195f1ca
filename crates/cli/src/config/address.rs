//! Addresses of other services: `https://minio.example.org:9000`.

use std::fmt;
use std::net::IpAddr;

use super::problem::{Problems, shorten};
use super::section::Section;

/// Scheme, host with port, and path of an address; never a user, a query or a fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// `http` or `https`.
    pub(super) scheme: &'static str,
    /// Host and port as written.
    pub(super) authority: String,
    /// Empty, or a slash and more; without a slash at the end.
    pub(super) path: String,
}

impl Address {
    /// Reads an address; one without a scheme gets `scheme` if given.
    pub(super) fn parse(text: &str, scheme: Option<&'static str>) -> Option<Self> {
        let (scheme, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => ("https", rest),
            (_, Some(rest)) => ("http", rest),
            _ if text.contains("://") => return None,
            _ => (scheme?, text),
        };
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at_checked(slash)?,
            None => (rest, ""),
        };
        let good = |c: char| c.is_ascii_graphic() && !matches!(c, '@' | '?' | '#' | '"' | '\\');
        let port = authority.rsplit_once(':').filter(|(_, port)| !port.ends_with(']'));
        let port_fits = port.is_none_or(|(_, port)| port.parse::<u16>().is_ok());
        let host = port.map_or(authority, |(host, _)| host);
        let path = path.trim_end_matches('/');
        let fits = !host.is_empty() && port_fits && authority.chars().chain(path.chars()).all(good);
        fits.then(|| Self { scheme, authority: authority.to_owned(), path: path.to_owned() })
    }

    /// Reads the address under `key`; a malformed one is an error.
    pub(super) fn read(
        section: &Section<'_>,
        key: &str,
        scheme: Option<&'static str>,
        problems: &mut Problems<'_>,
    ) -> Option<Self> {
        let text = section.text(key)?;
        let address = Self::parse(&text, scheme);
        if address.is_none() {
            // A user and a password before the host are no business of a message.
            let shown = text.rsplit_once('@').map_or(text.as_str(), |(_, host)| host);
            let problem = format!("{:?} is no address", shorten(shown));
            section.error(problems, key, problem, "write it as https://store.example.org:9000");
        }
        address
    }

    /// The same for an address that must not have a path.
    pub(super) fn read_base(
        section: &Section<'_>,
        key: &str,
        scheme: Option<&'static str>,
        problems: &mut Problems<'_>,
    ) -> Option<Self> {
        let address = Self::read(section, key, scheme, problems)?;
        if !address.path.is_empty() {
            let text = format!("must not have a path, as {:?}", shorten(&address.path));
            section.error(problems, key, text, "name scheme, host and port only");
        }
        Some(address)
    }

    /// True for `10.0.0.1:9000` and `[::1]`, below which no name can stand.
    pub(super) fn is_ip(&self) -> bool {
        let host = match self.authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => host,
            _ => self.authority.as_str(),
        };
        host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn an_address_has_a_scheme_a_host_and_maybe_a_port_and_a_path() {
        for (text, expected) in [
            ("https://a.example", Some("https://a.example")),
            ("http://10.0.0.1:9000/", Some("http://10.0.0.1:9000")),
            ("http://[::1]:9000/a/b/", Some("http://[::1]:9000/a/b")),
            ("minio:9000", Some("https://minio:9000")),
            ("", None),
            ("https://", None),
            ("https://:80", None),
            ("https://a:port", None),
            ("https://u:p@a", None),
            ("https://a?b", None),
            ("https://a b", None),
            ("ftp://a", None),
        ] {
            let read = Address::parse(text, Some("https")).map(|address| address.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        }
        assert_eq!(Address::parse("minio:9000", None), None);
    }

    #[test]
    fn an_ip_is_told_from_a_name() {
        let is_ip = |text| Address::parse(text, None).is_some_and(|address| address.is_ip());
        assert!(is_ip("http://10.0.0.1:9000") && is_ip("http://10.0.0.1") && is_ip("http://[::1]"));
        assert!(is_ip("http://[::1]:9000"));
        assert!(!is_ip("http://minio:9000") && !is_ip("http://a.example"));
    }
}
