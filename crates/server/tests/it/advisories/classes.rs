//! Classes of holes that have no test of their own elsewhere.

use std::time::Duration;

use serde_json::json;
use testkit::{Auth, Request, TestRegistry, fixture};

use crate::access::world::{PASSWORD, World, basic};

/// In other processes it is gone within the session check, which has its own test.
#[tokio::test]
async fn c6_what_was_taken_away_is_gone_for_tokens_from_before() {
    let world = World::new().await;
    fixture::image(1, 100).pushed(&world.user("root"), "team/web", "v1").await;
    let grant = json!({
        "command": "grant", "subject": "user:ann", "role": "pull", "pattern": "team/**",
    });
    let member = json!({"command": "team-member-add", "team": "web", "user": "ann"});
    let password = |text: &str| json!({"command": "user-passwd", "name": "ann", "password": text});
    world.does(json!({"command": "team-add", "name": "web"})).await;
    world.grants("team:web", "pull", "team/**").await;
    // What gives the right, and what takes it away.
    for (gives, takes) in [
        (
            grant.clone(),
            json!({"command": "revoke", "subject": "user:ann", "role": "pull", "pattern": "team/**"}),
        ),
        (member.clone(), json!({"command": "team-member-remove", "team": "web", "user": "ann"})),
        (member, json!({"command": "team-remove", "name": "web"})),
        (grant, password("another password")),
        (password(PASSWORD), json!({"command": "user-disable", "name": "ann"})),
        (
            json!({"command": "user-enable", "name": "ann"}),
            json!({"command": "user-remove", "name": "ann"}),
        ),
    ] {
        world.does(gives).await;
        let token = world.with_token(Some("ann"), "repository:team/web:pull").await;
        token.manifest("team/web", "v1").await.expect(200);
        world.does(takes.clone()).await;
        let refused = token.manifest("team/web", "v1").await;
        assert_eq!(refused.status, 401, "{takes}");
        assert!(refused.header("www-authenticate").is_some());
    }
}

/// A repository that was emptied and filled again by others is not theirs who
/// had it before.
#[tokio::test]
async fn c6_what_is_made_anew_under_an_old_name_is_decided_anew() {
    let world = World::new().await;
    world.grants("user:ann", "owner", "team/**").await;
    let image = fixture::image(1, 100);
    image.pushed(&world.user("ann"), "team/web", "v1").await;
    let token = world.with_token(Some("ann"), "repository:team/web:pull,push,delete").await;
    token.delete("/v2/team/web/manifests/v1").await.expect(202);
    token.delete(format!("/v2/team/web/manifests/{}", image.manifest.digest())).await.expect(202);
    let revoke =
        json!({"command": "revoke", "subject": "user:ann", "role": "owner", "pattern": "team/**"});
    world.does(revoke).await;
    fixture::image(2, 100).pushed(&world.user("root"), "team/web", "v1").await;
    token.manifest("team/web", "v1").await.expect(401);
    token.post("/v2/team/web/blobs/uploads/").await.expect(401);
    world.grants("user:ann", "push", "own/**").await;
    let mount = format!(
        "/v2/own/web/blobs/uploads/?mount={}&from=team/web",
        oci::Digest::sha256(&image.config)
    );
    world.user("ann").post(mount).await.expect(202);
}

#[tokio::test]
async fn c16_what_others_chose_comes_back_as_data() {
    let world = World::new().await;
    let hostile = "<script>alert(1)</script>";
    let root = world.user("root");
    let index = json!({
        "schemaVersion": 2,
        "mediaType": oci::MediaType::OCI_INDEX,
        "manifests": [],
        "annotations": {"org.opencontainers.image.description": hostile},
    });
    let bytes = serde_json::to_vec(&index).unwrap();
    root.push_manifest("a", "v1", oci::MediaType::OCI_INDEX, &bytes).await.expect(201);
    // Served as what it was pushed as, never as a page.
    let served = root.manifest("a", "v1").await.expect(200);
    assert_eq!(served.header("content-type"), Some(oci::MediaType::OCI_INDEX));
    // A type that a browser would run is kept, as any type is, in a sandbox.
    for kind in ["text/html", "image/svg+xml", "application/xhtml+xml"] {
        root.push_manifest("a", "page", kind, hostile.as_bytes()).await.expect(201);
        let served = root.manifest("a", "page").await.expect(200);
        let policy = served.header("content-security-policy").unwrap();
        assert_eq!(policy, "default-src 'none'; sandbox", "{kind}");
        assert_eq!(served.header("x-content-type-options"), Some("nosniff"));
    }
    for path in [
        format!("/v2/{hostile}/tags/list"),
        format!("/v2/a/manifests/{hostile}"),
        format!("/api/v1/users/{hostile}"),
        format!("/auth/oidc/{hostile}/login"),
        format!("/{hostile}"),
    ] {
        let path = path.replace('<', "%3C").replace('>', "%3E");
        let answer = root.get(path.clone()).await;
        let kind = answer.header("content-type").unwrap_or("application/json");
        assert!(kind.starts_with("application/json"), "{path}: {kind}");
    }
    let blob = hostile.as_bytes();
    root.push_blob("a", blob).await.expect(201);
    let served = root.blob("a", &oci::Digest::sha256(blob)).await.expect(200);
    assert_eq!(served.header("content-type"), Some("application/octet-stream"));
}

