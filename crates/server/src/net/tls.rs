//! TLS from certificate files, read again when they change.
//!
//! The key is read once at start, when the process may still be root; a later
//! change that cannot be read keeps the old certificate and says so.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature,
    verify_tls13_signature,
};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use tokio_rustls::TlsAcceptor;

use super::certificate::{ServerNames, TlsPeer, identity};

/// `http.tls.minimumtls`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MinimumTls {
    /// TLS 1.2 and 1.3.
    Tls12,
    /// TLS 1.3 only.
    Tls13,
}

/// `http.tls.clientauth`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// Ask; take any certificate or none.
    Request,
    /// Insist on a certificate, whoever signed it.
    RequireAny,
    /// Check a certificate if there is one.
    VerifyIfGiven,
    /// Insist on a certificate signed by a client authority.
    RequireAndVerify,
}

/// `http.tls` of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// Certificate chain, PEM.
    pub certificate: PathBuf,
    /// Private key, PEM.
    pub key: PathBuf,
    /// Authorities of client certificates, PEM; empty switches them off.
    pub client_authorities: Vec<PathBuf>,
    /// What is asked of clients when there are authorities.
    pub client_auth: ClientAuth,
    /// Oldest version spoken.
    pub minimum: MinimumTls,
    /// TLS 1.2 suites by their Go names; empty for all good ones.
    pub cipher_suites: Vec<String>,
    /// Whether HTTP/2 is offered.
    pub http2: bool,
}

type Stamp = Vec<Option<(std::time::SystemTime, u64)>>;

/// The present certificate.
pub struct TlsSource {
    settings: TlsSettings,
    current: RwLock<(Offer, Stamp)>,
}

/// What one connection is offered.
#[derive(Clone)]
pub(crate) struct Offer {
    config: Arc<ServerConfig>,
    names: Arc<ServerNames>,
    /// Whether a certificate that a client shows has been verified.
    verifies_clients: bool,
}

impl Offer {
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.config.clone())
    }

    /// What the handshake said. A certificate that was merely asked for says
    /// nothing: anybody could have made it.
    pub(crate) fn peer(&self, shown: Option<&[CertificateDer<'_>]>) -> TlsPeer {
        let shown = shown.filter(|_| self.verifies_clients).and_then(<[_]>::first);
        TlsPeer { names: self.names.clone(), client: shown.and_then(identity) }
    }
}

impl TlsSource {
    /// Reads the files. The error names the file and what is wrong with it.
    pub fn load(settings: TlsSettings) -> Result<Self, String> {
        let stamp = stamp(&settings);
        let offer = offer(&settings)?;
        Ok(Self { settings, current: RwLock::new((offer, stamp)) })
    }

    /// Reads the files again if they have changed; says whether they had. A
    /// failure leaves the old certificate and is tried again at the next call.
    pub fn reload_if_changed(&self) -> Result<bool, String> {
        if stamp(&self.settings) == self.current.read().1 {
            return Ok(false);
        }
        self.reload().map(|()| true)
    }

    /// Reads the files again.
    pub fn reload(&self) -> Result<(), String> {
        let stamp = stamp(&self.settings);
        let offer = offer(&self.settings)?;
        *self.current.write() = (offer, stamp);
        Ok(())
    }

    /// Whether the certificate has a name that clients can ask for.
    pub fn has_names(&self) -> bool {
        !self.current.read().0.names.is_empty()
    }

    pub(crate) fn offer(&self) -> Offer {
        self.current.read().0.clone()
    }
}

impl std::fmt::Debug for TlsSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.settings.fmt(f)
    }
}

fn stamp(settings: &TlsSettings) -> Stamp {
    let files =
        [&settings.certificate, &settings.key].into_iter().chain(&settings.client_authorities);
    files
        .map(|path| {
            let metadata = std::fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        })
        .collect()
}

