//! What certificates say: under which names we answer, and who a client is.

use std::net::IpAddr;

use http::uri::Authority;
use registry::access::CertificateIdentity;
use rustls_pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

/// Most alternative names that are looked at.
const MAX_NAMES: usize = 1000;

/// What the handshake of a connection said.
#[derive(Debug)]
pub(crate) struct TlsPeer {
    /// The names of the certificate that we showed.
    pub names: std::sync::Arc<ServerNames>,
    /// Who the client is, if its certificate was verified.
    pub client: Option<CertificateIdentity>,
}

/// The names that a certificate of ours is made out to.
#[derive(Debug, Default)]
pub(crate) struct ServerNames {
    dns: Vec<String>,
    addresses: Vec<IpAddr>,
}

impl ServerNames {
    /// The alternative names of a certificate; the common name has not counted
    /// for servers for years.
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Self {
        let mut names = Self::default();
        for_each_name(certificate, |name| match name {
            GeneralName::DNSName(dns) => names.dns.push(dns.to_ascii_lowercase()),
            GeneralName::IPAddress(bytes) => names.addresses.extend(address(bytes)),
            _ => {}
        });
        names
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.dns.is_empty() && self.addresses.is_empty()
    }

    /// Whether `authority`, a host perhaps with a port, is one of them. An
    /// asterisk stands for one label.
    pub(crate) fn cover(&self, authority: &str) -> bool {
        let Ok(authority) = authority.parse::<Authority>() else { return false };
        let host = authority.host().trim_matches(['[', ']']).to_ascii_lowercase();
        if let Ok(address) = host.parse::<IpAddr>() {
            return self.addresses.contains(&address);
        }
        let below = host.split_once('.').map(|(_, rest)| rest);
        self.dns.iter().any(|name| match name.strip_prefix("*.") {
            Some(parent) => below == Some(parent),
            None => *name == host,
        })
    }
}

/// Who a client certificate is made out to. One with several common names is
/// made out to nobody in particular, so none of them counts.
pub(crate) fn identity(certificate: &CertificateDer<'_>) -> Option<CertificateIdentity> {
    let (_, parsed) = X509Certificate::from_der(certificate.as_ref()).ok()?;
    let mut common = parsed.subject().iter_common_name();
    let first = common.next().and_then(|name| name.as_str().ok()).map(str::to_owned);
    let common_name = first.filter(|_| common.next().is_none());
    let mut identity = CertificateIdentity { common_name, ..CertificateIdentity::default() };
    for_each_name(certificate, |name| match name {
        GeneralName::RFC822Name(mail) => identity.emails.push((*mail).to_owned()),
        GeneralName::DNSName(dns) => identity.dns_names.push((*dns).to_owned()),
        GeneralName::URI(uri) => identity.uris.push((*uri).to_owned()),
        _ => {}
    });
    Some(identity)
}

fn for_each_name(certificate: &CertificateDer<'_>, mut take: impl FnMut(&GeneralName<'_>)) {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate.as_ref()) else { return };
    let Ok(Some(names)) = parsed.subject_alternative_name() else { return };
    names.value.general_names.iter().take(MAX_NAMES).for_each(&mut take);
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(bytes)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn certificate(change: impl FnOnce(&mut CertificateParams)) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        change(&mut params);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    #[test]
    fn a_host_is_ours_if_the_certificate_says_so() {
        let names = ServerNames::of(&certificate(|params| {
            params.subject_alt_names = vec![
                SanType::DnsName("Reg.example".try_into().unwrap()),
                SanType::DnsName("*.wild.example".try_into().unwrap()),
                SanType::IpAddress("192.0.2.1".parse().unwrap()),
                SanType::IpAddress("2001:db8::1".parse().unwrap()),
            ];
        }));
        for host in [
            "reg.example",
            "REG.example:5000",
            "a.wild.example",
            "192.0.2.1:443",
            "[2001:db8::1]:443",
        ] {
            assert!(names.cover(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "wild.example",
            "a.b.wild.example",
            "192.0.2.2",
            "reg.example.",
            "reg.example@evil",
            "reg.example/x",
            "*.wild.example.evil",
            "[::1]",
        ] {
            assert!(!names.cover(host), "{host}");
        }
    }

    #[test]
    fn a_common_name_does_not_make_a_server_s_name() {
        let named = certificate(|params| {
            params.distinguished_name.push(DnType::CommonName, "reg.example");
        });
        assert!(ServerNames::of(&named).is_empty());
    }

    #[test]
    fn a_client_is_who_its_certificate_says() {
        let identity = identity(&certificate(|params| {
            params.distinguished_name.push(DnType::CommonName, "ann");
            params.subject_alt_names = vec![
                SanType::Rfc822Name("ann@example.org".try_into().unwrap()),
                SanType::URI("spiffe://example.org/ann".try_into().unwrap()),
            ];
        }))
        .unwrap();
        assert_eq!(identity.common_name.as_deref(), Some("ann"));
        assert_eq!(identity.emails, ["ann@example.org"]);
        assert_eq!(identity.uris, ["spiffe://example.org/ann"]);
    }

    #[test]
    fn what_is_no_certificate_is_nobody() {
        let whole = certificate(|_| {});
        for end in 0..whole.len() {
            assert_eq!(identity(&CertificateDer::from(whole[..end].to_vec())), None);
        }
    }
}
