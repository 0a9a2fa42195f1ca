//! TLS to the server, by the modes that its own clients know.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::server::ParsedCertificate;
use rustls::{
    ClientConfig, ConfigBuilder, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use store::StoreError;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::certificate::FromFiles;
use super::options::{PostgresOptions, RootCertificates, TlsMode};

/// Where systems keep the certificates that they trust.
const SYSTEM: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// What connections are encrypted with.
pub(crate) fn connector(options: &PostgresOptions) -> Result<MakeRustlsConnect, StoreError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(failed)?;
    let trusting = match (options.tls, &options.root_certificates) {
        (TlsMode::Disable | TlsMode::Prefer, _) | (TlsMode::Require, None) => {
            let verifier = Arc::new(Lenient::new(&provider, None));
            builder.dangerous().with_custom_certificate_verifier(verifier)
        }
        (TlsMode::Require | TlsMode::VerifyCa, Some(roots)) => {
            let verifier = Arc::new(Lenient::new(&provider, Some(store(roots)?)));
            builder.dangerous().with_custom_certificate_verifier(verifier)
        }
        (TlsMode::VerifyFull, Some(roots)) => {
            let roots = Arc::new(store(roots)?);
            let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider.clone());
            builder.with_webpki_verifier(verifier.build().map_err(failed)?)
        }
        (mode, None) => {
            return Err(StoreError::Failed(format!(
                "sslmode={} needs to know whom to trust: sslrootcert=FILE, or sslrootcert=system",
                mode.as_str()
            )));
        }
    };
    Ok(MakeRustlsConnect::new(introduced(trusting, options, &provider)?))
}

/// Who we are, to a server that asks for a certificate.
fn introduced(
    trusting: ConfigBuilder<ClientConfig, WantsClientCert>,
    options: &PostgresOptions,
    provider: &Arc<CryptoProvider>,
) -> Result<ClientConfig, StoreError> {
    let Some(files) = &options.client_certificate else {
        return Ok(trusting.with_no_client_auth());
    };
    let ours = FromFiles::read(files, provider)?;
    Ok(trusting.with_client_cert_resolver(Arc::new(ours)))
}

fn failed(error: impl std::fmt::Display) -> StoreError {
    StoreError::Failed(format!("TLS to PostgreSQL: {error}"))
}

fn store(roots: &RootCertificates) -> Result<RootCertStore, StoreError> {
    let path = match roots {
        RootCertificates::File(path) => path.as_path(),
        RootCertificates::System => {
            let there = SYSTEM.iter().map(Path::new).find(|path| path.is_file());
            there.ok_or_else(|| failed("the system has no file of trusted certificates"))?
        }
    };
    let failed = |text: String| failed(format!("sslrootcert {}: {text}", path.display()));
    let mut store = RootCertStore::empty();
    let certificates =
        CertificateDer::pem_file_iter(path).map_err(|error| failed(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| failed(error.to_string()))?;
        match (store.add(certificate), roots) {
            // The system's list may hold one that nobody needs here.
            (Ok(()), _) | (Err(_), RootCertificates::System) => {}
            (Err(error), RootCertificates::File(_)) => return Err(failed(error.to_string())),
        }
    }
    if store.is_empty() {
        return Err(failed("holds no certificate".into()));
    }
    Ok(store)
}

/// Takes any name, and any certificate unless it has roots. The handshake
/// itself is checked all the same.
#[derive(Debug)]
struct Lenient {
    roots: Option<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Lenient {
    fn new(provider: &CryptoProvider, roots: Option<RootCertStore>) -> Self {
        Self { roots, algorithms: provider.signature_verification_algorithms }
    }
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(roots) = &self.roots {
            let certificate = ParsedCertificate::try_from(end_entity)?;
            verify_server_cert_signed_by_trust_anchor(
                &certificate,
                roots,
                intermediates,
                now,
                self.algorithms.all,
            )?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
