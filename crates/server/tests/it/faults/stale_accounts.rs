//! Who may go on pulling while accounts cannot be read, if the operator wants that.

use std::time::Duration;

use registry::access::AuthenticationError;
use serde_json::json;
use testkit::fixture::ImageFixture;
use testkit::{Answer, Client, Fault, fixture};

use crate::access::world::{PASSWORD, World, basic};

const TERM: Duration = Duration::from_secs(60);
/// For so long an account counts as it was seen last, without any setting.
const SESSION_CHECK: Duration = Duration::from_secs(10);
/// All that is read of the database.
const READS: &[&str] = &[
    "manifest",
    "blob",
    "blob_size",
    "tags",
    "emptied_at",
    "access_version",
    "policy",
    "account",
    "account_by_id",
    "credential",
    "credential_by_id",
];

/// A registry in which ann may push to `team/**`, and an image that she pulled by its digest.
struct Stage {
    world: World,
    image: ImageFixture,
    path: String,
}

impl Stage {
    async fn new(term: Duration) -> Self {
        let world = World::with(|auth, options| {
            options.registry.stale_reads = term;
            auth.settings.stale_reads = term;
        });
        let world = world.await;
        world.grants("user:ann", "push", "team/**").await;
        let image = fixture::image(1, 1000);
        image.pushed(&world.user("root"), "team/app", "v1").await;
        let path = format!("/v2/team/app/manifests/{}", image.manifest.digest());
        Self { world, image, path }
    }

    /// Everybody who can be known: by a token, by a password, by a personal token.
    async fn known(&self) -> Vec<Client> {
        let personal = self.world.personal_token("ann", &[]).await;
        let clients = vec![
            self.world.with_token(Some("ann"), "repository:team/app:pull,push").await,
            self.world.user("ann"),
            self.world.anybody().with("Authorization", basic("ann", &personal)),
        ];
        for client in &clients {
            client.get(&self.path).await.expect(200);
        }
        clients
    }

    fn loses_its_database(&self, fault: Fault) {
        self.world.registry.faults.fail_named(READS, fault);
    }

    fn waits(&self, time: Duration) {
        self.world.registry.clock.advance(time);
    }
}

fn says_to_come_back(answer: &Answer) {
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
}

#[tokio::test]
async fn known_callers_go_on_for_the_stated_time_and_no_longer() {
    for fault in [Fault::Busy, Fault::Failed] {
        let stage = Stage::new(TERM).await;
        let known = stage.known().await;
        stage.loses_its_database(fault);
        // Longer than an account counts without the database, and at the end of the time.
        for wait in [SESSION_CHECK, TERM - SESSION_CHECK] {
            stage.waits(wait);
            for client in &known {
                client.get(&stage.path).await.expect(200);
            }
        }
        stage.waits(Duration::from_millis(1));
        for client in &known {
            says_to_come_back(&client.get(&stage.path).await);
        }
        stage.world.registry.faults.clear();
        for client in &known {
            client.get(&stage.path).await.expect(200);
        }
    }
}

#[tokio::test]
async fn a_known_user_gets_tokens_and_nobody_else_learns_anything() {
    let stage = Stage::new(TERM).await;
    stage.known().await;
    stage.loses_its_database(Fault::Failed);
    // The password is checked anew: what is remembered of it has ended.
    stage.waits(TERM);
    let token = stage.world.with_token(Some("ann"), "repository:team/app:pull").await;
    token.get(&stage.path).await.expect(200);
    for credentials in [basic("ann", "wrong"), basic("bob", "wrong"), basic("nobody", "x")] {
        let client = stage.world.anybody().with("Authorization", credentials);
        for _ in 0..8 {
            says_to_come_back(&client.get(&stage.path).await);
        }
    }
}

#[tokio::test]
async fn without_the_setting_nobody_goes_on() {
    let stage = Stage::new(Duration::ZERO).await;
    let known = stage.known().await;
    stage.loses_its_database(Fault::Failed);
    stage.waits(SESSION_CHECK);
    for client in &known {
        says_to_come_back(&client.get("/v2/").await);
    }
}

#[tokio::test]
async fn who_was_disabled_before_stays_refused() {
    let stage = Stage::new(TERM).await;
    let known = stage.known().await;
    stage.world.does(json!({"command": "user-disable", "name": "ann"})).await;
    for client in &known {
        assert_ne!(client.get(&stage.path).await.status, 200);
    }
    stage.loses_its_database(Fault::Failed);
    for wait in [Duration::ZERO, SESSION_CHECK] {
        stage.waits(wait);
        for client in &known {
            let status = client.get(&stage.path).await.status;
            assert!(status == 401 || status == 503, "{status}");
        }
    }
}

