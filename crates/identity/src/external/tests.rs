mod made_by_go;

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use serde_json::json;

use super::*;
use crate::jose::Algorithm;
use crate::outbound::Reach;
use crate::testing::{START, Server, Signer, TestClock};

struct Fixture {
    dir: tempfile::TempDir,
    clock: TestClock,
}

/// A certificate authority, in the bundle, and a signing certificate that it vouches for.
struct Authority {
    certificate: rcgen::Certificate,
    key: KeyPair,
    params: CertificateParams,
}

fn params(ca: bool) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.not_before = rcgen::date_time_ymd(2025, 1, 1);
    params.not_after = rcgen::date_time_ymd(2027, 1, 1);
    if ca {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    params
}

impl Authority {
    fn new() -> Self {
        let (key, params) = (KeyPair::generate().unwrap(), params(true));
        Self { certificate: params.self_signed(&key).unwrap(), key, params }
    }

    fn signer(&self) -> Signer {
        Signer::from_pkcs8(&self.key.serialize_der())
    }

    fn vouch(&self, params: &CertificateParams) -> (Signer, String) {
        let key = KeyPair::generate().unwrap();
        let issuer = Issuer::from_params(&self.params, &self.key);
        let certificate = params.signed_by(&key, &issuer).unwrap();
        (Signer::from_pkcs8(&key.serialize_der()), STANDARD.encode(certificate.der()))
    }
}

impl Fixture {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), clock: TestClock::new() }
    }

    fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn open(&self, bundle: Option<&str>, jwks: Option<KeysFrom>) -> ExternalTokens {
        let settings = ExternalSettings {
            issuer: "auth.example".into(),
            service: "registry.example".into(),
            root_certificates: bundle.map(|pem| self.put("bundle.pem", pem)),
            jwks,
            algorithms: allowed_algorithms(&[]).unwrap(),
            reach: Reach { plain_loopback: true, ..Reach::default() },
        };
        ExternalTokens::open(settings, Arc::new(self.clock.clone())).unwrap()
    }

    fn with_jwks(&self, keys: &[Value]) -> ExternalTokens {
        let path = self.put("jwks.json", &json!({"keys": keys}).to_string());
        self.open(None, Some(KeysFrom::File(path)))
    }
}

fn claims() -> Value {
    let now = START.seconds();
    json!({
        "iss": "auth.example", "sub": "ann", "aud": "registry.example",
        "exp": now + 300, "nbf": now, "iat": now, "jti": "1",
        "access": [{"type": "repository", "name": "team/app", "actions": ["pull", "*"]}],
    })
}

fn named(kid: &str) -> Value {
    json!({"alg": "ES256", "typ": "JWT", "kid": kid})
}

#[tokio::test]
async fn a_key_of_the_bundle_goes_by_both_names() {
    let (fixture, authority) = (Fixture::new(), Authority::new());
    let tokens = fixture.open(Some(&authority.certificate.pem()), None);
    let signer = authority.signer();
    for kid in [signer.key.libtrust_id(), signer.key.thumbprint()] {
        let read = tokens.verify(&signer.sign(&named(&kid), &claims())).await.unwrap();
        assert_eq!(read.subject, "ann");
        let allowed = crate::token::allows(&read.access, "repository", "team/app", "delete");
        assert!(allowed, "the action * is all of them");
        let other = Signer::new().sign(&named(&kid), &claims());
        assert_eq!(tokens.verify(&other).await, Err(TokenRefusal::Signature));
    }
    let unknown = signer.sign(&named("other"), &claims());
    assert_eq!(tokens.verify(&unknown).await, Err(TokenRefusal::UnknownKey));
    let nameless = signer.sign(&json!({"alg": "ES256"}), &claims());
    assert_eq!(tokens.verify(&nameless).await, Err(TokenRefusal::UnknownKey));
}

#[tokio::test]
async fn a_key_of_the_set_goes_by_its_own_name() {
    let (fixture, signer) = (Fixture::new(), Signer::new());
    let tokens = fixture.with_jwks(&[signer.jwk("key-1"), json!({"kty": "oct", "k": "AAAA"})]);
    for kid in ["key-1".to_owned(), signer.key.thumbprint(), signer.key.libtrust_id()] {
        assert!(tokens.verify(&signer.sign(&named(&kid), &claims())).await.is_ok(), "{kid}");
    }
    let carried = json!({"alg": "ES256", "jwk": signer.jwk("whatever")});
    assert!(tokens.verify(&signer.sign(&carried, &claims())).await.is_ok(), "a known key");
}

