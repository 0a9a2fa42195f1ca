//! Tokens that other programs made: go-jose and libtrust, which the original uses.

use super::*;

/// Made once by `made_by_go.go`: ten algorithms, three ways to name a key, chains.
const FIXTURE: &str = include_str!("made_by_go.json");

#[tokio::test]
async fn what_the_originals_libraries_sign_is_accepted() {
    let fixture = Fixture::new();
    let made: Value = serde_json::from_str(FIXTURE).unwrap();
    let path = fixture.put("jwks.json", &made["jwks"].to_string());
    let tokens = fixture.open(made["bundle"].as_str(), Some(KeysFrom::File(path)));
    let all = made["tokens"].as_array().unwrap();
    assert_eq!(all.len(), 25);
    for one in all {
        let (what, token) = (&one["What"], one["Token"].as_str().unwrap());
        let read = tokens.verify(token).await;
        assert_eq!(read.map(|read| read.subject), Ok("ann".to_owned()), "{what}");
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let damaged = format!("{signed}.A{}", &signature[1..]);
        if damaged != token {
            assert_eq!(tokens.verify(&damaged).await, Err(TokenRefusal::Signature), "{what}");
        }
    }
}

#[tokio::test]
async fn what_they_sign_with_keys_of_others_is_not() {
    let (fixture, authority) = (Fixture::new(), Authority::new());
    let made: Value = serde_json::from_str(FIXTURE).unwrap();
    let tokens = fixture.open(Some(&authority.certificate.pem()), None);
    for one in made["tokens"].as_array().unwrap() {
        let refused = tokens.verify(one["Token"].as_str().unwrap()).await.unwrap_err();
        let stranger = [TokenRefusal::UnknownKey, TokenRefusal::Chain];
        assert!(stranger.contains(&refused), "{}: {refused}", one["What"]);
    }
}
