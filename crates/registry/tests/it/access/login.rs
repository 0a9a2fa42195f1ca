//! Each way to sign in.

use std::time::Duration;

use registry::access::{Action, AuthenticationError, CertificateIdentity, Limits, Subject, Via};
use registry::accounts::{Answer, Command};

use super::house::{HOME, House, PASSWORD, disable, secret};

#[tokio::test]
async fn a_user_signs_in_with_the_password_and_gets_teams() {
    let house = House::new().await;
    house.user("ann").await;
    house.operator(Command::TeamAdd { name: "web".into() }).await;
    let member = Command::TeamMemberAdd { team: "web".into(), user: "ann".into() };
    house.operator(member).await;
    let ann = house.signed_in("ann").await;
    assert_eq!(ann.name(), Some("ann"));
    assert_eq!(ann.identity().via, Via::Password);
    assert_eq!(ann.identity().member_of, [Subject::Team("web".into())]);
    assert_eq!(ann.identity().limits, Limits::None);
    for wrong in ["", "correct horse batter", "correct horse battery "] {
        assert!(house.sign_in("ann", wrong).await.is_err(), "{wrong:?}");
    }
}

#[tokio::test]
async fn a_robot_signs_in_with_its_secret_alone() {
    let house = House::new().await;
    let ci = house.robot("ci").await;
    let web = house.robot("team/web+ci").await;
    assert_eq!(house.sign_in("robot$ci", &ci).await.unwrap().name(), Some("robot$ci"));
    let caller = house.sign_in("robot$team/web+ci", &web).await.unwrap();
    assert_eq!(caller.identity().subject, Subject::Robot("team/web+ci".into()));
    for (name, secret) in [("robot$ci", &web), ("ci", &ci), ("robot$", &ci), ("AWS", &ci)] {
        assert!(house.sign_in(name, secret).await.is_err(), "{name}");
    }
    let rotated = Command::RobotRotate { name: "ci".into(), expires_in_seconds: None };
    let newer = secret(house.operator(rotated).await);
    assert!(house.sign_in("robot$ci", &ci).await.is_err());
    assert!(house.sign_in("robot$ci", &newer).await.is_ok());
}

#[tokio::test]
async fn a_personal_token_stands_for_the_password_under_its_owners_name_and_each_alias() {
    let house = House::new().await;
    house.user("ann").await;
    house.user("bob").await;
    let (token, _) = house.token("ann", &["pull:team/**"]).await;
    let aliases = [
        "ann",
        "AWS",
        "oauth2accesstoken",
        "_json_key",
        "_json_key_base64",
        "00000000-0000-0000-0000-000000000000",
        "$oauthtoken",
        "$token",
        "$app",
        "gitlab-ci-token",
        "_dcgcr_2_1_5_token",
    ];
    for alias in aliases {
        let caller = house.sign_in(alias, &token).await.unwrap();
        assert_eq!(caller.name(), Some("ann"), "{alias}");
        assert_eq!(caller.identity().via, Via::PersonalToken, "{alias}");
    }
    for name in ["bob", "nobody", "", "robot$ann", "robot$ci"] {
        let result = house.sign_in(name, &token).await;
        assert!(matches!(result, Err(AuthenticationError::Invalid)), "{name}: {result:?}");
    }
    for alias in aliases {
        assert!(house.accounts.sign_in(alias, PASSWORD, None).await.is_err() || alias == "ann");
    }
}

#[tokio::test]
async fn a_personal_token_never_exceeds_its_scopes_nor_its_owner() {
    let house = House::new().await;
    house.user("ann").await;
    house.grant("user:ann", "maintainer", "team/**").await;
    let (token, _) = house.token("ann", &["pull:team/**", "push:other/**"]).await;
    let ann = house.sign_in("ann", &token).await.unwrap();
    assert!(house.may(&ann, Action::Pull, "team/app"));
    assert!(!house.may(&ann, Action::Push, "team/app"), "the scope says pull");
    assert!(!house.may(&ann, Action::Push, "other/app"), "ann may not push there");
    let token = house.issue(&ann, "repository:team/app:pull,push,delete").await;
    let bearer = house.accounts.bearer(&token).await.unwrap();
    assert!(house.may(&bearer, Action::Pull, "team/app"));
    assert!(!house.may(&bearer, Action::Delete, "team/app"));
}

