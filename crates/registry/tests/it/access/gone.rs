//! How often a source is asked whether its users are still there, and what
//! counts meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use identity::{Identity, IdentitySource, Known, SourceError};
use registry::access::{AuthenticationError, CertificateIdentity};
use registry::accounts::Accounts;
use testkit::FakeClock;
use tokio::sync::Semaphore;

use super::house::{House, PASSWORD, Plan};

/// A source over a slow network.
struct Far {
    asked: AtomicU32,
    answers: AtomicBool,
    is_busy: AtomicBool,
    knows: AtomicBool,
    /// A question is answered when there is a place.
    gate: Semaphore,
}

#[async_trait]
impl IdentitySource for Far {
    fn name(&self) -> &str {
        "far"
    }

    async fn verify(&self, user: &str, password: &str) -> Result<Option<Identity>, SourceError> {
        if !self.answers.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        let is_right = password == PASSWORD;
        Ok(Identity::checked(user, user, None, vec![]).filter(|_| is_right))
    }

    async fn look_up(&self, user: &str) -> Result<Option<Known>, SourceError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.gate.acquire().await.unwrap().forget();
        if self.is_busy.load(Ordering::SeqCst) {
            return Err(SourceError::Busy);
        }
        if !self.answers.load(Ordering::SeqCst) {
            return Err(SourceError::Unavailable("away".into()));
        }
        let identity = Identity::checked(user, user, None, vec![]);
        let identity = identity.filter(|_| self.knows.load(Ordering::SeqCst));
        Ok(identity.map(|identity| Known { identity, tells_groups: true }))
    }

    fn is_at_hand(&self) -> bool {
        false
    }
}

async fn house(places: usize) -> (House, Arc<Far>) {
    let far = Arc::new(Far {
        asked: AtomicU32::new(0),
        answers: AtomicBool::new(true),
        is_busy: AtomicBool::new(false),
        knows: AtomicBool::new(true),
        gate: Semaphore::new(places),
    });
    let plan = Plan { others: vec![far.clone()], ..Plan::default() };
    (House::of(plan, Arc::new(FakeClock::new())).await, far)
}

