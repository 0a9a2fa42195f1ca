//! Signatures with SHA-256 under an operator's key.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use store::StoreError;

/// A key of which CloudFront has the public half.
pub(super) enum SigningKey {
    Rsa(rsa::KeyPair),
    P256(EcdsaKeyPair),
}

/// What there is to say of any other key; never what stands in it.
const WANTED: &str = "is no key that CloudFront takes; name a PEM file with an unencrypted RSA key \
                      of 2048 bits or more, or one on the curve P-256";

impl SigningKey {
    /// Reads PEM: PKCS#1, SEC1 or PKCS#8.
    pub(super) fn parse(pem: &[u8]) -> Result<Self, &'static str> {
        let der = PrivateKeyDer::from_pem_slice(pem).map_err(|_| WANTED)?;
        let curve = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let key = match &der {
            PrivateKeyDer::Pkcs1(key) => {
                rsa::KeyPair::from_der(key.secret_pkcs1_der()).map(Self::Rsa)
            }
            PrivateKeyDer::Sec1(key) => {
                EcdsaKeyPair::from_private_key_der(curve, key.secret_sec1_der()).map(Self::P256)
            }
            PrivateKeyDer::Pkcs8(key) => {
                let key = key.secret_pkcs8_der();
                rsa::KeyPair::from_pkcs8(key)
                    .map(Self::Rsa)
                    .or_else(|_| EcdsaKeyPair::from_pkcs8(curve, key).map(Self::P256))
            }
            _ => return Err(WANTED),
        };
        key.map_err(|_| WANTED)
    }

    /// The signature in the letters that CloudFront wants in an address.
    pub(super) fn sign(&self, text: &[u8]) -> Result<String, StoreError> {
        let failed = |_| StoreError::Failed("signing an address for CloudFront failed".to_owned());
        let random = SystemRandom::new();
        let signature = match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, text, &mut signature).map_err(failed)?;
                signature
            }
            Self::P256(key) => key.sign(&random, text).map_err(failed)?.as_ref().to_vec(),
        };
        let letter = |letter| match letter {
            '+' => '-',
            '=' => '_',
            '/' => '~',
            other => other,
        };
        Ok(STANDARD.encode(signature).chars().map(letter).collect())
    }
}
