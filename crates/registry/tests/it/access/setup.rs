//! The first administrator.

use std::sync::Arc;

use identity::Secret;
use registry::accounts::command::AuditQuery;
use registry::accounts::{AccountSettings, Answer, Command, CommandError};
use registry::audit::Origin;
use testkit::FakeClock;

use super::house::{House, PASSWORD, Plan};

fn here() -> Origin {
    Origin { address: Some("192.0.2.7".into()), request: Some("r9".into()) }
}

#[tokio::test]
async fn who_tries_the_setup_from_where_is_written_down() {
    let house = House::new().await;
    let secret = Secret::new(house.accounts.setup_secret().await.unwrap().unwrap());
    let password = Secret::new(PASSWORD);
    for _ in 0..3 {
        let wrong = Secret::new("bset_guess");
        house.accounts.setup(&wrong, "root", &password, here()).await.unwrap_err();
    }
    house.accounts.setup(&secret, "root", &password, here()).await.unwrap();
    house.audit.flush_all().await.unwrap();
    let filter = AuditQuery { above: Some(0), ..AuditQuery::default() };
    let answer = house.operator(Command::Audit { filter }).await;
    let Answer::Audit { lines } = answer else { panic!("{answer:?}") };
    for line in &lines {
        assert_eq!((line.via.as_str(), line.address.as_deref()), ("setup", Some("192.0.2.7")));
        assert_eq!(line.request.as_deref(), Some("r9"));
    }
    let mut seen: Vec<_> = lines
        .iter()
        .map(|it| (it.action.as_str(), it.actor.as_str(), it.outcome.as_str(), it.count))
        .collect();
    seen.sort_unstable();
    let expected = [("setup", "anonymous", "refused", 3), ("user.add", "operator", "ok", 1)];
    assert_eq!(seen, expected);
    let text = serde_json::to_string(&lines).unwrap();
    assert!(!text.contains("bset_") && !text.contains(PASSWORD), "{text}");
}

#[tokio::test]
async fn the_one_time_secret_makes_one_administrator_and_burns() {
    let house = House::new().await;
    let secret = Secret::new(house.accounts.setup_secret().await.unwrap().unwrap());
    let password = Secret::new(PASSWORD);
    let wrong = house.accounts.setup(&Secret::new("bset_x"), "root", &password, here()).await;
    assert!(matches!(wrong, Err(CommandError::Forbidden { .. })));
    house.accounts.setup(&secret, "root", &password, here()).await.unwrap();
    assert!(house.signed_in("root").await.identity().is_admin);
    assert_eq!(house.accounts.setup_secret().await.unwrap(), None);
    let again = house.accounts.setup(&secret, "eve", &password, here()).await;
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
    let result = again.setup(&Secret::new(""), "root", &password, here()).await;
    assert!(matches!(result, Err(CommandError::Forbidden { .. })));
    let first_secret = Secret::new(first.as_str());
    again.setup(&first_secret, "root", &password, here()).await.unwrap();
    for secret in [first.as_str(), ""] {
        let result = house.accounts.setup(&Secret::new(secret), "eve", &password, here()).await;
        assert!(matches!(result, Err(CommandError::Forbidden { .. })));
    }
}

#[tokio::test]
async fn a_secret_is_void_once_an_administrator_came_another_way() {
    let house = House::new().await;
    let secret = Secret::new(house.accounts.setup_secret().await.unwrap().unwrap());
    house.admin("root").await;
    let result = house.accounts.setup(&secret, "eve", &Secret::new(PASSWORD), here()).await;
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

#[tokio::test]
async fn a_configured_administrator_who_was_removed_does_not_come_back() {
    let plan = || {
        let admin = Some(("admin".to_owned(), Secret::new(PASSWORD)));
        let settings = AccountSettings { admin, ..AccountSettings::default() };
        Plan { settings, ..Plan::default() }
    };
    let house = House::of(plan(), Arc::new(FakeClock::new())).await;
    house.admin("root").await;
    house.operator(Command::UserRemove { name: "admin".into() }).await;
    let again = house.again(plan()).await;
    assert!(again.sign_in("admin", PASSWORD, None).await.is_err());
    assert_eq!(again.setup_secret().await.unwrap(), None);
    assert!(again.sign_in("root", PASSWORD, None).await.is_ok());
}
