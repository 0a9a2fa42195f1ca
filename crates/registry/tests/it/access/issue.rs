//! What tokens are good for, and for how long.

use std::time::Duration;

use identity::Secret;
use registry::access::{Action, AuthenticationError, Limits, ResourceScope};
use registry::accounts::{Answer, Command, Proven, TokenRequest};
use serde_json::Value;
use store::Clock as _;

use super::house::{House, PASSWORD, asking};

fn claims(token: &str) -> Value {
    use base64::Engine as _;
    let payload = token.split('.').nth(1).unwrap();
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    serde_json::from_slice(&engine.decode(payload).unwrap()).unwrap()
}

async fn house() -> House {
    let house = House::new().await;
    house.user("ann").await;
    house.grant("user:ann", "push", "team/**").await;
    house.visibility("open/**", "public").await;
    house
}

#[tokio::test]
async fn a_token_says_what_was_asked_as_far_as_it_is_allowed() {
    let house = house().await;
    let ann = house.signed_in("ann").await;
    let scope = |text: &str| {
        let request = asking(text);
        let (accounts, ann) = (house.accounts.clone(), ann.clone());
        async move { accounts.issue(&ann, request).await.unwrap().scope }
    };
    assert_eq!(scope("repository:team/a:pull,push,delete").await, "repository:team/a:pull,push");
    assert_eq!(scope("repository:team/a:*").await, "repository:team/a:pull,push");
    assert_eq!(scope("repository:open/x:push,pull").await, "repository:open/x:pull");
    assert_eq!(
        scope("repository:secret:pull repository:team/a:pull").await,
        "repository:team/a:pull"
    );
    assert_eq!(scope("registry:catalog:*").await, "registry:catalog:*");
    assert_eq!(scope("repository:secret:pull teapot:x:y nonsense").await, "");
    let token = house.issue(&ann, "repository:secret:pull").await;
    let bearer = house.accounts.bearer(&token).await.unwrap();
    assert_eq!(bearer.identity().limits, Limits::Only(vec![]), "it proves who they are");
    assert_eq!(bearer.name(), Some("ann"));
}

#[tokio::test]
async fn an_anonymous_caller_gets_a_token_for_what_is_public() {
    let house = house().await;
    let nobody = Proven::anonymous();
    let scopes = "repository:open/x:pull,push repository:team/a:pull registry:catalog:*";
    let issued = house.accounts.issue(&nobody, asking(scopes)).await.unwrap();
    assert_eq!(issued.scope, "repository:open/x:pull");
    let caller = house.accounts.bearer(&issued.token).await.unwrap();
    assert!(caller.is_anonymous());
    assert!(house.may(&caller, Action::Pull, "open/x"));
    assert!(!house.may(&caller, Action::Pull, "open/y"), "the token names one repository");
    let offline = TokenRequest { offline: true, ..asking(scopes) };
    assert_eq!(house.accounts.issue(&nobody, offline).await.unwrap().refresh_token, None);
}

#[tokio::test]
async fn our_own_host_before_a_repository_is_no_part_of_its_name() {
    let house = house().await;
    let ann = house.signed_in("ann").await;
    let request = |host: &str| TokenRequest {
        own_host: Some(host.to_owned()),
        ..asking("repository:reg.example:5000/team/a:pull,push")
    };
    let issued = house.accounts.issue(&ann, request("reg.example:5000")).await.unwrap();
    assert_eq!(issued.scope, "repository:reg.example:5000/team/a:pull,push");
    let other = house.accounts.issue(&ann, request("other.example")).await.unwrap();
    assert_eq!(other.scope, "");
}

