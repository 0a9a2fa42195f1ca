//! Keys change, tokens go on.

use std::time::Duration;

use registry::accounts::Proven;

use super::house::{House, asking};

const HOUR: Duration = Duration::from_secs(3600);
const DAYS: Duration = Duration::from_secs(91 * 24 * 3600);

async fn token(accounts: &registry::accounts::Accounts) -> String {
    accounts.issue(&Proven::anonymous(), asking("")).await.unwrap().token
}

fn kids(accounts: &registry::accounts::Accounts) -> Vec<String> {
    let keys = accounts.key_set();
    let keys = keys["keys"].as_array().unwrap();
    keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

fn kid(token: &str) -> String {
    use base64::Engine as _;
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let header = engine.decode(token.split('.').next().unwrap()).unwrap();
    let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn replicas_share_the_keys_that_were_made_once() {
    let house = House::new().await;
    let replica = house.replica().await;
    assert_eq!(kids(&house.accounts), kids(&replica));
    assert!(replica.bearer(&token(&house.accounts).await).await.is_ok());
}

#[tokio::test]
async fn a_new_key_is_published_for_an_hour_before_it_signs_and_the_old_one_verifies_on() {
    let house = House::new().await;
    let replica = house.replica().await;
    assert!(!house.accounts.rotate_keys().await.unwrap(), "it is too young");
    house.clock.advance(DAYS);
    let old = token(&house.accounts).await;
    assert!(house.accounts.rotate_keys().await.unwrap());
    assert!(!house.accounts.rotate_keys().await.unwrap());
    assert_eq!(kids(&house.accounts).len(), 2);
    assert_eq!(kid(&token(&house.accounts).await), kid(&old), "not yet");
    assert!(house.accounts.bearer(&old).await.is_ok());

    house.clock.advance(HOUR);
    let new = token(&house.accounts).await;
    assert_ne!(kid(&new), kid(&old));
    assert!(replica.bearer(&new).await.is_ok(), "it reads the keys again");
    assert!(kids(&house.accounts).contains(&kid(&old)));
    let in_flight = token(&replica).await;
    assert!(house.accounts.bearer(&in_flight).await.is_ok());
}

#[tokio::test]
async fn the_private_part_of_an_old_key_is_put_away_once_the_new_one_signs() {
    use store::SettingsStore as _;
    let house = House::new().await;
    house.clock.advance(DAYS);
    house.accounts.rotate_keys().await.unwrap();
    let before = async || house.store.setting("token-keys-before").await.unwrap().unwrap();
    assert!(!before().await.is_empty());
    house.clock.advance(HOUR);
    house.accounts.rotate_keys().await.unwrap();
    assert!(before().await.is_empty());
}
