//! Guessing gets slow, and nobody is locked out by it.

use std::net::IpAddr;
use std::time::Duration;

use identity::Secret;
use registry::access::AuthenticationError;
use registry::accounts::{Actor, Command, CommandError};
use tokio::task::JoinSet;

use super::house::{HOME, House, PASSWORD};

const EVIL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 66));
const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 5));

async fn guess(house: &House, user: &str) -> AuthenticationError {
    house.accounts.sign_in(user, "wrong password", Some(EVIL)).await.unwrap_err()
}

fn wait(error: &AuthenticationError) -> Option<u32> {
    match error {
        AuthenticationError::Throttled { retry_after_seconds } => Some(*retry_after_seconds),
        AuthenticationError::Invalid => None,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn after_five_wrong_passwords_the_next_has_to_wait_known_user_or_not() {
    let house = House::new().await;
    house.user("ann").await;
    for user in ["ann", "nobody"] {
        house.clock.advance(Duration::from_secs(3600));
        for _ in 0..5 {
            assert_eq!(wait(&guess(&house, user).await), None, "{user}");
        }
        assert_eq!(wait(&guess(&house, user).await), Some(1), "{user}");
        house.clock.advance(Duration::from_secs(1));
        assert_eq!(wait(&guess(&house, user).await), None, "{user}");
        assert_eq!(wait(&guess(&house, user).await), Some(2), "{user}");
    }
}

#[tokio::test]
async fn guessing_at_an_account_does_not_lock_its_owner_out() {
    let house = House::new().await;
    house.user("ann").await;
    house.signed_in("ann").await;
    for _ in 0..6 {
        guess(&house, "ann").await;
    }
    // The password was right a moment ago.
    assert!(house.accounts.sign_in("ann", PASSWORD, Some(OTHER)).await.is_ok());
    // It is not remembered any more, and ann was here before.
    house.clock.advance(Duration::from_secs(61));
    for _ in 0..5 {
        guess(&house, "ann").await;
    }
    assert!(house.accounts.sign_in("ann", PASSWORD, Some(HOME)).await.is_ok());
}

#[tokio::test]
async fn a_right_secret_of_a_robot_is_never_kept_waiting() {
    let house = House::new().await;
    let secret = house.robot("ci").await;
    for _ in 0..20 {
        let result = house.accounts.sign_in("robot$ci", "brob_guess", Some(EVIL)).await;
        assert!(result.is_err());
    }
    assert!(house.accounts.sign_in("robot$ci", &secret, Some(EVIL)).await.is_ok());
}

#[tokio::test]
async fn guesses_that_are_sent_at_once_are_worth_no_more_than_one_after_the_other() {
    let house = House::new().await;
    house.user("ann").await;
    let mut guesses = JoinSet::new();
    for number in 0..40 {
        let accounts = house.accounts.clone();
        let guess = format!("wrong password {number}");
        guesses.spawn(async move { accounts.sign_in("ann", &guess, Some(EVIL)).await });
    }
    let answers = guesses.join_all().await;
    let told = answers.iter().filter(|it| matches!(it, Err(AuthenticationError::Invalid)));
    assert_eq!(told.count(), 5, "so many learn that they were wrong");
    let late = answers.iter().filter(|it| matches!(it, Err(error) if wait(error) == Some(1)));
    assert_eq!(late.count(), 35);
}

#[tokio::test]
async fn an_open_session_does_not_find_the_old_password_by_many_guesses_at_once() {
    let house = House::new().await;
    house.user("ann").await;
    let caller = house.signed_in("ann").await.into_caller();
    let mut guesses = JoinSet::new();
    for number in 0..40 {
        let (accounts, caller) = (house.accounts.clone(), caller.clone());
        let passwd = Command::UserPasswd {
            name: None,
            old_password: Some(Secret::new(format!("wrong password {number}"))),
            password: Some(Secret::new("another password")),
            generate: false,
        };
        guesses.spawn(async move {
            let by = Actor::Caller { caller, address: Some(EVIL.to_string()), request: None };
            accounts.execute(&by, passwd).await
        });
    }
    let answers = guesses.join_all().await;
    let told = answers.iter().filter(|it| matches!(it, Err(CommandError::Invalid { .. })));
    assert_eq!(told.count(), 5);
}

#[tokio::test]
async fn many_right_logins_from_one_address_at_once_are_all_let_in() {
    let house = House::new().await;
    house.user("ann").await;
    let mut logins = JoinSet::new();
    for _ in 0..12 {
        let accounts = house.accounts.clone();
        logins.spawn(async move { accounts.sign_in("ann", PASSWORD, Some(OTHER)).await.is_ok() });
    }
    assert!(logins.join_all().await.into_iter().all(|is_in| is_in));
}

#[tokio::test]
async fn another_spelling_of_a_name_is_no_other_counter() {
    let house = House::new().await;
    for name in ["ann", "Ann", "ANN", " ann", "ann "] {
        let error = house.accounts.sign_in(name, "wrong password", None).await.unwrap_err();
        assert_eq!(wait(&error), None, "{name}");
    }
    let error = house.accounts.sign_in("aNN", "wrong password", None).await.unwrap_err();
    assert_eq!(wait(&error), Some(1));
}