#[tokio::test]
async fn a_narrow_token_is_issued_for_the_very_name_that_its_limits_allow() {
    let house = house().await;
    house.grant("user:ann", "push", "**").await;
    let (secret, _) = house.token("ann", &["push:app"]).await;
    let narrow = house.sign_in("ann", &secret).await.unwrap();
    let whole = house.signed_in("ann").await;
    for (host, name, by_narrow) in [
        ("team/secret", "team/secret/app", false),
        ("team", "team/app", false),
        ("reg.example", "reg.example/app", false),
        ("localhost", "localhost/app", false),
        ("reg.example:5000", "reg.example:5000/app", true),
        ("reg.example:5000", "reg.example:5000/other", false),
        ("", "/app", false),
    ] {
        let scope = format!("repository:{name}:pull,push");
        let request = || TokenRequest { own_host: Some(host.to_owned()), ..asking(&scope) };
        let issued = house.accounts.issue(&narrow, request()).await.unwrap();
        assert_eq!(issued.scope, if by_narrow { scope.as_str() } else { "" }, "{name}");
        let caller = house.accounts.bearer(&issued.token).await.unwrap();
        assert_eq!(caller.identity().limits, Limits::Only(vec![]), "{name}");
        // Who has no limits may ask for any name.
        let issued = house.accounts.issue(&whole, request()).await.unwrap();
        assert_eq!(issued.scope.is_empty(), name == "/app", "{name}");
    }
}

#[tokio::test]
async fn a_token_lives_as_long_as_it_says_and_not_longer_than_its_kind_may() {
    let house = house().await;
    let ann = house.signed_in("ann").await;
    let life = async |scope: &str| {
        let issued = house.accounts.issue(&ann, asking(scope)).await.unwrap();
        let claims = claims(&issued.token);
        let life = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
        assert_eq!(life, i64::from(issued.expires_in_seconds));
        assert_eq!(claims["iat"].as_i64().unwrap() * 1000, issued.issued_at.millis());
        (issued.token, life)
    };
    let (pull, short) = life("repository:team/a:pull").await;
    let (push, long) = life("repository:team/a:pull,push").await;
    assert_eq!((short, long), (15 * 60, 30 * 60));
    house.clock.advance(Duration::from_secs(16 * 60));
    let ended = house.accounts.bearer(&pull).await;
    assert!(matches!(ended, Err(AuthenticationError::InvalidToken)));
    assert!(house.accounts.bearer(&push).await.is_ok());
    house.clock.advance(Duration::from_secs(15 * 60));
    assert!(house.accounts.bearer(&push).await.is_err());
}

#[tokio::test]
async fn a_token_does_not_outlive_the_account_or_the_credential_it_came_from() {
    let house = house().await;
    let add = Command::UserAdd {
        name: "guest".into(),
        password: Some(Secret::new(PASSWORD)),
        generate: false,
        admin: false,
        expires_in_seconds: Some(100),
    };
    house.operator(add).await;
    let guest = house.signed_in("guest").await;
    let issued = house.accounts.issue(&guest, asking("")).await.unwrap();
    assert_eq!(issued.expires_in_seconds, 100);
    house.clock.advance(Duration::from_secs(70));
    let guest = house.signed_in("guest").await;
    let issued = house.accounts.issue(&guest, asking("")).await.unwrap();
    assert_eq!(issued.expires_in_seconds, 60, "clients take less for this");
    house.clock.advance(Duration::from_secs(30));
    assert!(house.accounts.bearer(&issued.token).await.is_err(), "the account has ended");
}

#[tokio::test]
async fn a_refresh_token_is_made_on_request_and_goes_with_the_password() {
    let house = house().await;
    let ann = house.signed_in("ann").await;
    let offline = TokenRequest { offline: true, ..asking("") };
    assert_eq!(house.accounts.issue(&ann, asking("")).await.unwrap().refresh_token, None);
    let kept = house.accounts.issue(&ann, offline.clone()).await.unwrap().refresh_token.unwrap();
    let again = house.accounts.refreshed(&kept, None).await.unwrap();
    assert_eq!(again.name(), Some("ann"));
    let scope = "repository:team/a:pull,push";
    assert_eq!(house.accounts.issue(&again, asking(scope)).await.unwrap().scope, scope);
    assert!(house.sign_in("ann", &kept).await.is_err(), "it is no password");
    assert!(house.accounts.bearer(&kept).await.is_err(), "nor a token for repositories");
    // A personal token can be revoked itself, so nothing is kept in its place.
    let (token, _) = house.token("ann", &[]).await;
    let by_token = house.sign_in("ann", &token).await.unwrap();
    assert_eq!(house.accounts.issue(&by_token, offline).await.unwrap().refresh_token, None);
    let old = house.issue(&again, scope).await;
    let new = Command::UserPasswd {
        name: Some("ann".into()),
        old_password: None,
        password: None,
        generate: true,
    };
    house.operator(new).await;
    assert!(house.accounts.refreshed(&kept, None).await.is_err());
    assert!(house.accounts.bearer(&old).await.is_err());
    assert!(house.sign_in("ann", &token).await.is_ok(), "a personal token is its own secret");
}

