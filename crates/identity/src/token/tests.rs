//! Every trick that was ever played with a signed token, against ours.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use serde_json::{Value, json};
use store::{OsRandom, Timestamp};

use super::*;
use crate::jose::BASE64URL;
use crate::testing::START;

const LEEWAY: Duration = Duration::from_secs(60);
const EXPECTED: Expected<'_> =
    Expected { issuer: "registry.example", audience: "registry.example", purpose: USE_REGISTRY };

fn ring() -> KeyRing {
    KeyRing::generate(START, &OsRandom).unwrap()
}

fn claims() -> Claims {
    let life = Duration::from_secs(900);
    let mut claims =
        Claims::new(EXPECTED.issuer, EXPECTED.audience, USE_REGISTRY, START, life, &OsRandom);
    claims.subject = "ann".into();
    claims.access = vec![Access::repository("team/app", &["pull", "push"])];
    (claims.account, claims.epoch, claims.credential) = (Some(7), Some(3), Some(11));
    claims
}

fn check(ring: &KeyRing, token: &str) -> Result<Claims, TokenRefusal> {
    verify(ring, token, &EXPECTED, START, LEEWAY)
}

/// A token with any header and any payload, signed by the ring's own key.
fn forged(ring: &KeyRing, header: &str, payload: &[u8]) -> String {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
    let stored: Value = serde_json::from_slice(&ring.to_bytes()).unwrap();
    let private = BASE64URL.decode(stored["current"]["d"].as_str().unwrap()).unwrap();
    let spki = ring.find(ring.current_id()).unwrap().to_spki();
    let pair = EcdsaKeyPair::from_private_key_and_public_key(
        &ECDSA_P256_SHA256_FIXED_SIGNING,
        &private,
        &spki[spki.len() - 65..],
    );
    let signed = format!("{}.{}", BASE64URL.encode(header), BASE64URL.encode(payload));
    let random = aws_lc_rs::rand::SystemRandom::new();
    let signature = pair.unwrap().sign(&random, signed.as_bytes()).unwrap();
    format!("{signed}.{}", BASE64URL.encode(signature))
}

fn header(ring: &KeyRing, change: impl FnOnce(&mut Value)) -> String {
    let mut header = json!({"alg": "ES256", "typ": "JWT", "kid": ring.current_id()});
    change(&mut header);
    header.to_string()
}

fn with_header(ring: &KeyRing, change: impl FnOnce(&mut Value)) -> Result<Claims, TokenRefusal> {
    check(ring, &forged(ring, &header(ring, change), &claims().to_json()))
}

fn with_claims(ring: &KeyRing, change: impl FnOnce(&mut Value)) -> Result<Claims, TokenRefusal> {
    let mut payload: Value = serde_json::from_slice(&claims().to_json()).unwrap();
    change(&mut payload);
    check(ring, &forged(ring, &header(ring, |_| ()), payload.to_string().as_bytes()))
}

#[test]
fn a_token_says_what_was_signed() {
    let (ring, claims) = (ring(), claims());
    let token = ring.sign(&claims).unwrap();
    assert_eq!(check(&ring, &token), Ok(claims.clone()));
    let payload: Value =
        serde_json::from_slice(&BASE64URL.decode(token.split('.').nth(1).unwrap()).unwrap())
            .unwrap();
    assert_eq!(payload["aud"], "registry.example", "one audience is written as a text");
    assert_eq!(payload["nbf"].as_i64().unwrap(), claims.issued - 5);
    let entry = json!({"type": "repository", "name": "team/app", "actions": ["pull", "push"]});
    assert_eq!(payload["access"], json!([entry]));
}

#[test]
fn an_anonymous_token_has_an_empty_subject() {
    let ring = ring();
    let mut claims = claims();
    claims.subject.clear();
    (claims.account, claims.epoch, claims.credential) = (None, None, None);
    claims.access = vec![Access { class: Some("image".into()), ..Access::default() }];
    assert_eq!(check(&ring, &ring.sign(&claims).unwrap()), Ok(claims));
}

