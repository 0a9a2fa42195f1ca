//! Guessing gets slow, and nobody is locked out by it.

use std::net::IpAddr;
use std::time::Duration;

use registry::access::AuthenticationError;

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