#[tokio::test]
async fn an_account_keeps_ninety_to_a_hundred_refresh_tokens_and_the_oldest_go() {
    let house = house().await;
    let ann = house.signed_in("ann").await;
    let offline = TokenRequest { offline: true, ..asking("") };
    let mut kept = Vec::new();
    for number in 0..102 {
        house.clock.advance(Duration::from_millis(10));
        let issued = house.accounts.issue(&ann, offline.clone()).await.unwrap();
        kept.push(issued.refresh_token.unwrap());
        if number == 99 {
            assert!(house.accounts.refreshed(&kept[0], None).await.is_ok(), "a hundred fit");
        }
    }
    for (number, token) in [(0, &kept[0]), (9, &kept[9])] {
        assert!(house.accounts.refreshed(token, None).await.is_err(), "{number}");
    }
    assert!(house.accounts.refreshed(&kept[10], None).await.is_ok());
    assert!(house.accounts.refreshed(&kept[101], None).await.is_ok());
}

#[tokio::test]
async fn a_login_is_no_change_of_access_and_a_replica_knows_its_tokens_at_once() {
    let house = house().await;
    let replica = house.replica().await;
    let ann = house.signed_in("ann").await;
    let offline = TokenRequest { offline: true, ..asking("") };
    let book = replica.policy().book();
    let mut changes = 0;
    for number in 0..150 {
        house.clock.advance(Duration::from_millis(10));
        let issued = house.accounts.issue(&ann, offline.clone()).await.unwrap();
        let refresh = issued.refresh_token.unwrap();
        let again = replica.refreshed(&refresh, None).await.unwrap();
        assert_eq!(again.name(), Some("ann"), "{number}");
        changes += usize::from(replica.refresh().await.unwrap());
        let is_same_book = std::sync::Arc::ptr_eq(&book, &replica.policy().book());
        assert!(is_same_book || number >= 100, "{number}: the grants were read again");
    }
    assert_eq!(changes, 5, "each time that the ten oldest went");
    replica.refresh().await.unwrap();
    let (token, id) = house.token("ann", &[]).await;
    replica.sign_in("ann", &token, None).await.unwrap();
    house.accounts.flush_uses().await.unwrap();
    assert!(!replica.refresh().await.unwrap(), "a personal token was made, and used");
    house.operator(Command::TokenRevoke { id }).await;
    assert!(replica.refresh().await.unwrap(), "and taken away");
    assert!(replica.sign_in("ann", &token, None).await.is_err());
}

#[tokio::test]
async fn thousands_of_scopes_give_a_token_that_fits_into_a_header() {
    let house = house().await;
    let ann = house.signed_in("ann").await;
    let scopes: Vec<_> =
        (0..10_000).map(|number| format!("repository:team/app-{number}:pull,push")).collect();
    let scopes = ResourceScope::parse_all(scopes.iter().map(String::as_str));
    let request = TokenRequest { scopes, ..TokenRequest::default() };
    let issued = house.accounts.issue(&ann, request).await.unwrap();
    assert!(issued.token.len() < 16 << 10, "{}", issued.token.len());
    assert!(house.accounts.bearer(&issued.token).await.is_ok());
}