#[test]
fn c5_no_signature_is_no_token() {
    let ring = ring();
    let payload = BASE64URL.encode(claims().to_json());
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = BASE64URL.encode(header(&ring, |header| header["alg"] = json!(alg)));
        for signature in ["", "AA"] {
            let token = format!("{header}.{payload}.{signature}");
            assert_eq!(check(&ring, &token), Err(TokenRefusal::Algorithm), "{alg}");
        }
    }
    let real = header(&ring, |_| ());
    let token = format!("{}.{payload}.", BASE64URL.encode(real));
    assert_eq!(check(&ring, &token), Err(TokenRefusal::Signature));
}

#[test]
fn c5_the_public_key_is_no_shared_secret() {
    let ring = ring();
    let public = ring.find(ring.current_id()).unwrap();
    let jwks = ring.jwks().to_string().into_bytes();
    let secrets =
        [public.to_spki(), public.to_spki()[26..].to_vec(), jwks, Vec::new(), b" ".to_vec()];
    for (alg, hash) in [("HS256", hmac::HMAC_SHA256), ("HS512", hmac::HMAC_SHA512)] {
        for secret in &secrets {
            let header = BASE64URL.encode(header(&ring, |header| header["alg"] = json!(alg)));
            let signed = format!("{header}.{}", BASE64URL.encode(claims().to_json()));
            let tag = hmac::sign(&hmac::Key::new(hash, secret), signed.as_bytes());
            let token = format!("{signed}.{}", BASE64URL.encode(tag));
            assert_eq!(check(&ring, &token), Err(TokenRefusal::Algorithm), "{alg}");
        }
    }
}

#[test]
fn c5_other_algorithms_are_not_ours() {
    let ring = ring();
    for alg in ["ES384", "RS256", "PS256", "EdDSA", "es256", "ES256 ", "ES256K"] {
        let result = with_header(&ring, |header| header["alg"] = json!(alg));
        assert_eq!(result, Err(TokenRefusal::Algorithm), "{alg}");
    }
    for alg in [json!(null), json!(["ES256"]), json!(1)] {
        assert!(with_header(&ring, |header| header["alg"] = alg).is_err());
    }
}

#[test]
fn c5_a_key_in_the_header_is_refused_even_if_it_is_ours() {
    let ring = ring();
    let own = ring.jwks()["keys"][0].clone();
    for (name, value) in [
        ("jwk", own),
        ("jku", json!("https://evil.example/keys")),
        ("x5c", json!(["AAAA"])),
        ("x5u", json!("https://evil.example/cert")),
        ("x5t", json!("AAAA")),
        ("x5t#S256", json!("AAAA")),
        ("crit", json!([])),
        ("crit", json!(["exp"])),
    ] {
        let result = with_header(&ring, |header| header[name] = value);
        assert_eq!(result, Err(TokenRefusal::Header(name)), "{name}");
    }
    let result = with_header(&ring, |header| header["b64"] = json!(false));
    assert!(matches!(result, Err(TokenRefusal::Malformed(_))));
}

#[test]
fn c5_a_key_in_the_header_does_not_verify() {
    let (ring, evil) = (ring(), ring());
    let header = header(&ring, |header| {
        header["jwk"] = evil.jwks()["keys"][0].clone();
        header["kid"] = json!(evil.current_id());
    });
    let token = forged(&evil, &header, &claims().to_json());
    assert_eq!(check(&ring, &token), Err(TokenRefusal::Header("jwk")));
    assert_eq!(check(&ring, &evil.sign(&claims()).unwrap()), Err(TokenRefusal::UnknownKey));
    let borrowed = super::tests::header(&ring, |_| ());
    let token = forged(&evil, &borrowed, &claims().to_json());
    assert_eq!(check(&ring, &token), Err(TokenRefusal::Signature));
}

#[test]
fn c5_a_key_id_is_only_ever_looked_up_in_the_ring() {
    let ring = ring();
    for kid in [
        "",
        " ",
        "../../../../dev/null",
        "/dev/null",
        "' OR 1=1 --",
        "x' UNION SELECT 'AAAA",
        "https://evil.example/jwks.json",
        "%00",
        &"k".repeat(5_000),
    ] {
        let result = with_header(&ring, |header| header["kid"] = json!(kid));
        assert_eq!(result, Err(TokenRefusal::UnknownKey), "{kid}");
    }
    assert!(with_header(&ring, |header| header["kid"] = json!(0)).is_err());
    let without = with_header(&ring, |header| {
        header.as_object_mut().unwrap().remove("kid");
    });
    assert_eq!(without, Err(TokenRefusal::UnknownKey));
}