impl Far {
    fn times(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn token(house: &House, user: &str) -> String {
    house.issue(&house.signed_in(user).await, "repository:team/app:pull").await
}

async fn is_good(accounts: &Accounts, token: &str) -> bool {
    match accounts.bearer(token).await {
        Ok(_) => true,
        Err(AuthenticationError::InvalidToken) => false,
        Err(other) => panic!("{other}"),
    }
}

fn passes(house: &House, seconds: u64) {
    house.clock.advance(Duration::from_secs(seconds));
}

#[tokio::test]
async fn a_source_is_asked_once_a_minute_about_those_who_are_in_use() {
    let (house, far) = house(100).await;
    let (ann, _bob) = (token(&house, "ann").await, token(&house, "bob").await);
    for _ in 0..44 {
        assert!(is_good(&house.accounts, &ann).await);
        passes(&house, 1);
    }
    assert_eq!(far.times(), 0, "the sign-in was an answer");
    passes(&house, 1);
    for _ in 0..10 {
        assert!(is_good(&house.accounts, &ann).await);
    }
    assert_eq!(far.times(), 1, "and nobody asks about bob, who does nothing");
    far.knows.store(false, Ordering::SeqCst);
    passes(&house, 45);
    assert!(!is_good(&house.accounts, &ann).await);
    assert!(!is_good(&house.accounts, &ann).await);
    assert_eq!(far.times(), 2, "no is an answer like yes");
}

#[tokio::test]
async fn one_asks_while_others_go_on_and_nobody_goes_on_after_a_minute() {
    let (house, far) = house(0).await;
    let ann = token(&house, "ann").await;
    let ask = || {
        let (accounts, ann) = (house.accounts.clone(), ann.clone());
        tokio::spawn(async move { is_good(&accounts, &ann).await })
    };
    passes(&house, 50);
    let first = ask();
    while far.times() == 0 {
        tokio::task::yield_now().await;
    }
    assert!(is_good(&house.accounts, &ann).await, "with the answer that there is");
    passes(&house, 10);
    far.knows.store(false, Ordering::SeqCst);
    let late: Vec<_> = (0..20).map(|_| ask()).collect();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(late.iter().all(|it| !it.is_finished()), "they wait for the new answer");
    far.gate.add_permits(100);
    assert!(!first.await.unwrap());
    for it in late {
        assert!(!it.await.unwrap());
    }
    assert_eq!(far.times(), 1);
}

#[tokio::test]
async fn a_source_that_fails_is_asked_by_one_every_few_seconds() {
    let (house, far) = house(1000).await;
    let mut tokens = Vec::new();
    for n in 0..10 {
        tokens.push(token(&house, &format!("user-{n}")).await);
    }
    passes(&house, 60);
    far.answers.store(false, Ordering::SeqCst);
    for token in tokens.iter().cycle().take(100) {
        assert!(is_good(&house.accounts, token).await, "as it was a minute ago");
    }
    assert_eq!(far.times(), 1);
    passes(&house, 5);
    for token in tokens.iter().cycle().take(100) {
        assert!(is_good(&house.accounts, token).await);
    }
    assert_eq!(far.times(), 2, "another one, not the one that failed before");
    passes(&house, 300);
    let ended = house.accounts.bearer(&tokens[0]).await.unwrap_err();
    assert!(matches!(ended, AuthenticationError::Unavailable(_)), "{ended:?}");
    far.answers.store(true, Ordering::SeqCst);
    passes(&house, 5);
    assert!(is_good(&house.accounts, &tokens[0]).await);
    assert!(is_good(&house.accounts, &tokens[1]).await);
}

#[tokio::test]
async fn that_too_many_ask_is_no_outage_of_the_source() {
    let (house, far) = house(100).await;
    let (ann, bob) = (token(&house, "ann").await, token(&house, "bob").await);
    passes(&house, 300);
    far.is_busy.store(true, Ordering::SeqCst);
    let late = house.accounts.bearer(&ann).await.unwrap_err();
    assert!(matches!(late, AuthenticationError::Busy), "{late:?}");
    far.is_busy.store(false, Ordering::SeqCst);
    assert!(is_good(&house.accounts, &bob).await, "the next one is asked about at once");
    assert!(is_good(&house.accounts, &ann).await);
}

#[tokio::test]
async fn a_wrong_password_of_another_source_does_not_wait_for_a_silent_one() {
    let (house, far) = house(100).await;
    house.user("eve").await;
    let ann = token(&house, "ann").await;
    passes(&house, 60);
    far.answers.store(false, Ordering::SeqCst);
    let wrong = async || {
        let clock = store::SystemClock::new();
        let error = house.accounts.sign_in("eve", "wrong password", None).await.unwrap_err();
        assert!(matches!(error, AuthenticationError::Invalid), "{error:?}");
        store::Clock::elapsed(&clock)
    };
    let bound = Duration::from_secs(2);
    assert!(wrong().await >= bound, "as long as one that answers late");
    assert!(is_good(&house.accounts, &ann).await);
    assert!(wrong().await < bound, "it is known to be silent");
}

#[tokio::test]
async fn who_comes_by_certificate_is_asked_about_too() {
    let (house, far) = house(100).await;
    house.signed_in("ann").await;
    let named = CertificateIdentity { common_name: Some("ann".into()), ..Default::default() };
    assert!(house.accounts.with_certificate(&named).await.unwrap().is_some());
    far.knows.store(false, Ordering::SeqCst);
    passes(&house, 60);
    let gone = house.accounts.with_certificate(&named).await.unwrap_err();
    assert!(matches!(gone, AuthenticationError::Invalid));
}

#[tokio::test]
async fn a_certificate_gets_good_tokens_after_the_password_has_changed_in_a_file() {
    let plan = Plan { sources: &[("file", &["ann"])], ..Plan::default() };
    let house = House::of(plan, Arc::new(FakeClock::new())).await;
    let old = token(&house, "ann").await;
    let path = house.directory.path().join("file");
    std::fs::write(&path, "ann:$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC\n")
        .unwrap();
    passes(&house, 1);
    let named = CertificateIdentity { common_name: Some("ann".into()), ..Default::default() };
    let ann = house.accounts.with_certificate(&named).await.unwrap().unwrap();
    let new = house.issue(&ann.into(), "repository:team/app:pull").await;
    assert!(is_good(&house.accounts, &new).await);
    assert!(!is_good(&house.accounts, &old).await);
}
