//! Tokens from before a repository was emptied, in several processes.

use std::time::Duration;

use bytes::Bytes;
use oci::{Digest, MediaType, RepositoryName};
use registry::access::{Action, AuthenticationError, Caller};
use registry::accounts::Accounts;
use store::{Clock as _, ContentStore as _, NewManifest, PutManifest};

use super::house::{House, PASSWORD, may};

const SECOND: Duration = Duration::from_secs(1);
const SCOPES: &str = "repository:team/app:pull,push repository:team/base:pull";

fn name(text: &str) -> RepositoryName {
    RepositoryName::parse(text).unwrap()
}

async fn fill(house: &House, repository: &str) {
    let bytes = Bytes::from_static(b"{}");
    let sha256 = Digest::sha256(&bytes);
    let manifest = NewManifest {
        sha256,
        sha512: None,
        media_type: MediaType::parse(MediaType::OCI_MANIFEST).unwrap(),
        bytes,
        references: Vec::new(),
        subject: None,
        artifact_type: None,
        annotations: None,
    };
    let command = PutManifest {
        repository: name(repository),
        manifest,
        tags: Vec::new(),
        tag_digest: sha256,
        asks_taken: false,
        actor: None,
        at: house.clock.now(),
    };
    house.store.put_manifest(command, Box::new(|_| Ok(()))).await.unwrap();
}

async fn empty(house: &House, repository: &str) {
    let (digest, now) = (Digest::sha256(b"{}"), house.clock.now());
    let gone = house.store.delete_manifest(&name(repository), &digest, None, now).await.unwrap();
    assert!(gone.is_some());
}

/// A house in which ann may push, and two repositories that hold something.
async fn house() -> House {
    let house = House::new().await;
    house.user("ann").await;
    house.grant("user:ann", "push", "team/**").await;
    for repository in ["team/app", "team/base"] {
        fill(&house, repository).await;
    }
    house
}

async fn caller(house: &House, accounts: &Accounts) -> Caller {
    let token = house.issue(&house.signed_in("ann").await, SCOPES).await;
    accounts.bearer(&token).await.unwrap()
}

async fn is_good(accounts: &Accounts, caller: &Caller, repository: &str) -> bool {
    match accounts.check_age(caller, &name(repository)).await {
        Ok(()) => true,
        Err(AuthenticationError::InvalidToken) => false,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn an_older_token_is_void_in_every_process_within_the_session_check() {
    let house = house().await;
    let replica = house.replica().await;
    let old = caller(&house, &house.accounts).await;
    house.clock.advance(SECOND);
    assert!(is_good(&replica, &old, "team/app").await);
    empty(&house, "team/app").await;
    fill(&house, "team/app").await;
    assert!(!is_good(&house.accounts, &old, "team/app").await, "it had not looked yet");
    assert!(is_good(&replica, &old, "team/app").await, "what was seen a moment ago");
    house.clock.advance(10 * SECOND);
    for accounts in [&house.accounts, &replica] {
        assert!(!is_good(accounts, &old, "team/app").await);
        assert!(is_good(accounts, &old, "team/base").await, "nobody emptied that");
        let new = caller(&house, accounts).await;
        assert!(is_good(accounts, &new, "team/app").await);
    }
}

#[tokio::test]
async fn a_token_of_the_same_second_goes_on() {
    let house = house().await;
    let old = caller(&house, &house.accounts).await;
    house.clock.advance(Duration::from_millis(999));
    empty(&house, "team/app").await;
    assert!(is_good(&house.accounts, &old, "team/app").await);
    let new = caller(&house, &house.accounts).await;
    assert_eq!(new.token_issued(), old.token_issued());
}

#[tokio::test]
async fn a_token_that_filled_a_new_repository_goes_on_until_that_is_emptied() {
    let house = house().await;
    let token = "repository:team/new:pull,push";
    let token = house.issue(&house.signed_in("ann").await, token).await;
    let caller = house.accounts.bearer(&token).await.unwrap();
    for _ in 0..3 {
        house.clock.advance(10 * SECOND);
        assert!(is_good(&house.accounts, &caller, "team/new").await);
        fill(&house, "team/new").await;
    }
    empty(&house, "team/new").await;
    house.clock.advance(10 * SECOND);
    assert!(!is_good(&house.accounts, &caller, "team/new").await);
}

#[tokio::test]
async fn an_emptied_source_of_a_mount_is_as_one_that_may_not_be_read() {
    let house = house().await;
    let old = caller(&house, &house.accounts).await;
    house.clock.advance(SECOND);
    empty(&house, "team/base").await;
    fill(&house, "team/base").await;
    for from in [Some("team/base"), None] {
        let from = from.map(name);
        let left = house.accounts.without_outdated(&old, from.as_ref()).await.unwrap();
        assert!(!may(&house.accounts, &left, Action::Pull, "team/base"), "{from:?}");
        assert!(may(&house.accounts, &left, Action::Push, "team/app"));
        assert_eq!((left.name(), left.token_issued()), (old.name(), old.token_issued()));
    }
    let other = house.accounts.without_outdated(&old, Some(&name("team/app"))).await.unwrap();
    assert_eq!(other, old, "only what is asked for is looked up");
}

#[tokio::test]
async fn passwords_personal_tokens_and_tokens_of_nobody_have_no_age() {
    let house = house().await;
    house.visibility("team/**", "public").await;
    let (personal, _) = house.token("ann", &["pull:team/app"]).await;
    let nobody = house.issue(&registry::accounts::Proven::anonymous(), SCOPES).await;
    let callers = [
        house.sign_in("ann", PASSWORD).await.unwrap().into_caller(),
        house.sign_in("ann", &personal).await.unwrap().into_caller(),
        house.accounts.bearer(&nobody).await.unwrap(),
    ];
    house.clock.advance(SECOND);
    empty(&house, "team/app").await;
    for caller in callers {
        assert!(is_good(&house.accounts, &caller, "team/app").await, "{caller:?}");
    }
}