fn offer(settings: &TlsSettings) -> Result<Offer, String> {
    let provider = Arc::new(provider(&settings.cipher_suites)?);
    let versions: &[&rustls::SupportedProtocolVersion] = match settings.minimum {
        MinimumTls::Tls12 => &[&rustls::version::TLS12, &rustls::version::TLS13],
        MinimumTls::Tls13 => &[&rustls::version::TLS13],
    };
    let chain = certificates("http.tls.certificate", &settings.certificate)?;
    let names = Arc::new(chain.first().map(ServerNames::of).unwrap_or_default());
    let key = PrivateKeyDer::from_pem_file(&settings.key)
        .map_err(|e| format!("http.tls.key: {}: {e}", settings.key.display()))?;
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(versions)
        .map_err(|e| format!("http.tls: {e}"))?;
    let builder = match client_verifier(settings, &provider)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|e| {
        let (certificate, key) = (settings.certificate.display(), settings.key.display());
        format!("http.tls: certificate {certificate} and key {key} do not work together: {e}")
    })?;
    config.alpn_protocols = match settings.http2 {
        true => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        false => vec![b"http/1.1".to_vec()],
    };
    let verifies_clients = !settings.client_authorities.is_empty()
        && matches!(settings.client_auth, ClientAuth::VerifyIfGiven | ClientAuth::RequireAndVerify);
    Ok(Offer { config: Arc::new(config), names, verifies_clients })
}

fn certificates(setting: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let bad = |problem: String| format!("{setting}: {}: {problem}", path.display());
    let found: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).map_err(|e| bad(e.to_string()))?.collect();
    let found = found.map_err(|e| bad(e.to_string()))?;
    if found.is_empty() { Err(bad("holds no certificate".into())) } else { Ok(found) }
}

/// All good suites, or those that `names` chooses for TLS 1.2.
fn provider(names: &[String]) -> Result<CryptoProvider, String> {
    let mut provider = aws_lc_rs::default_provider();
    if names.is_empty() {
        return Ok(provider);
    }
    let known: Vec<(String, rustls::SupportedCipherSuite)> = provider
        .cipher_suites
        .iter()
        .map(|suite| (format!("{:?}", suite.suite()), *suite))
        .collect();
    for name in names {
        if !known.iter().any(|(own, _)| go_name(own) == *name || own == name) {
            let all: Vec<String> = known.iter().map(|(own, _)| go_name(own)).collect();
            return Err(format!(
                "http.tls.ciphersuites: {name:?} is not offered; choose from {}",
                all.join(", ")
            ));
        }
    }
    // As in the original, TLS 1.3 suites are not a matter of choice.
    provider.cipher_suites = known
        .into_iter()
        .filter(|(own, suite)| {
            suite.tls13().is_some() || names.iter().any(|name| go_name(own) == *name || own == name)
        })
        .map(|(_, suite)| suite)
        .collect();
    Ok(provider)
}

/// Go leaves the hash out of the ChaCha20 names' alias and calls TLS 1.3
/// suites `TLS_…`, not `TLS13_…`.
fn go_name(own: &str) -> String {
    own.replacen("TLS13_", "TLS_", 1)
}

fn client_verifier(
    settings: &TlsSettings,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, String> {
    if settings.client_authorities.is_empty() {
        return Ok(None);
    }
    let mut roots = RootCertStore::empty();
    for path in &settings.client_authorities {
        for certificate in certificates("http.tls.clientcas", path)? {
            roots
                .add(certificate)
                .map_err(|e| format!("http.tls.clientcas: {}: {e}", path.display()))?;
        }
    }
    let algorithms = provider.signature_verification_algorithms;
    let verified = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let verifier: Arc<dyn ClientCertVerifier> = match settings.client_auth {
        ClientAuth::Request => Arc::new(AnyCertificate { mandatory: false, algorithms }),
        ClientAuth::RequireAny => Arc::new(AnyCertificate { mandatory: true, algorithms }),
        ClientAuth::VerifyIfGiven => verified
            .allow_unauthenticated()
            .build()
            .map_err(|e| format!("http.tls.clientcas: {e}"))?,
        ClientAuth::RequireAndVerify => {
            verified.build().map_err(|e| format!("http.tls.clientcas: {e}"))?
        }
    };
    Ok(Some(verifier))
}

/// Takes a certificate from anybody; the client must still hold its key.
#[derive(Debug)]
struct AnyCertificate {
    mandatory: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for AnyCertificate {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
