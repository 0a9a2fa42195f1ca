//! Accounts in a file.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use testkit::{Client, TestRegistry, fixture};

struct Accounts {
    directory: tempfile::TempDir,
}

impl Accounts {
    fn new() -> Self {
        Self { directory: testkit::directory() }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("htpasswd")
    }

    fn write(&self, users: &[(&str, &str)]) {
        let line = |(user, password): &(&str, &str)| {
            format!("{user}:{}\n", bcrypt::hash(password, 4).unwrap())
        };
        std::fs::write(self.path(), users.iter().map(line).collect::<String>()).unwrap();
    }

    async fn registry(&self) -> TestRegistry {
        let path = self.path();
        TestRegistry::builder().set(|options| options.htpasswd = Some(path)).start().await
    }
}

fn signed_in(client: Client, user: &str, password: &str) -> Client {
    client.with("Authorization", format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
}

#[tokio::test]
async fn every_route_asks_to_sign_in_before_it_tells_anything() {
    let accounts = Accounts::new();
    accounts.write(&[("ann", "secret")]);
    let registry = accounts.registry().await;
    let ann = signed_in(registry.client(), "ann", "secret");
    let image = fixture::image(1, 1000);
    image.pushed(&ann, "a", "v1").await;
    let stranger = registry.client();
    let digest = image.manifest.digest();
    let paths = [
        "/v2/".into(),
        "/v2/_catalog".into(),
        "/v2/a/tags/list".into(),
        "/v2/absent/tags/list".into(),
        "/v2/a/manifests/v1".into(),
        "/v2/a/manifests/absent".into(),
        format!("/v2/a/blobs/{digest}"),
        "/v2/a/blobs/broken".into(),
        format!("/v2/a/referrers/{digest}"),
        "/v2/a/blobs/uploads/x".into(),
        "/v2/_oci/ext/discover".into(),
        "/v2/A/tags/list".into(),
        "/v2/nothing/here".into(),
    ];
    let refused = stranger.get("/v2/").await.expect(401);
    for path in &paths {
        let answer = stranger.get(path).await.expect(401);
        assert_eq!(answer.header("www-authenticate"), Some("Basic realm=\"Registry Realm\""));
        assert_eq!(answer.header("docker-distribution-api-version"), Some("registry/2.0"));
        // Only what was asked for is repeated.
        let said = |answer: &testkit::Answer| {
            let mut body = answer.json();
            body["errors"][0]["detail"].take();
            body
        };
        assert_eq!(said(&answer), said(&refused), "{path}");
        for method in ["PUT", "POST", "PATCH", "DELETE"] {
            let request = testkit::Request::new(method, path).body([]);
            assert_eq!(stranger.send(request).await.status, 401, "{method} {path}");
        }
    }
    ann.get("/v2/").await.expect(200);
}

#[tokio::test]
async fn wrong_credentials_of_every_kind_are_refused_alike() {
    let accounts = Accounts::new();
    accounts.write(&[("ann", "secret")]);
    let registry = accounts.registry().await;
    let wrong = signed_in(registry.client(), "ann", "wrong").get("/v2/").await.expect(401);
    let unknown = signed_in(registry.client(), "bob", "secret").get("/v2/").await.expect(401);
    assert_eq!(wrong.body, unknown.body);
    assert!(wrong.header("www-authenticate").is_some());
    for value in ["Bearer abc", "Basic", "Basic !!", "nonsense", "Basic \u{fc}"] {
        let client = registry.client().with("Authorization", value);
        assert!(client.get("/v2/").await.expect(401).header("www-authenticate").is_some());
    }
    // How docker says that it has no login.
    registry.client().with("Authorization", "Basic Og==").get("/v2/").await.expect(401);
}

#[tokio::test]
async fn a_verified_password_does_not_cost_a_hash_per_request() {
    let accounts = Accounts::new();
    // A hash of this cost takes some tens of milliseconds even when optimized.
    let hash = bcrypt::hash("secret", 10).unwrap();
    std::fs::write(accounts.path(), format!("ann:{hash}\n")).unwrap();
    let registry = accounts.registry().await;
    let ann = signed_in(registry.client(), "ann", "secret");
    let clock = store::SystemClock::new();
    let time = |answers: usize| {
        let (ann, clock) = (ann.clone(), &clock);
        async move {
            let began = store::Clock::elapsed(clock);
            for _ in 0..answers {
                ann.get("/v2/").await.expect(200);
            }
            store::Clock::elapsed(clock) - began
        }
    };
    let first = time(1).await;
    let next = time(10).await;
    assert!(next < first * 5, "ten answers took {next:?}, the first one {first:?}");
}

#[tokio::test]
async fn a_changed_file_counts_within_a_second() {
    let accounts = Accounts::new();
    accounts.write(&[("ann", "secret")]);
    let registry = accounts.registry().await;
    let (ann, bob) = (
        signed_in(registry.client(), "ann", "secret"),
        signed_in(registry.client(), "bob", "hidden"),
    );
    ann.get("/v2/").await.expect(200);
    bob.get("/v2/").await.expect(401);
    accounts.write(&[("ann", "changed"), ("bob", "hidden")]);
    registry.clock.advance(Duration::from_secs(1));
    bob.get("/v2/").await.expect(200);
    ann.get("/v2/").await.expect(401);
    signed_in(registry.client(), "ann", "changed").get("/v2/").await.expect(200);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_no_wrong_password() {
    let accounts = Accounts::new();
    accounts.write(&[("ann", "secret")]);
    let registry = accounts.registry().await;
    let ann = signed_in(registry.client(), "ann", "secret");
    ann.get("/v2/").await.expect(200);
    std::fs::remove_file(accounts.path()).unwrap();
    registry.clock.advance(Duration::from_secs(2));
    let answer = ann.get("/v2/").await.expect(503);
    assert!(answer.header("retry-after").is_some());
    assert!(!String::from_utf8_lossy(&answer.body).contains("htpasswd"));
    registry.client().get("/v2/").await.expect(401);
    accounts.write(&[("ann", "secret")]);
    registry.clock.advance(Duration::from_secs(2));
    ann.get("/v2/").await.expect(200);
}