#[test]
fn c5_another_type_of_token_is_refused() {
    let ring = ring();
    for typ in [json!("at+jwt"), json!("jwt"), json!(""), json!(null), json!("JOSE")] {
        assert!(with_header(&ring, |header| header["typ"] = typ).is_err());
    }
    let without = with_header(&ring, |header| {
        header.as_object_mut().unwrap().remove("typ");
    });
    assert!(without.is_err());
}

#[test]
fn c5_claims_that_must_be_there_must_be_there() {
    let ring = ring();
    for name in ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "use"] {
        let result = with_claims(&ring, |claims| {
            claims.as_object_mut().unwrap().remove(name);
        });
        assert_eq!(result, Err(TokenRefusal::Missing(name)));
        for wrong in [json!(null), json!({}), json!(true), json!([1])] {
            let result = with_claims(&ring, |claims| claims[name] = wrong);
            assert_eq!(result, Err(TokenRefusal::Claim(name)));
        }
    }
}

#[test]
fn c5_times_are_kept_with_a_minute_of_leeway() {
    let ring = ring();
    let token = ring.sign(&claims()).unwrap();
    let at = |seconds: i64| {
        let now = Timestamp::from_millis(START.millis() + seconds * 1000);
        verify(&ring, &token, &EXPECTED, now, LEEWAY).map(|_| ())
    };
    assert_eq!(at(900 + 59), Ok(()));
    assert_eq!(at(900 + 60), Err(TokenRefusal::Expired));
    assert_eq!(at(-60), Ok(()));
    assert_eq!(at(-61), Err(TokenRefusal::NotYet));
    assert_eq!(at(i64::from(i32::MAX)), Err(TokenRefusal::Expired));
    let exact = |by| verify(&ring, &token, &EXPECTED, START.before(by), Duration::ZERO);
    assert_eq!(exact(Duration::from_secs(5)), Err(TokenRefusal::NotYet), "made in the future");
}

#[test]
fn c5_the_far_future_and_the_far_past_are_refused() {
    let ring = ring();
    let now = START.seconds();
    for (name, value, refusal) in [
        ("exp", json!(now + 3600 * 24 * 365 * 100), TokenRefusal::TooLong),
        ("exp", json!(9_007_199_254_740_991_i64), TokenRefusal::TooLong),
        ("exp", json!(i64::MAX), TokenRefusal::Claim("exp")),
        ("exp", json!(u64::MAX), TokenRefusal::Claim("exp")),
        ("exp", json!(1e300), TokenRefusal::Claim("exp")),
        ("exp", json!(format!("{}", now + 900)), TokenRefusal::Claim("exp")),
        ("exp", json!(-1), TokenRefusal::Expired),
        ("exp", json!(0), TokenRefusal::Expired),
        ("iat", json!(now + 3600), TokenRefusal::NotYet),
        ("nbf", json!(now + 3600), TokenRefusal::NotYet),
        ("iat", json!(0), TokenRefusal::TooLong),
    ] {
        let result = with_claims(&ring, |claims| claims[name] = value.clone());
        assert_eq!(result, Err(refusal), "{name} {value}");
    }
}

#[test]
fn c4_a_token_for_somebody_else_or_something_else_is_refused() {
    let ring = ring();
    for (name, value, refusal) in [
        ("iss", json!("other.example"), TokenRefusal::Issuer),
        ("iss", json!(""), TokenRefusal::Issuer),
        ("aud", json!("other.example"), TokenRefusal::Audience),
        ("aud", json!([]), TokenRefusal::Audience),
        ("aud", json!(["registry.example.evil"]), TokenRefusal::Audience),
        ("use", json!("admin"), TokenRefusal::Use),
        ("use", json!(""), TokenRefusal::Use),
    ] {
        let result = with_claims(&ring, |claims| claims[name] = value);
        assert_eq!(result, Err(refusal), "{name}");
    }
    let several = json!(["other", "registry.example"]);
    assert!(with_claims(&ring, |claims| claims["aud"] = several).is_ok());
}