/// CVE-2025-24976: a key inside of the token was trusted because its *name* was
/// that of a known key.
#[tokio::test]
async fn cve_2025_24976_a_key_inside_of_the_token_is_not_trusted_by_its_name() {
    let fixture = Fixture::new();
    let (authority, known, evil) = (Authority::new(), Signer::new(), Signer::new());
    let path = fixture.put("jwks.json", &json!({"keys": [known.jwk("key-1")]}).to_string());
    let tokens = fixture.open(Some(&authority.certificate.pem()), Some(KeysFrom::File(path)));
    let trusted = authority.signer().key;
    for name in ["key-1", &known.key.thumbprint(), &trusted.thumbprint(), &trusted.libtrust_id()] {
        for outer in [None, Some(name)] {
            let mut header = json!({"alg": "ES256", "typ": "JWT", "jwk": evil.jwk(name)});
            if let Some(name) = outer {
                header["kid"] = json!(name);
            }
            let result = tokens.verify(&evil.sign(&header, &claims())).await;
            assert_eq!(result, Err(TokenRefusal::UnknownKey), "{name}");
        }
    }
    let other = Authority::new();
    let mut jwk = evil.jwk("key-1");
    jwk["x5c"] = json!([STANDARD.encode(other.certificate.der())]);
    let result = tokens.verify(&evil.sign(&json!({"alg": "ES256", "jwk": jwk}), &claims())).await;
    assert_eq!(result, Err(TokenRefusal::Chain));
    jwk["x5c"] = json!([STANDARD.encode(authority.certificate.der())]);
    let result = tokens.verify(&evil.sign(&json!({"alg": "ES256", "jwk": jwk}), &claims())).await;
    assert_eq!(result, Err(TokenRefusal::Chain), "a trusted certificate of another key");
}

#[tokio::test]
async fn a_chain_that_leads_to_the_bundle_is_trusted() {
    let (fixture, authority) = (Fixture::new(), Authority::new());
    let tokens = fixture.open(Some(&authority.certificate.pem()), None);
    let mut usage = params(false);
    usage.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
    for params in [params(false), usage] {
        let (signer, certificate) = authority.vouch(&params);
        let header = json!({"alg": "ES256", "typ": "JWT", "x5c": [certificate]});
        assert!(tokens.verify(&signer.sign(&header, &claims())).await.is_ok());
        let mut jwk = signer.jwk("");
        jwk["x5c"] = json!([certificate]);
        let header = json!({"alg": "ES256", "jwk": jwk});
        assert!(tokens.verify(&signer.sign(&header, &claims())).await.is_ok());
        let other = Signer::new().sign(&json!({"alg": "ES256", "x5c": [certificate]}), &claims());
        assert_eq!(tokens.verify(&other).await, Err(TokenRefusal::Signature));
    }
    let own = STANDARD.encode(authority.certificate.der());
    let header = json!({"alg": "ES256", "x5c": [own]});
    assert!(tokens.verify(&authority.signer().sign(&header, &claims())).await.is_ok());
}

#[tokio::test]
async fn a_chain_that_leads_elsewhere_is_not() {
    let (fixture, authority) = (Fixture::new(), Authority::new());
    let tokens = fixture.open(Some(&authority.certificate.pem()), None);
    let stranger = Authority::new();
    let (signer, certificate) = stranger.vouch(&params(false));
    let root = STANDARD.encode(stranger.certificate.der());
    let ours = STANDARD.encode(authority.certificate.der());
    for chain in [vec![&certificate], vec![&certificate, &root], vec![&certificate, &root, &ours]] {
        let header = json!({"alg": "ES256", "x5c": chain});
        let result = tokens.verify(&signer.sign(&header, &claims())).await;
        assert_eq!(result, Err(TokenRefusal::Chain));
    }
    let mut past = params(false);
    past.not_after = rcgen::date_time_ymd(2025, 6, 1);
    let (signer, certificate) = authority.vouch(&past);
    let header = json!({"alg": "ES256", "x5c": [certificate]});
    assert_eq!(tokens.verify(&signer.sign(&header, &claims())).await, Err(TokenRefusal::Chain));
    for odd in [json!([]), json!("AAAA"), json!([1]), json!(["!"]), json!(vec!["AAAA"; 11])] {
        let header = json!({"alg": "ES256", "x5c": odd});
        let result = tokens.verify(&signer.sign(&header, &claims())).await;
        assert_eq!(result, Err(TokenRefusal::Header("x5c")));
    }
    let header = json!({"alg": "ES256", "x5c": ["AAAA"]});
    assert_eq!(tokens.verify(&signer.sign(&header, &claims())).await, Err(TokenRefusal::Chain));
}

#[tokio::test]
async fn claims_are_checked_as_the_original_does() {
    let (fixture, signer) = (Fixture::new(), Signer::new());
    let tokens = fixture.with_jwks(&[signer.jwk("k")]);
    let now = START.seconds();
    let verify = async |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        tokens.verify(&signer.sign(&named("k"), &claims)).await.map(|_| ())
    };
    assert_eq!(verify("aud", json!(["a", "registry.example"])).await, Ok(()));
    assert_eq!(verify("exp", json!(now - 59)).await, Ok(()), "a minute of leeway");
    assert_eq!(verify("nbf", json!(now + 59)).await, Ok(()));
    assert_eq!(verify("exp", json!(now as f64 + 0.5)).await, Ok(()));
    assert_eq!(verify("access", json!(null)).await, Ok(()));
    assert_eq!(verify("iat", json!(now + 3600)).await, Ok(()));
    assert_eq!(verify("exp", json!(now - 60)).await, Err(TokenRefusal::Expired));
    assert_eq!(verify("nbf", json!(now + 61)).await, Err(TokenRefusal::NotYet));
    assert_eq!(verify("iss", json!("evil")).await, Err(TokenRefusal::Issuer));
    assert_eq!(verify("aud", json!("evil")).await, Err(TokenRefusal::Audience));
    assert_eq!(verify("aud", json!(["evil"])).await, Err(TokenRefusal::Audience));
    assert_eq!(verify("sub", json!(1)).await, Err(TokenRefusal::Claim("sub")));
    let mut least = claims();
    for optional in ["nbf", "iat", "jti", "sub", "access"] {
        least.as_object_mut().unwrap().remove(optional);
    }
    let read = tokens.verify(&signer.sign(&named("k"), &least)).await.unwrap();
    assert_eq!((read.subject.as_str(), read.access.len()), ("", 0));
}

