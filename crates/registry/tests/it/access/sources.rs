//! Users that somebody else vouches for.

use std::sync::Arc;

use registry::access::AuthenticationError;
use registry::accounts::{Answer, Command, TokenRequest};
use testkit::FakeClock;

use super::house::{House, PASSWORD, Plan, disable, user_add};

async fn house(sources: &'static [(&'static str, &'static [&'static str])]) -> House {
    let plan = Plan { sources, ..Plan::default() };
    House::of(plan, Arc::new(FakeClock::new())).await
}

async fn source_of(house: &House, name: &str) -> String {
    let answer = house.operator(Command::UserShow { name: name.into() }).await;
    let Answer::Account { account, .. } = answer else { panic!("{answer:?}") };
    account.source
}

fn identity(name: &str, groups: &[&str]) -> identity::Identity {
    let groups = groups.iter().map(|group| (*group).to_owned()).collect();
    identity::Identity::checked(name, name, None, groups).unwrap()
}

#[tokio::test]
async fn a_user_of_a_source_becomes_an_account_at_the_first_sign_in() {
    let house = house(&[("file", &["ann"])]).await;
    assert!(house.sign_in("ann", "wrong password").await.is_err());
    assert_eq!(house.signed_in("ann").await.name(), Some("ann"));
    assert_eq!(source_of(&house, "ann").await, "file");
    house.operator(disable("ann")).await;
    assert!(house.sign_in("ann", PASSWORD).await.is_err(), "remembered, and disabled");
}

#[tokio::test]
async fn a_local_user_comes_before_all_sources() {
    let house = house(&[("file", &["ann"])]).await;
    let mut add = user_add("ann", false);
    if let Command::UserAdd { password, .. } = &mut add {
        *password = Some(identity::Secret::new("the local password"));
    }
    house.operator(add).await;
    assert!(house.sign_in("ann", PASSWORD).await.is_err());
    assert!(house.sign_in("ann", "the local password").await.is_ok());
    assert!(house.accounts.external("oidc", identity("ann", &[])).await.is_err());
}

#[tokio::test]
async fn the_name_of_one_source_never_signs_in_through_another() {
    let house = house(&[("file", &["ann"]), ("other", &["bob"])]).await;
    house.signed_in("ann").await;
    house.signed_in("bob").await;
    assert_eq!(source_of(&house, "bob").await, "other");
    // The first file gets a bob as well, with another password.
    let line = std::fs::read_to_string(house.directory.path().join("file")).unwrap();
    let plan = Plan { sources: &[("file", &["ann", "bob"])], ..Plan::default() };
    let again = house.again(plan).await;
    assert!(!line.is_empty());
    assert!(again.sign_in("ann", PASSWORD, None).await.is_ok());
    assert!(again.sign_in("bob", PASSWORD, None).await.is_err(), "bob is the other one's");
    assert!(again.external("oidc", identity("ann", &[])).await.is_err());
}

#[tokio::test]
async fn groups_are_what_the_source_says_now() {
    let house = house(&[]).await;
    house.grant("group:oidc/devs", "push", "team/**").await;
    let sign_in = async |groups: &[&str]| {
        house.accounts.external("oidc", identity("ann", groups)).await.unwrap()
    };
    let ann = sign_in(&["devs", "ops"]).await;
    assert!(house.may(&ann, registry::access::Action::Push, "team/app"));
    let token = house.issue(&ann, "repository:team/app:pull,push").await;
    let before = sign_in(&["ops", "devs"]).await;
    assert_eq!(before.identity().member_of.len(), 2, "the same in another order");
    let ann = sign_in(&["ops"]).await;
    assert!(!house.may(&ann, registry::access::Action::Push, "team/app"));
    let bearer = house.accounts.bearer(&token).await.unwrap();
    assert!(!house.may(&bearer, registry::access::Action::Push, "team/app"), "old token");
}

#[tokio::test]
async fn a_name_that_no_user_can_have_does_not_come_in() {
    let house = house(&[]).await;
    for name in ["AWS", "oidc", "robot$ci", "a:b", "-x", "a b", "_json_key"] {
        let result = house.accounts.external("oidc", identity(name, &[])).await;
        assert!(result.is_err(), "{name}");
    }
}

#[tokio::test]
async fn nothing_is_kept_in_the_place_of_a_password_that_somebody_else_checks() {
    let house = house(&[("file", &["ann"])]).await;
    let offline = TokenRequest { offline: true, ..TokenRequest::default() };
    let ann = house.signed_in("ann").await;
    let issued = house.accounts.issue(&ann, offline).await.unwrap();
    assert_eq!(issued.refresh_token, None, "nobody would tell us when ann is gone there");
}

