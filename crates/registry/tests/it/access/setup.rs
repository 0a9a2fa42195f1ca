//! The first administrator.

use std::sync::Arc;

use identity::Secret;
use registry::accounts::{AccountSettings, CommandError};
use testkit::FakeClock;

use super::house::{House, PASSWORD, Plan};

#[tokio::test]
async fn the_one_time_secret_makes_one_administrator_and_burns() {
    let house = House::new().await;
    let secret = Secret::new(house.accounts.setup_secret().await.unwrap().unwrap());
    let password = Secret::new(PASSWORD);
    let wrong = house.accounts.setup(&Secret::new("bset_x"), "root", &password).await;
    assert!(matches!(wrong, Err(CommandError::Forbidden { .. })));
    house.accounts.setup(&secret, "root", &password).await.unwrap();
    assert!(house.signed_in("root").await.identity().is_admin);
    assert_eq!(house.accounts.setup_secret().await.unwrap(), None);
    let again = house.accounts.setup(&secret, "eve", &password).await;
    assert!(matches!(again, Err(CommandError::Forbidden { .. })));
    let restarted = house.replica().await;
    assert_eq!(restarted.setup_secret().await.unwrap(), None);
}

#[tokio::test]
async fn all_starts_tell_the_same_secret_and_an_empty_one_opens_nothing() {
    let house = House::new().await;
    let first = house.accounts.setup_secret().await.unwrap().unwrap();
    let again = house.replica().await;
    assert_eq!(again.setup_secret().await.unwrap().unwrap(), first);
    let password = Secret::new(PASSWORD);
    let result = again.setup(&Secret::new(""), "root", &password).await;
    assert!(matches!(result, Err(CommandError::Forbidden { .. })));
    again.setup(&Secret::new(first.as_str()), "root", &password).await.unwrap();
    for secret in [first.as_str(), ""] {
        let result = house.accounts.setup(&Secret::new(secret), "eve", &password).await;
        assert!(matches!(result, Err(CommandError::Forbidden { .. })));
    }
}

#[tokio::test]
async fn a_secret_is_void_once_an_administrator_came_another_way() {
    let house = House::new().await;
    let secret = Secret::new(house.accounts.setup_secret().await.unwrap().unwrap());
    house.admin("root").await;
    let result = house.accounts.setup(&secret, "eve", &Secret::new(PASSWORD)).await;
    assert!(matches!(result, Err(CommandError::Forbidden { .. })), "{result:?}");
}

#[tokio::test]
async fn the_configured_administrator_is_made_once_and_not_changed_later() {
    let plan = |password: &str| {
        let admin = Some(("root".to_owned(), Secret::new(password)));
        Plan {
            settings: AccountSettings { admin, ..AccountSettings::default() },
            ..Plan::default()
        }
    };
    let house = House::of(plan(PASSWORD), Arc::new(FakeClock::new())).await;
    assert!(house.signed_in("root").await.identity().is_admin);
    assert_eq!(house.accounts.setup_secret().await.unwrap(), None);
    let again = house.again(plan("another password")).await;
    assert!(again.sign_in("root", PASSWORD, None).await.is_ok());
    assert!(again.sign_in("root", "another password", None).await.is_err());
}