#[tokio::test]
async fn only_allowed_algorithms_are_accepted() {
    let (fixture, signer) = (Fixture::new(), Signer::new());
    let mut tokens = fixture.with_jwks(&[signer.jwk("k")]);
    tokens.settings.algorithms = vec![Algorithm::Rs256];
    let result = tokens.verify(&signer.sign(&named("k"), &claims())).await;
    assert_eq!(result, Err(TokenRefusal::Algorithm));
    for alg in ["none", "HS256", "RS256"] {
        let header = json!({"alg": alg, "kid": "k"});
        let result = tokens.verify(&signer.sign(&header, &claims())).await;
        assert_eq!(result, Err(TokenRefusal::Algorithm), "{alg}");
    }
}

#[tokio::test]
async fn changed_files_are_read_again() {
    let (fixture, old, new) = (Fixture::new(), Signer::new(), Signer::new());
    let tokens = fixture.with_jwks(&[old.jwk("old")]);
    fixture.put("jwks.json", &json!({"keys": [new.jwk("newer")]}).to_string());
    fixture.clock.pass(Duration::from_secs(1));
    assert!(tokens.verify(&new.sign(&named("newer"), &claims())).await.is_ok());
    let result = tokens.verify(&old.sign(&named("old"), &claims())).await;
    assert_eq!(result, Err(TokenRefusal::UnknownKey));
}

#[tokio::test]
async fn keys_behind_an_address_rotate_without_a_restart() {
    let (fixture, old, new) = (Fixture::new(), Signer::new(), Signer::new());
    let server = Server::start().await;
    let tokens = fixture.open(None, Some(KeysFrom::Url(format!("{}/keys", server.url))));
    let token = old.sign(&named("old"), &claims());
    assert_eq!(tokens.verify(&token).await, Err(TokenRefusal::UnknownKey), "nobody answers yet");
    server.says("/keys", json!({"keys": [old.jwk("old")]}));
    fixture.clock.pass(Duration::from_secs(5));
    assert!(tokens.verify(&token).await.is_ok());

    server.says("/keys", json!({"keys": [old.jwk("old"), new.jwk("new")]}));
    let newer = new.sign(&named("new"), &claims());
    assert_eq!(tokens.verify(&newer).await, Err(TokenRefusal::UnknownKey), "asked a moment ago");
    fixture.clock.pass(Duration::from_secs(60));
    assert!(tokens.verify(&newer).await.is_ok());

    server.answers_with("/keys", "503 Unavailable", "", "");
    fixture.clock.pass(Duration::from_secs(120));
    assert!(tokens.verify(&newer).await.is_ok(), "the last good set");
    let asked = server.got().len();
    for _ in 0..10 {
        let unknown = new.sign(&named("unknown"), &claims());
        assert_eq!(tokens.verify(&unknown).await, Err(TokenRefusal::UnknownKey));
    }
    assert_eq!(server.got().len(), asked + 1, "a flood of unknown keys asks once");
}

#[test]
fn a_configuration_without_keys_is_refused() {
    let fixture = Fixture::new();
    let open = |bundle: Option<&str>, jwks: Option<KeysFrom>| {
        let settings = ExternalSettings {
            issuer: "i".into(),
            service: "s".into(),
            root_certificates: bundle.map(|text| fixture.put("b", text)),
            jwks,
            algorithms: vec![Algorithm::Es256],
            reach: Reach::default(),
        };
        ExternalTokens::open(settings, Arc::new(fixture.clock.clone())).err().unwrap().to_string()
    };
    assert!(open(None, None).starts_with("auth.token.rootcertbundle: is needed"));
    assert!(open(Some("nonsense"), None).contains("no certificate"));
    assert!(open(None, Some(KeysFrom::File("/nowhere/k".into()))).contains("jwks: /nowhere/k"));
    let address = open(None, Some(KeysFrom::Url("http://issuer.example/".into())));
    assert!(address.contains("https"), "{address}");
}

#[test]
fn a_token_can_be_verified_from_any_thread() {
    fn is_send<T: Send>(_: &T) {}
    fn verify(tokens: &ExternalTokens) {
        is_send(&tokens.verify(""));
    }
    let _ = verify;
}