#[test]
fn c5_repeated_names_are_refused() {
    let ring = ring();
    let text = String::from_utf8(claims().to_json()).unwrap();
    let twice = text.replacen('{', r#"{"sub":"root","#, 1);
    let token = forged(&ring, &header(&ring, |_| ()), twice.as_bytes());
    assert!(matches!(check(&ring, &token), Err(TokenRefusal::Malformed(_))));
    let twice = header(&ring, |_| ()).replacen('{', r#"{"alg":"none","#, 1);
    let token = forged(&ring, &twice, text.as_bytes());
    assert!(matches!(check(&ring, &token), Err(TokenRefusal::Malformed(_))));
}

#[test]
fn c5_a_megabyte_and_ten_thousand_scopes_are_refused() {
    let ring = ring();
    let token = ring.sign(&claims()).unwrap();
    assert_eq!(check(&ring, &"A".repeat(1 << 20)), Err(TokenRefusal::TooLarge));
    assert_eq!(
        check(&ring, &format!("{token}{}", "A".repeat(1 << 20))),
        Err(TokenRefusal::TooLarge)
    );
    let entry = json!({"type": "", "name": "", "actions": []});
    for many in [10_000, 1_001] {
        assert!(
            with_claims(&ring, |claims| claims["access"] = json!(vec![entry.clone(); many]))
                .is_err()
        );
    }
    let mut large = claims();
    large.access = vec![Access::default(); 1_001];
    assert_eq!(ring.sign(&large), Err(SignError::TooLarge));
    large.access = vec![Access::repository(&"r".repeat(255), &["pull"]); 100];
    assert_eq!(ring.sign(&large), Err(SignError::TooLarge), "we sign nothing that we refuse");
    let mut long = claims();
    long.expires = long.issued + 24 * 3600 + 1;
    assert_eq!(ring.sign(&long), Err(SignError::TooLong));
}

#[test]
fn c5_access_of_another_form_is_refused_not_skipped() {
    let ring = ring();
    for access in [
        json!("repository:a:pull"),
        json!({}),
        json!([null]),
        json!(["repository:a:pull"]),
        json!([{"type": "repository", "name": "a"}]),
        json!([{"type": "repository", "name": "a", "actions": "pull"}]),
        json!([{"type": "repository", "name": "a", "actions": [1]}]),
        json!([{"type": "repository", "name": ["a"], "actions": []}]),
        json!([{"type": "repository", "name": "a", "class": 1, "actions": []}]),
        json!([{"type": "repository", "name": "a", "actions": vec!["pull"; 21]}]),
    ] {
        let result = with_claims(&ring, |claims| claims["access"] = access.clone());
        assert_eq!(result, Err(TokenRefusal::Claim("access")), "{access}");
    }
}

#[test]
fn c5_no_damage_gets_through_and_none_panics() {
    let ring = ring();
    let token = ring.sign(&claims()).unwrap();
    for end in 0..token.len() {
        assert!(check(&ring, &token[..end]).is_err(), "cut at {end}");
    }
    for index in 0..token.len() {
        for put in [b'A', b'.', b'=', b' ', b'+', 0] {
            let mut bytes = token.clone().into_bytes();
            if bytes[index] != put {
                bytes[index] = put;
                assert!(check(&ring, std::str::from_utf8(&bytes).unwrap()).is_err(), "{index}");
            }
        }
    }
    for odd in
        ["", ".", "..", "...", "é.é.é", "a.b.c.d", &format!("{token}."), &format!(" {token}")]
    {
        assert!(check(&ring, odd).is_err(), "{odd}");
    }
    assert!(check(&ring, &token.replace('.', "..")).is_err());
}

#[test]
fn a_signature_has_one_spelling() {
    let ring = ring();
    let token = ring.sign(&claims()).unwrap();
    assert!(check(&ring, &format!("{token}=")).is_err());
    // 64 bytes leave four unused bits in the last letter.
    let (head, last) = token.split_at(token.len() - 1);
    let twin = char::from(last.as_bytes()[0] + 1);
    assert!(check(&ring, &format!("{head}{twin}")).is_err());
}

#[test]
fn a_rotation_breaks_no_token_and_forgets_the_private_key() {
    let first = ring();
    let token = first.sign(&claims()).unwrap();
    let second = first.rotated(START, &OsRandom).unwrap();
    assert_ne!(first.current_id(), second.current_id());
    assert!(check(&second, &token).is_ok());
    assert!(check(&second, &second.sign(&claims()).unwrap()).is_ok());
    assert_eq!(check(&first, &second.sign(&claims()).unwrap()), Err(TokenRefusal::UnknownKey));
    let stored = String::from_utf8(second.to_bytes().to_vec()).unwrap();
    assert_eq!(stored.matches("\"d\"").count(), 1, "only the current key can sign");
}

#[test]
fn a_key_goes_when_its_last_token_is_over() {
    let first = ring();
    let second = first.rotated(START, &OsRandom).unwrap();
    let soon = START.after(LONGEST_LIFE);
    let third = second.rotated(soon, &OsRandom).unwrap();
    assert_eq!(third.jwks()["keys"].as_array().unwrap().len(), 3);
    let late = START.after(LONGEST_LIFE + Duration::from_secs(601));
    let fourth = third.rotated(late, &OsRandom).unwrap();
    assert_eq!(fourth.jwks()["keys"].as_array().unwrap().len(), 3);
    assert!(fourth.find(first.current_id()).is_none());
    assert!(fourth.find(second.current_id()).is_some());
}

#[test]
fn rotations_are_bounded() {
    let mut ring = ring();
    let refused = loop {
        match ring.rotated(START, &OsRandom) {
            Ok(next) => ring = next,
            Err(refused) => break refused,
        }
    };
    assert_eq!(refused, KeyRingError::TooOften);
    assert_eq!(ring.jwks()["keys"].as_array().unwrap().len(), 51);
}

#[test]
fn a_stored_ring_is_the_same_ring() {
    let ring = ring().rotated(START, &OsRandom).unwrap();
    let read = KeyRing::from_bytes(&ring.to_bytes()).unwrap();
    assert_eq!(read.jwks(), ring.jwks());
    assert_eq!(read.made(), ring.made());
    assert!(check(&ring, &read.sign(&claims()).unwrap()).is_ok());
}

#[test]
fn c26_a_damaged_ring_is_an_error() {
    let bytes = ring().rotated(START, &OsRandom).unwrap().to_bytes();
    for end in 0..bytes.len() {
        assert!(KeyRing::from_bytes(&bytes[..end]).is_err());
    }
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    for (from, to) in [("\"version\":1", "\"version\":2"), ("P-256", "P-384"), ("\"d\"", "\"e\"")] {
        assert!(KeyRing::from_bytes(text.replace(from, to).as_bytes()).is_err(), "{to}");
    }
}

#[test]
fn chance_decides_the_key() {
    struct Fixed(u8);
    impl store::Random for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }
    let id = |byte| KeyRing::generate(START, &Fixed(byte)).unwrap().current_id().to_owned();
    assert_eq!(id(7), id(7));
    assert_ne!(id(7), id(8));
    assert!(matches!(KeyRing::generate(START, &Fixed(0)), Err(KeyRingError::Random)));
}

#[test]
fn c23_no_key_prints_itself() {
    let ring = ring();
    let stored: Value = serde_json::from_slice(&ring.to_bytes()).unwrap();
    let printed = format!("{ring:?}");
    assert!(!printed.contains(stored["current"]["d"].as_str().unwrap()));
    assert!(!printed.contains("private"));
}

#[test]
fn the_published_keys_are_public() {
    let key = &ring().jwks()["keys"][0];
    assert_eq!(
        (&key["alg"], &key["use"], &key["kty"]),
        (&json!("ES256"), &json!("sig"), &json!("EC"))
    );
    assert!(key.get("d").is_none());
}