#[tokio::test]
async fn c24_a_fresh_registry_lets_nobody_in_and_shows_nothing_of_itself() {
    let registry = TestRegistry::builder()
        .set(|options| options.auth = Auth::Berth(Box::default()))
        .start()
        .await;
    let anybody = registry.client();
    for (method, path) in [
        ("GET", "/v2/"),
        ("GET", "/v2/_catalog"),
        ("GET", "/v2/a/manifests/v1"),
        ("POST", "/v2/a/blobs/uploads/"),
        ("PUT", "/v2/a/manifests/v1"),
        ("GET", "/api/v1/users"),
        ("POST", "/api/v1/users"),
    ] {
        let answer = anybody.send(Request::new(method, path).body([])).await;
        assert_eq!(answer.status, 401, "{method} {path}");
    }
    // Metrics and what is for debugging are elsewhere.
    for path in ["/metrics", "/debug/health", "/debug/vars", "/debug/pprof/", "/api/v1/metrics"] {
        let answer = anybody.get(path).await;
        assert!(matches!(answer.status, 401 | 404), "{path}: {}", answer.status);
        assert!(!String::from_utf8_lossy(&answer.body).contains("registry_http"), "{path}");
    }
    // The first administrator is made by the secret of the log, once.
    let secret = registry.accounts().setup_secret().await.unwrap().unwrap();
    let setup = |secret: &str| {
        let body = json!({"secret": secret, "name": "first", "password": PASSWORD});
        Request::new("POST", "/api/v1/setup")
            .with("Content-Type", "application/json")
            .body(body.to_string())
    };
    anybody.send(setup("")).await.expect(403);
    anybody.send(setup("bset_x")).await.expect(403);
    anybody.send(setup(&secret)).await.expect(201);
    anybody.send(setup(&secret)).await.expect(403);
    let first = anybody.clone().with("Authorization", basic("first", PASSWORD));
    first.get("/api/v1/users").await.expect(200);
}

/// Whoever knows a name waits no longer and no shorter than for a wrong one.
#[tokio::test]
async fn c17_an_unknown_name_costs_what_a_known_one_does() {
    let world = World::with(|auth, _| auth.settings.throttle.free = u32::MAX).await;
    let mut fastest = Vec::new();
    for name in ["ann", "who"] {
        let mut best = Duration::MAX;
        for round in 0..4 {
            let clock = store::SystemClock::new();
            let client = world.anybody().with("Authorization", basic(name, &format!("no {round}")));
            client.get("/v2/").await.expect(401);
            best = best.min(store::Clock::elapsed(&clock));
        }
        fastest.push(best);
    }
    // Without the hash it would be a hundred times faster.
    assert!(fastest[0] < fastest[1] * 4 && fastest[1] < fastest[0] * 4, "{fastest:?}");
}

/// CVE-2023-20902 of Harbor: what is compared in variable time tells itself
/// byte by byte. No test can see that from outside; this one sees that nobody
/// takes it out.
#[test]
fn cve_2023_20902_secrets_are_compared_in_constant_time() {
    let crates = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    for file in [
        "registry/src/accounts/made_secret.rs",
        "registry/src/accounts/setup.rs",
        "registry/src/push/id.rs",
        "identity/src/password/argon.rs",
    ] {
        let text = std::fs::read_to_string(format!("{crates}/{file}")).unwrap();
        assert!(text.contains(".ct_eq("), "{file}");
    }
}