#[tokio::test]
async fn nothing_is_changed_for_somebody_who_is_known_from_memory_alone() {
    let stage = Stage::new(TERM).await;
    let known = stage.known().await;
    // Accounts alone cannot be read: what is written would find its way.
    stage.world.registry.faults.fail_named(&READS[4..], Fault::Busy);
    stage.waits(SESSION_CHECK);
    let manifest = &stage.image.manifest;
    for client in &known {
        client.get(&stage.path).await.expect(200);
        let put = testkit::Request::new("PUT", "/v2/team/app/manifests/v2")
            .with("Content-Type", manifest.media_type)
            .body(manifest.bytes.clone());
        says_to_come_back(&client.send(put).await);
    }
    let add = crate::access::world::api("POST", "/tokens", &json!({"label": "x"}));
    says_to_come_back(&known[1].send(add).await);
}

#[tokio::test]
async fn time_counts_from_the_last_word_of_the_database() {
    let stage = Stage::new(TERM).await;
    let known = stage.known().await;
    let accounts = stage.world.registry.accounts();
    stage.waits(TERM);
    assert!(!accounts.refresh().await.unwrap());
    stage.loses_its_database(Fault::Failed);
    stage.waits(TERM);
    for client in &known[1..] {
        client.get("/v2/").await.expect(200);
    }
}

#[tokio::test]
async fn a_policy_that_is_known_to_be_old_counts_for_a_minute_and_then_for_nobody_but_administrators()
 {
    let stage = Stage::new(TERM * 5).await;
    let known = stage.known().await;
    let (root, nobody) = (stage.world.user("root"), stage.world.anybody());
    let accounts = stage.world.registry.accounts();
    stage.world.registry.faults.fail_named(&["policy"], Fault::Failed);
    stage.world.does(json!({"command": "user-disable", "name": "bob"})).await;
    for _ in 0..4 {
        stage.waits(TERM / 4);
        accounts.refresh().await.unwrap_err();
        for client in &known[1..] {
            client.get(&stage.path).await.expect(200);
        }
    }
    assert!(!accounts.is_behind());
    // That the database is away as well by now lengthens nothing.
    stage.world.registry.faults.fail_named(&["policy", "access_version"], Fault::Failed);
    stage.waits(Duration::from_millis(1));
    accounts.refresh().await.unwrap_err();
    assert!(accounts.is_behind());
    for client in known[1..].iter().chain([&nobody]) {
        says_to_come_back(&client.get(&stage.path).await);
        says_to_come_back(&client.get("/auth/token").await);
    }
    says_to_come_back(&known[1].get("/api/v1/whoami").await);
    root.get(&stage.path).await.expect(200);
    root.get("/api/v1/whoami").await.expect(200);
    stage.world.registry.faults.clear();
    assert!(accounts.refresh().await.unwrap());
    assert!(!accounts.is_behind());
    for client in &known[1..] {
        client.get(&stage.path).await.expect(200);
    }
}

#[tokio::test]
async fn a_stranger_who_writes_has_nothing_asked_of_the_database_that_is_away() {
    let stage = Stage::new(TERM).await;
    let known = stage.known().await;
    stage.loses_its_database(Fault::Busy);
    stage.waits(SESSION_CHECK);
    known[1].get(&stage.path).await.expect(200);
    let faults = &stage.world.registry.faults;
    let asked = || faults.calls().iter().filter(|call| **call == "access_version").count();
    let before = asked();
    let put = testkit::Request::new("PUT", "/v2/team/app/manifests/v2").body("{}");
    stage.world.anybody().send(put.clone()).await.expect(401);
    assert_eq!(asked(), before);
    says_to_come_back(&known[1].send(put).await);
    assert_eq!(asked(), before + 1);
}

#[tokio::test]
async fn who_was_known_from_memory_before_a_change_does_not_go_on_after_it() {
    let stage = Stage::new(TERM).await;
    let known = stage.known().await;
    let accounts = stage.world.registry.accounts();
    let noted = accounts.overtaken();
    stage.loses_its_database(Fault::Busy);
    stage.waits(SESSION_CHECK);
    known[1].get(&stage.path).await.expect(200);
    stage.world.registry.faults.clear();
    // Somebody else's request hears of it first.
    stage.world.does(json!({"command": "user-disable", "name": "ann"})).await;
    for _ in 0..2 {
        accounts.reach_store(noted).await.unwrap_err();
    }
    accounts.reach_store(accounts.overtaken()).await.unwrap();
}

#[tokio::test]
async fn a_guess_that_has_to_wait_asks_the_database_nothing() {
    let stage = Stage::new(Duration::ZERO).await;
    let (accounts, faults) = (stage.world.registry.accounts(), &stage.world.registry.faults);
    accounts.sign_in("ann", PASSWORD, None).await.unwrap();
    for name in ["ann", "nobody"] {
        while !is_throttled(&accounts.sign_in(name, "wrong", None).await) {}
        faults.clear();
        assert!(is_throttled(&accounts.sign_in(name, "wrong", None).await));
        assert_eq!(faults.calls(), Vec::<&str>::new());
    }
    // Nor does who was right a moment ago wait, however the account is read.
    stage.waits(SESSION_CHECK);
    while !is_throttled(&accounts.sign_in("ann", "wrong", None).await) {}
    accounts.sign_in("ann", PASSWORD, None).await.unwrap();
}

fn is_throttled<T>(answer: &Result<T, AuthenticationError>) -> bool {
    matches!(answer, Err(AuthenticationError::Throttled { .. }))
}