#[tokio::test]
async fn a_source_that_is_called_local_vouches_for_no_local_user() {
    let house = house(&[("local", &["bob"])]).await;
    house.admin("root").await;
    assert!(house.accounts.external("local", identity("root", &[])).await.is_err());
    assert!(house.sign_in("bob", PASSWORD).await.is_err());
}

#[tokio::test]
async fn a_name_that_the_provider_gave_to_somebody_else_does_not_open_the_old_account() {
    let house = house(&[]).await;
    let named = |id: &str| identity::Identity::checked(id, "ann", None, vec![]).unwrap();
    house.accounts.external("oidc", named("id-1")).await.unwrap();
    assert!(house.accounts.external("oidc", named("id-2")).await.is_err());
    assert!(house.accounts.external("oidc", named("id-1")).await.is_ok());
}

#[tokio::test]
async fn an_account_that_was_made_ahead_is_of_the_first_who_signs_in_and_of_nobody_after_them() {
    let house = house(&[]).await;
    let file = serde_json::from_value(serde_json::json!({
        "users": [{ "name": "ann", "source": "oidc", "admin": true }],
    }));
    let (dry_run, prune) = (false, false);
    house.operator(Command::Apply { file: file.unwrap(), dry_run, prune }).await;
    let named = |id: &str, groups: &[&str]| {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        identity::Identity::checked(id, "ann", None, groups).unwrap()
    };
    let first = house.accounts.external("oidc", named("id-1", &[])).await.unwrap();
    assert!(first.identity().is_admin);
    for groups in [&[][..], &["devs"]] {
        assert!(house.accounts.external("oidc", named("id-2", groups)).await.is_err());
    }
    assert!(house.accounts.external("oidc", named("id-1", &["devs"])).await.is_ok());
    assert!(house.replica().await.external("oidc", named("id-2", &[])).await.is_err());
}

#[tokio::test]
async fn of_two_who_come_at_once_for_an_account_that_was_made_ahead_one_gets_it() {
    let house = house(&[]).await;
    let file = serde_json::from_value(serde_json::json!({
        "users": [{ "name": "ann", "source": "oidc" }],
    }));
    let (dry_run, prune) = (false, false);
    house.operator(Command::Apply { file: file.unwrap(), dry_run, prune }).await;
    let named = |id: &str| identity::Identity::checked(id, "ann", None, vec![]).unwrap();
    let replica = house.replica().await;
    let (one, other) = tokio::join!(
        house.accounts.external("oidc", named("id-1")),
        replica.external("oidc", named("id-2")),
    );
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
}

/// The file of a source is gone: it can say neither yes nor no.
fn take_away(house: &House, source: &str) {
    std::fs::remove_file(house.directory.path().join(source)).unwrap();
    // Long enough to be looked at again, and for right passwords to be forgotten.
    house.clock.advance(std::time::Duration::from_secs(120));
}

#[tokio::test]
async fn only_its_own_source_is_shown_the_password_of_an_account() {
    let house = house(&[("file", &["ann"]), ("other", &["bob"])]).await;
    house.signed_in("ann").await;
    house.signed_in("bob").await;
    take_away(&house, "file");
    let wrong = house.sign_in("bob", "wrong password").await.unwrap_err();
    assert!(matches!(wrong, AuthenticationError::Invalid), "nobody asked the first: {wrong:?}");
    let down = house.sign_in("ann", PASSWORD).await.unwrap_err();
    assert!(matches!(down, AuthenticationError::Unavailable(_)), "nor the second: {down:?}");
}

#[tokio::test]
async fn wrong_passwords_count_while_another_source_is_down() {
    let house = house(&[("file", &["ann"]), ("other", &["bob"])]).await;
    house.signed_in("bob").await;
    take_away(&house, "file");
    // bob is known to be of the other one, nobody knows what carl would be of.
    for user in ["bob", "carl"] {
        house.clock.advance(std::time::Duration::from_secs(3600));
        for _ in 0..5 {
            let error = house.accounts.sign_in(user, "wrong password", None).await.unwrap_err();
            assert!(!matches!(error, AuthenticationError::Throttled { .. }), "{user}");
        }
        let error = house.accounts.sign_in(user, "wrong password", None).await.unwrap_err();
        assert!(matches!(error, AuthenticationError::Throttled { .. }), "{user}: {error:?}");
    }
}
