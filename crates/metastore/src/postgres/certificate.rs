//! The certificate by which we prove to the server who we are.
//!
//! Read anew for each connection, as the server's own clients do: whoever
//! renews it puts the new files in the place of the old ones.

use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use store::StoreError;

use super::options::ClientCertificate;

/// A certificate with its key, as they lie in files.
#[derive(Debug)]
pub(crate) struct FromFiles {
    files: ClientCertificate,
    provider: Arc<CryptoProvider>,
    newest: Mutex<Arc<CertifiedKey>>,
}

impl FromFiles {
    /// Reads both files.
    ///
    /// # Errors
    /// If one cannot be read, the two do not belong together, or others may
    /// read the key.
    pub(crate) fn read(
        files: &ClientCertificate,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, StoreError> {
        let read = pair(files, provider).map_err(|text| {
            StoreError::Failed(format!("the client certificate for PostgreSQL: {text}"))
        })?;
        let (files, provider) = (files.clone(), Arc::clone(provider));
        Ok(Self { files, provider, newest: Mutex::new(Arc::new(read)) })
    }
}

impl ResolvesClientCert for FromFiles {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let read = pair(&self.files, &self.provider);
        let mut newest = self.newest.lock();
        match read {
            Ok(read) => *newest = Arc::new(read),
            // Between two files that are replaced one after the other, for one.
            Err(error) => tracing::warn!(
                error,
                "the client certificate for PostgreSQL cannot be read; the last one is used"
            ),
        }
        Some(Arc::clone(&newest))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn pair(files: &ClientCertificate, provider: &CryptoProvider) -> Result<CertifiedKey, String> {
    let ClientCertificate { certificate, key } = files;
    let of = |what: &str, path: &std::path::Path, error: &dyn std::fmt::Display| {
        format!("{what} {}: {error}", path.display())
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| of("sslcert", certificate, &error))?;
    if chain.is_empty() {
        return Err(of("sslcert", certificate, &"holds no certificate"));
    }
    let metadata = std::fs::metadata(key).map_err(|error| of("sslkey", key, &error))?;
    if let Some(reason) = is_open(metadata.mode(), metadata.uid()) {
        return Err(of("sslkey", key, &reason));
    }
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| of("sslkey", key, &format!("{error}; a PEM file without a password")))?;
    CertifiedKey::from_der(chain, private, provider)
        .map_err(|error| of("sslkey", key, &format!("does not fit sslcert: {error}")))
}

/// Why a key with this mode and owner is one that others may read; the same
/// test as that of the server's own clients.
fn is_open(mode: u32, owner: u32) -> Option<&'static str> {
    // A key of root may be shared with us by our group.
    let forbidden = if owner == 0 { 0o037 } else { 0o077 };
    (mode & forbidden != 0).then_some(
        "others may read it; chmod 0600, or 0640 if it belongs to root and to a group of ours",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_others_may_read_is_open() {
        for (mode, owner, open) in [
            (0o100_600, 1000, false),
            (0o100_400, 0, false),
            (0o100_640, 0, false),
            (0o100_640, 1000, true),
            (0o100_660, 0, true),
            (0o100_644, 0, true),
            (0o100_604, 1000, true),
        ] {
            assert_eq!(is_open(mode, owner).is_some(), open, "{mode:o} of {owner}");
        }
    }
}
