//! Certificates that are trusted to sign tokens, or to vouch for keys that do.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use serde_json::Value;
use store::Timestamp;
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter};

use crate::jose::{KeySet, KnownKey, PublicKey, TokenRefusal};

/// Most certificates of a bundle.
const MAX_BUNDLE: usize = 200;
/// Most certificates of a token's chain.
const MAX_CHAIN: usize = 10;

/// The certificates of `rootcertbundle`.
#[derive(Debug)]
pub(super) struct Bundle {
    certificates: Vec<CertificateDer<'static>>,
    anchors: Vec<TrustAnchor<'static>>,
    keys: KeySet,
}

impl Bundle {
    /// Reads a PEM file; what is no certificate in it is passed over.
    pub(super) fn parse(pem: &[u8]) -> Result<Self, String> {
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let certificates = read.map_err(|e| format!("it is no PEM file: {e}"))?;
        if certificates.is_empty() {
            return Err("there is no certificate in it".to_owned());
        }
        if certificates.len() > MAX_BUNDLE {
            return Err(format!("there are more than {MAX_BUNDLE} certificates in it"));
        }
        let mut anchors = Vec::new();
        let mut keys = Vec::new();
        for (index, certificate) in certificates.iter().enumerate() {
            let anchor = webpki::anchor_from_trusted_cert(certificate)
                .map_err(|e| format!("certificate {}: {e}", index + 1))?
                .to_owned();
            match anchor_key(&anchor) {
                Some(key) => keys.push(KnownKey::new(key)),
                None => tracing::warn!(
                    certificate = index + 1,
                    "rootcertbundle: a key of this kind or size cannot verify tokens"
                ),
            }
            anchors.push(anchor);
        }
        Ok(Self { certificates, anchors, keys: KeySet::new(keys) })
    }

    /// The keys of the certificates themselves.
    pub(super) fn keys(&self) -> &KeySet {
        &self.keys
    }

    /// The key of the first certificate of `chain` (an `x5c` header), if that
    /// certificate is one of ours or leads to one at `now`.
    pub(super) fn vouches(&self, chain: &Value, now: Timestamp) -> Result<PublicKey, TokenRefusal> {
        let chain = read_chain(chain).ok_or(TokenRefusal::Header("x5c"))?;
        let (first, others) = chain.split_first().ok_or(TokenRefusal::Header("x5c"))?;
        if self.certificates.contains(first) {
            // Its key is trusted by name, too; a certificate that signs itself
            // is no chain that could be followed.
            let anchor = webpki::anchor_from_trusted_cert(first);
            return anchor.ok().as_ref().and_then(anchor_key).ok_or(TokenRefusal::Chain);
        }
        let seconds = u64::try_from(now.seconds()).map_err(|_| TokenRefusal::Chain)?;
        let end = EndEntityCert::try_from(first).map_err(|_| TokenRefusal::Chain)?;
        end.verify_for_usage(
            ALL_VERIFICATION_ALGS,
            &self.anchors,
            others,
            UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
            AnyUsage,
            None,
            None,
        )
        .map_err(|_| TokenRefusal::Chain)?;
        PublicKey::from_spki(end.subject_public_key_info().as_ref()).ok_or(TokenRefusal::Chain)
    }
}

fn anchor_key(anchor: &TrustAnchor<'_>) -> Option<PublicKey> {
    PublicKey::from_spki_content(anchor.subject_public_key_info.as_ref())
}

fn read_chain(chain: &Value) -> Option<Vec<CertificateDer<'static>>> {
    let entries = chain.as_array().filter(|entries| entries.len() <= MAX_CHAIN)?;
    let decode = |entry: &Value| STANDARD.decode(entry.as_str()?).ok().map(CertificateDer::from);
    entries.iter().map(decode).collect()
}

/// Certificates that sign tokens have no usage of their own: any will do.
struct AnyUsage;

impl ExtendedKeyUsageValidator for AnyUsage {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        Ok(())
    }
}
