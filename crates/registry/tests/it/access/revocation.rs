//! What is taken away is gone, for tokens that were given out before as well.

use std::sync::Arc;
use std::time::Duration;

use registry::access::Action;
use registry::accounts::{Accounts, Command};

use super::house::{House, disable, may, secret};

/// A house in which ann may push to `team/app`, and a replica of it.
async fn house() -> (House, Arc<Accounts>) {
    let house = House::new().await;
    house.user("ann").await;
    house.grant("user:ann", "push", "team/**").await;
    let replica = house.replica().await;
    (house, replica)
}

const SCOPE: &str = "repository:team/app:pull,push";

async fn works(accounts: &Accounts, token: &str) -> bool {
    match accounts.bearer(token).await {
        Ok(caller) => may(accounts, &caller, Action::Push, "team/app"),
        Err(_) => false,
    }
}

/// The token works in both processes; after `command` in one of them it works
/// in neither, in the other one from the next look on.
async fn takes_away(house: &House, replica: &Accounts, token: &str, command: Command) {
    assert!(works(&house.accounts, token).await && works(replica, token).await);
    house.operator(command.clone()).await;
    assert!(!works(&house.accounts, token).await, "{command:?}: here");
    assert!(replica.refresh().await.unwrap());
    assert!(!works(replica, token).await, "{command:?}: in the other process");
}

#[tokio::test]
async fn a_disabled_user() {
    let (house, replica) = house().await;
    let token = house.issue(&house.signed_in("ann").await, SCOPE).await;
    takes_away(&house, &replica, &token, disable("ann")).await;
    assert!(house.sign_in("ann", super::house::PASSWORD).await.is_err());
    house.operator(Command::UserEnable { name: "ann".into() }).await;
    assert!(!works(&house.accounts, &token).await, "and back: the token stays void");
    let new = house.issue(&house.signed_in("ann").await, SCOPE).await;
    assert!(works(&house.accounts, &new).await);
}

#[tokio::test]
async fn a_removed_user_even_if_made_again() {
    let (house, replica) = house().await;
    let token = house.issue(&house.signed_in("ann").await, SCOPE).await;
    takes_away(&house, &replica, &token, Command::UserRemove { name: "ann".into() }).await;
    house.user("ann").await;
    house.grant("user:ann", "push", "team/**").await;
    assert!(!works(&house.accounts, &token).await, "another ann");
}

#[tokio::test]
async fn a_removed_or_rotated_robot() {
    let (house, replica) = house().await;
    for (name, command) in [
        ("ci", Command::RobotRemove { name: "ci".into() }),
        ("cd", Command::RobotRotate { name: "cd".into(), expires_in_seconds: None }),
        ("off", Command::RobotDisable { name: "off".into() }),
    ] {
        let secret = house.robot(name).await;
        house.grant(&format!("robot:{name}"), "push", "team/**").await;
        replica.refresh().await.unwrap();
        let robot = house.sign_in(&format!("robot${name}"), &secret).await.unwrap();
        let token = house.issue(&robot, SCOPE).await;
        takes_away(&house, &replica, &token, command).await;
        assert!(house.sign_in(&format!("robot${name}"), &secret).await.is_err(), "{name}");
    }
}

#[tokio::test]
async fn a_revoked_personal_token() {
    let (house, replica) = house().await;
    // Two with the same scopes: only one of them goes.
    let (first, id) = house.token("ann", &["push:team/**"]).await;
    let (second, _) = house.token("ann", &["push:team/**"]).await;
    let from_first = house.issue(&house.sign_in("ann", &first).await.unwrap(), SCOPE).await;
    let from_second = house.issue(&house.sign_in("ann", &second).await.unwrap(), SCOPE).await;
    replica.refresh().await.unwrap();
    takes_away(&house, &replica, &from_first, Command::TokenRevoke { id }).await;
    assert!(works(&house.accounts, &from_second).await);
    assert!(house.sign_in("ann", &first).await.is_err());
    assert!(house.sign_in("AWS", &second).await.is_ok());
}

#[tokio::test]
async fn a_revoked_grant() {
    let (house, replica) = house().await;
    let token = house.issue(&house.signed_in("ann").await, SCOPE).await;
    let command = Command::Revoke {
        subject: "user:ann".parse().unwrap(),
        role: "push".into(),
        pattern: "team/**".parse().unwrap(),
    };
    takes_away(&house, &replica, &token, command).await;
}

#[tokio::test]
async fn a_removed_member_of_a_team() {
    let house = House::new().await;
    house.user("ann").await;
    let replica = house.replica().await;
    house.operator(Command::TeamAdd { name: "web".into() }).await;
    house.operator(Command::TeamMemberAdd { team: "web".into(), user: "ann".into() }).await;
    house.grant("team:web", "push", "team/**").await;
    replica.refresh().await.unwrap();
    let token = house.issue(&house.signed_in("ann").await, SCOPE).await;
    let command = Command::TeamMemberRemove { team: "web".into(), user: "ann".into() };
    takes_away(&house, &replica, &token, command).await;
}

#[tokio::test]
async fn a_changed_password_voids_tokens_that_came_from_the_old_one() {
    let (house, replica) = house().await;
    let token = house.issue(&house.signed_in("ann").await, SCOPE).await;
    let command = Command::UserPasswd {
        name: Some("ann".into()),
        old_password: None,
        password: None,
        generate: true,
    };
    assert!(works(&replica, &token).await);
    let new = secret(house.operator(command).await);
    assert!(!works(&house.accounts, &token).await);
    assert!(house.sign_in("ann", &new).await.is_ok());
}

#[tokio::test]
async fn without_any_look_at_the_version_it_is_gone_within_the_session_check() {
    let (house, replica) = house().await;
    let token = house.issue(&house.signed_in("ann").await, SCOPE).await;
    assert!(works(&replica, &token).await);
    house.operator(disable("ann")).await;
    assert!(works(&replica, &token).await, "what was seen a moment ago");
    house.clock.advance(Duration::from_secs(10));
    assert!(!works(&replica, &token).await);
}
