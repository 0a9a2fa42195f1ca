use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _};
use rcgen::PublicKeyData as _;

use super::*;

fn jwk(text: &str) -> PublicKey {
    PublicKey::from_jwk(&crate::jose::parse_object(text.as_bytes()).unwrap()).unwrap()
}

#[test]
fn the_thumbprint_is_the_one_of_rfc_7638() {
    let key = jwk(concat!(
        r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1"#,
        "RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4",
        "QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyr",
        "dkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        r#"","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#
    ));
    assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

#[test]
fn the_thumbprint_of_an_ed25519_key_is_the_one_of_rfc_8037() {
    let key =
        jwk(r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#);
    assert_eq!(key.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn a_key_is_the_same_in_every_form() {
    for algorithm in [
        &rcgen::PKCS_ECDSA_P256_SHA256,
        &rcgen::PKCS_ECDSA_P384_SHA384,
        &rcgen::PKCS_ECDSA_P521_SHA512,
        &rcgen::PKCS_ED25519,
        &rcgen::PKCS_RSA_SHA256,
    ] {
        let spki = rcgen::KeyPair::generate_for(algorithm).unwrap().subject_public_key_info();
        let key = PublicKey::from_spki(&spki).unwrap();
        assert_eq!(key.to_spki(), spki);
        assert_eq!(PublicKey::from_jwk(&key.to_jwk()).unwrap(), key);
        let groups: Vec<_> = key.libtrust_id().split(':').map(str::len).collect();
        assert_eq!(groups, [4; 12]);
    }
}

#[test]
fn damaged_keys_are_no_keys_and_no_panics() {
    let spki = rcgen::KeyPair::generate().unwrap().subject_public_key_info();
    for end in 0..spki.len() {
        assert_eq!(PublicKey::from_spki(&spki[..end]), None);
    }
    for index in 0..spki.len() {
        let mut damaged = spki.clone();
        damaged[index] ^= 0xff;
        let _ = PublicKey::from_spki(&damaged).map(|key| key.verify(Algorithm::Es256, b"", b""));
    }
}

#[test]
fn weak_and_odd_keys_are_refused() {
    for text in [
        r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#,
        r#"{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}"#,
        r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#,
        r#"{"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
        r#"{"kty":"oct","k":"c2VjcmV0"}"#,
        r#"{"kty":1}"#,
        "{}",
    ] {
        let jwk = crate::jose::parse_object(text.as_bytes()).unwrap();
        assert_eq!(PublicKey::from_jwk(&jwk), None, "{text}");
    }
}

fn verifies_only(key: &PublicKey, algorithm: Algorithm, signature: &[u8]) {
    assert!(key.verify(algorithm, b"message", signature), "{algorithm}");
    assert!(!key.verify(algorithm, b"massage", signature), "{algorithm}");
    assert!(!key.verify(algorithm, b"message", b""), "{algorithm}");
    for other in Algorithm::ALL.into_iter().filter(|other| *other != algorithm) {
        assert!(!key.verify(other, b"message", signature), "{algorithm} as {other}");
    }
}

#[test]
fn elliptic_signatures_verify_with_their_own_curve_alone() {
    let curves: [(&EcdsaSigningAlgorithm, _); 3] = [
        (&signature::ECDSA_P256_SHA256_FIXED_SIGNING, Algorithm::Es256),
        (&signature::ECDSA_P384_SHA384_FIXED_SIGNING, Algorithm::Es384),
        (&signature::ECDSA_P521_SHA512_FIXED_SIGNING, Algorithm::Es512),
    ];
    for (signing, algorithm) in curves {
        let pair = EcdsaKeyPair::generate(signing).unwrap();
        let point = pair.public_key().as_ref();
        let (x, y) = point[1..].split_at(point.len() / 2);
        let curve = Curve::ALL.into_iter().find(|curve| curve.bytes() == x.len()).unwrap();
        let key = PublicKey::ec(curve, x.to_vec(), y.to_vec()).unwrap();
        let signature = pair.sign(&SystemRandom::new(), b"message").unwrap();
        verifies_only(&key, algorithm, signature.as_ref());
    }
}

#[test]
fn edwards_signatures_verify() {
    let pair = Ed25519KeyPair::generate().unwrap();
    let key = PublicKey(Material::Ed25519(pair.public_key().as_ref().try_into().unwrap()));
    verifies_only(&key, Algorithm::EdDsa, pair.sign(b"message").as_ref());
}

#[test]
fn rsa_signatures_verify_with_their_own_padding_and_hash_alone() {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let public = der::only(der::SEQUENCE, pair.public_key().as_ref()).unwrap();
    let (n, e) = der::take(der::INTEGER, public).unwrap();
    let key = PublicKey::rsa(n, der::only(der::INTEGER, e).unwrap()).unwrap();
    for (padding, algorithm) in [
        (&signature::RSA_PKCS1_SHA256, Algorithm::Rs256),
        (&signature::RSA_PKCS1_SHA384, Algorithm::Rs384),
        (&signature::RSA_PKCS1_SHA512, Algorithm::Rs512),
        (&signature::RSA_PSS_SHA256, Algorithm::Ps256),
        (&signature::RSA_PSS_SHA384, Algorithm::Ps384),
        (&signature::RSA_PSS_SHA512, Algorithm::Ps512),
    ] {
        let mut made = vec![0; pair.public_modulus_len()];
        pair.sign(padding, &SystemRandom::new(), b"message", &mut made).unwrap();
        verifies_only(&key, algorithm, &made);
    }
}

#[test]
fn the_libtrust_fingerprint_is_the_one_that_registry_2_computes() {
    let key = jwk(concat!(
        r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","#,
        r#""y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}"#
    ));
    // Computed with another program, from the definition.
    let id = "KG4U:JTP2:KRGU:YMTT:VJV7:GUDC:LJ65:KO53:NJYX:EMTU:6U4L:DGRA";
    assert_eq!(key.libtrust_id(), id);
}