#[tokio::test]
async fn when_a_token_was_used_is_noted_without_a_write_per_request() {
    let house = House::new().await;
    house.user("ann").await;
    let (token, _) = house.token("ann", &[]).await;
    for _ in 0..3 {
        house.sign_in("ann", &token).await.unwrap();
    }
    let used = || async {
        let answer = house.operator(Command::TokenList { user: Some("ann".into()) }).await;
        let Answer::Tokens { tokens } = answer else { panic!("{answer:?}") };
        tokens[0].last_used
    };
    assert_eq!(used().await, None);
    house.accounts.flush_uses().await.unwrap();
    let first = used().await.unwrap();
    house.clock.advance(Duration::from_secs(120));
    house.sign_in("ann", &token).await.unwrap();
    house.accounts.flush_uses().await.unwrap();
    assert!(used().await.unwrap() > first);
}

#[tokio::test]
async fn a_remembered_password_costs_no_hash_and_a_new_password_is_not_confused_with_it() {
    let house = House::new().await;
    house.user("ann").await;
    let clock = store::SystemClock::new();
    house.signed_in("ann").await;
    let hashed = store::Clock::elapsed(&clock);
    for _ in 0..100 {
        house.signed_in("ann").await;
    }
    let remembered = store::Clock::elapsed(&clock) - hashed;
    assert!(remembered < hashed * 10, "a hundred: {remembered:?}, one with a hash: {hashed:?}");
    let new = Command::UserPasswd {
        name: Some("ann".into()),
        old_password: None,
        password: Some(identity::Secret::new("another password")),
        generate: false,
    };
    house.operator(new).await;
    assert!(house.sign_in("ann", PASSWORD).await.is_err());
    assert!(house.sign_in("ann", "another password").await.is_ok());
}

#[tokio::test]
async fn a_certificate_names_an_account_or_nobody() {
    let house = House::new().await;
    house.user("ann@example.org").await;
    house.robot("ci").await;
    let named = |name: &str| CertificateIdentity {
        common_name: Some(name.to_owned()),
        ..CertificateIdentity::default()
    };
    let by = |certificate: CertificateIdentity| {
        let accounts = house.accounts.clone();
        async move { accounts.with_certificate(&certificate).await }
    };
    assert_eq!(by(named("robot$ci")).await.unwrap().unwrap().name(), Some("robot$ci"));
    assert!(by(named("stranger")).await.unwrap().is_none());
    let mail = CertificateIdentity { emails: vec!["ann@example.org".into()], ..named("Ann") };
    let caller = by(mail.clone()).await.unwrap().unwrap();
    assert_eq!((caller.name(), caller.identity().via), (Some("ann@example.org"), Via::Certificate));
    house.operator(disable("ann@example.org")).await;
    assert!(matches!(by(mail).await, Err(AuthenticationError::Invalid)));
}

#[tokio::test]
async fn an_account_that_has_ended_does_not_get_in() {
    let house = House::new().await;
    let add = Command::UserAdd {
        name: "guest".into(),
        password: Some(identity::Secret::new(PASSWORD)),
        generate: false,
        admin: false,
        expires_in_seconds: Some(30),
    };
    house.operator(add).await;
    house.signed_in("guest").await;
    house.clock.advance(Duration::from_secs(30));
    let result = house.accounts.sign_in("guest", PASSWORD, Some(HOME)).await;
    assert!(matches!(result, Err(AuthenticationError::Invalid)));
}
