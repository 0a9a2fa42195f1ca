//! Addresses as CloudFront checks them.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
    VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use store::Timestamp;

use super::*;

/// Made with `openssl genrsa -traditional 2048` and `openssl ecparam -genkey -name prime256v1` for
/// these tests alone.
const RSA: &str = include_str!("tests/rsa.pem");
const P256: &str = include_str!("tests/p256.pem");

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_767_289_200_999)
    }
    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}

fn settings(key: &str) -> CloudFrontSettings {
    CloudFrontSettings {
        base_url: "https://d111111abcdef8.cloudfront.net/".to_owned(),
        private_key: Secret::new(key),
        key_pair_id: "K2JCJMDEHXQW5F".to_owned(),
        lifetime: Duration::from_secs(1200),
        direct: None,
    }
}

fn address(key: &str, object: &str) -> String {
    CloudFront::new(settings(key), Arc::new(Fixed)).unwrap().address(object).unwrap()
}

/// The parts of an address: what is signed, the signature, the rest.
fn taken_apart(address: &str) -> (String, Vec<u8>, String) {
    let (url, query) = address.split_once('?').unwrap();
    let rest = query.strip_prefix("Expires=1767290400&Signature=").unwrap();
    let (signature, rest) = rest.split_once('&').unwrap();
    let letters = signature.replace('-', "+").replace('_', "=").replace('~', "/");
    let policy = format!(
        "{{\"Statement\":[{{\"Resource\":\"{url}\",\"Condition\":{{\"DateLessThan\":\
         {{\"AWS:EpochTime\":1767290400}}}}}}]}}"
    );
    (policy, STANDARD.decode(letters).unwrap(), rest.to_owned())
}

fn is_signed(address: &str, algorithm: &'static dyn VerificationAlgorithm, public: &[u8]) {
    let (policy, signature, rest) = taken_apart(address);
    assert_eq!(rest, "Key-Pair-Id=K2JCJMDEHXQW5F&Hash-Algorithm=SHA256");
    UnparsedPublicKey::new(algorithm, public).verify(policy.as_bytes(), &signature).unwrap();
}

#[test]
fn an_address_is_signed_with_either_kind_of_key() {
    let object = "root/docker/registry/v2/blobs/sha256/ab/abcd/data";
    let (Ok(SigningKey::Rsa(rsa)), Ok(SigningKey::P256(p256))) =
        (SigningKey::parse(RSA.as_bytes()), SigningKey::parse(P256.as_bytes()))
    else {
        panic!("two keys")
    };
    let by_rsa = address(RSA, object);
    let expected =
        "https://d111111abcdef8.cloudfront.net/root/docker/registry/v2/blobs/sha256/ab/abcd/data?";
    assert!(by_rsa.starts_with(expected), "{by_rsa}");
    is_signed(&by_rsa, &RSA_PKCS1_2048_8192_SHA256, rsa.public_key().as_ref());
    is_signed(&address(P256, object), &ECDSA_P256_SHA256_ASN1, p256.public_key().as_ref());
}

/// What `openssl dgst -sha256 -sign rsa.pem | openssl base64 -A | tr -- '+=/' '-_~'`, as Amazon's
/// manual has it, makes of the policy for this object.
#[test]
fn the_signature_is_the_one_that_openssl_makes() {
    let address = address(RSA, "data");
    let expected = include_str!("tests/openssl.txt").trim();
    assert!(address.contains(&format!("&Signature={expected}&")), "{address}");
}

#[test]
fn a_name_in_the_bucket_is_written_as_addresses_are() {
    let address = address(P256, "a b/ä+%/data");
    let expected = "https://d111111abcdef8.cloudfront.net/a%20b/%C3%A4%2B%25/data?Expires=";
    assert!(address.starts_with(expected), "{address}");
}

#[test]
fn a_key_that_is_none_is_refused_without_a_word_of_it() {
    let p384 = include_str!("tests/p384.pem");
    for key in ["", "hunter2", p384, &RSA.replace("MII", "hunter2"), &RSA.replace("RSA ", "")] {
        let error = CloudFront::new(settings(key), Arc::new(Fixed)).unwrap_err().to_string();
        assert!(error.contains("options.privatekey: is no key that CloudFront takes"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn clients_whose_address_nobody_knows_go_to_the_cdn() {
    let direct =
        AmazonClients { regions: vec![], url: "http://127.0.0.1:9/".into(), every: Duration::MAX };
    let settings = CloudFrontSettings { direct: Some(direct), ..settings(P256) };
    let cloudfront = CloudFront::new(settings, Arc::new(Fixed)).unwrap();
    assert!(!cloudfront.is_direct(None));
    assert!(!cloudfront.is_direct(Some("3.5.140.1".parse().unwrap())));
}
