//! Tokens that somebody else made, or made for something else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use identity::token::{Claims, KeyRing};
use registry::access::AuthenticationError;
use serde_json::{Value, json};
use store::Clock as _;
use testkit::SeededRandom;

use super::house::House;

async fn refused(house: &House, what: &str, token: &str) {
    let result = house.accounts.bearer(token).await;
    assert!(matches!(result, Err(AuthenticationError::InvalidToken)), "{what}: {result:?}");
}

/// Claims that would let ann in.
async fn good(house: &House) -> Claims {
    let ann = house.signed_in("ann").await;
    let life = std::time::Duration::from_secs(600);
    let random = SeededRandom::new(7);
    let mut claims = Claims::new("berth", "berth", "registry", house.clock.now(), life, &random);
    claims.subject = "ann".into();
    claims.account = ann.identity().account.map(|id| id.0);
    claims
}

fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}.", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()))
}

#[tokio::test]
async fn a_token_of_another_service_or_use_is_refused_although_our_key_signed_it() {
    let house = House::new().await;
    house.user("ann").await;
    let keys = house.keys().await;
    let claims = good(&house).await;
    assert!(house.accounts.bearer(&keys.sign(&claims).unwrap()).await.is_ok());
    let audience = Claims { audience: vec!["another.example".into()], ..claims.clone() };
    refused(&house, "audience", &keys.sign(&audience).unwrap()).await;
    let issuer = Claims { issuer: "another".into(), ..claims.clone() };
    refused(&house, "issuer", &keys.sign(&issuer).unwrap()).await;
    let purpose = Claims { purpose: "session".into(), ..claims.clone() };
    refused(&house, "use", &keys.sign(&purpose).unwrap()).await;
    let account = Claims { account: Some(999_999), ..claims.clone() };
    refused(&house, "no such account", &keys.sign(&account).unwrap()).await;
    let nobody = Claims { account: None, ..claims.clone() };
    refused(&house, "a name without an account", &keys.sign(&nobody).unwrap()).await;
    let credential = Claims { credential: Some(999_999), ..claims.clone() };
    refused(&house, "no such credential", &keys.sign(&credential).unwrap()).await;
    let epoch = Claims { epoch: Some(77), ..claims.clone() };
    refused(&house, "another epoch", &keys.sign(&epoch).unwrap()).await;
    let late = claims.issued + 3600;
    let future = Claims { not_before: late, issued: late, expires: late + 60, ..claims };
    refused(&house, "far future", &keys.sign(&future).unwrap()).await;
}

#[tokio::test]
async fn a_token_that_our_key_did_not_sign_is_refused() {
    let house = House::new().await;
    house.user("ann").await;
    let claims = good(&house).await;
    let keys = house.keys().await;
    let real = keys.sign(&claims).unwrap();
    let strange = KeyRing::generate(house.clock.now(), &SeededRandom::new(99)).unwrap();
    refused(&house, "another key", &strange.sign(&claims).unwrap()).await;

    let payload = real.split('.').nth(1).unwrap();
    let payload: Value = serde_json::from_slice(&BASE64.decode(payload).unwrap()).unwrap();
    let own = strange.jwks()["keys"][0].clone();
    for header in [
        json!({"alg": "none", "typ": "JWT"}),
        json!({"alg": "none", "typ": "JWT", "kid": keys.current_id()}),
        json!({"alg": "HS256", "typ": "JWT", "kid": keys.current_id()}),
        json!({"alg": "ES256", "typ": "JWT", "jwk": own}),
        json!({"alg": "ES256", "typ": "JWT", "jku": "https://evil.example/keys"}),
        json!({"alg": "ES256", "typ": "JWT", "kid": "../../etc/passwd"}),
        json!({"alg": "ES256", "typ": "JWT", "kid": "' OR 1=1 --"}),
        json!({"alg": "ES256", "typ": "JWT", "kid": ""}),
        json!({"alg": "ES256", "typ": "JWT"}),
    ] {
        let unsigned = unsigned(&header, &payload);
        refused(&house, &header.to_string(), &unsigned).await;
        let signature = real.rsplit('.').next().unwrap();
        refused(&house, &header.to_string(), &format!("{unsigned}{signature}")).await;
    }
    let (signed, signature) = real.rsplit_once('.').unwrap();
    refused(&house, "no signature", &format!("{signed}.")).await;
    let zeros = BASE64.encode([0; 64]);
    refused(&house, "zeros as a signature", &format!("{signed}.{zeros}")).await;
    let huge = "x".repeat(1 << 20);
    for text in ["", ".", "..", "a.b.c", huge.as_str()] {
        refused(&house, "nonsense", text).await;
    }
    refused(&house, "cut", &real[..real.len() - 2]).await;
    refused(&house, "longer", &format!("{signed}.{signature}AA")).await;
    assert!(house.accounts.bearer(&real).await.is_ok());
}

#[tokio::test]
async fn a_token_with_a_pattern_in_the_place_of_a_repository_is_good_for_nothing() {
    let house = House::new().await;
    house.admin("ann").await;
    let keys = house.keys().await;
    let mut claims = good(&house).await;
    claims.access = ["**", "*", "team/*", ""]
        .map(|name| identity::token::Access::repository(name, &["pull"]))
        .to_vec();
    let caller = house.accounts.bearer(&keys.sign(&claims).unwrap()).await.unwrap();
    for repository in ["team/app", "app"] {
        assert!(!house.may(&caller, registry::access::Action::Pull, repository));
    }
}