#[tokio::test]
async fn a_token_got_with_one_that_moves_no_tags_moves_none() {
    let house = house().await;
    house.grant("user:ann", "owner", "mine/**").await;
    let (narrow, _) = house.token("ann", &["push:mine/**"]).await;
    let (wide, _) = house.token("ann", &["overwrite:mine/**"]).await;
    for (secret, moves) in [(narrow.as_str(), false), (wide.as_str(), true), (PASSWORD, true)] {
        let proven = house.sign_in("ann", secret).await.unwrap();
        assert_eq!(house.may(&proven, Action::Overwrite, "mine/app"), moves, "itself");
        for words in ["pull,push", "*", "push,overwrite"] {
            let request = asking(&format!("repository:mine/app:{words}"));
            let issued = house.accounts.issue(&proven, request).await.unwrap();
            assert!(!issued.scope.contains("overwrite"), "{}", issued.scope);
            let bearer = house.accounts.bearer(&issued.token).await.unwrap();
            assert!(house.may(&bearer, Action::Push, "mine/app"), "{words}");
            assert_eq!(house.may(&bearer, Action::Overwrite, "mine/app"), moves, "{words}");
        }
        let pull = house.issue(&proven, "repository:mine/app:pull,overwrite").await;
        let bearer = house.accounts.bearer(&pull).await.unwrap();
        assert!(!house.may(&bearer, Action::Overwrite, "mine/app"), "nobody asked to push");
    }
}

#[tokio::test]
async fn a_personal_token_made_with_another_ends_with_that_one_and_not_with_a_third() {
    let house = house().await;
    let new = |expires_in_seconds| Command::TokenCreate {
        user: None,
        label: "more".into(),
        scopes: Vec::new(),
        expires_in_seconds,
    };
    let end = |answer: Answer| match answer {
        Answer::Made { expires, .. } => expires.map(|at| at.0),
        other => panic!("{other:?}"),
    };
    let after = |seconds| house.clock.now().after(Duration::from_secs(seconds));
    // Of several whole ones each is the parent of its own.
    let parents = [Some(3_600), Some(86_400), None];
    let mut tokens = Vec::new();
    for life in parents {
        let made = house.by("ann", new(life)).await.unwrap();
        tokens.push((super::house::secret(made), life));
    }
    for (token, life) in &tokens {
        for asked in [None, Some(86_401), Some(10 * 86_400), Some(60)] {
            let caller = house.sign_in("AWS", token).await.unwrap().into_caller();
            let made = end(house.by_caller(caller, new(asked)).await.unwrap());
            let expected = [asked, *life].into_iter().flatten().min();
            assert_eq!(made, expected.map(after), "{life:?}: {asked:?}");
        }
    }
    assert_eq!(end(house.by("ann", new(None)).await.unwrap()), None, "made with the password");
}

#[tokio::test]
async fn a_mount_source_must_be_within_the_token_and_the_policy() {
    let house = house().await;
    let ann = house.signed_in("ann").await;
    let token = house.issue(&ann, "repository:team/a:pull,push repository:secret:pull").await;
    let bearer = house.accounts.bearer(&token).await.unwrap();
    assert!(house.may(&bearer, Action::Push, "team/a"));
    assert!(!house.may(&bearer, Action::Pull, "team/b"), "allowed, and not in the token");
    assert!(!house.may(&bearer, Action::Pull, "secret"), "asked for, and not allowed");
    let token = house.issue(&ann, "repository:team/a:pull,push repository:team/b:pull").await;
    let bearer = house.accounts.bearer(&token).await.unwrap();
    assert!(house.may(&bearer, Action::Pull, "team/b"));
}

#[tokio::test]
async fn a_token_is_nothing_to_get_a_token_with() {
    let house = house().await;
    let token = house.issue(&house.signed_in("ann").await, "repository:team/a:pull").await;
    let bearer = Proven::from(house.accounts.bearer(&token).await.unwrap());
    let result = house.accounts.issue(&bearer, asking("repository:team/a:pull")).await;
    assert!(matches!(result, Err(AuthenticationError::InvalidToken)), "{result:?}");
}
