//! What zot had.

use oci::Digest;
use testkit::{Request, fixture};

use crate::access::world::{PASSWORD, World, api, basic};

#[tokio::test]
async fn cve_2024_39897_a_blob_of_another_repository_is_not_served() {
    let world = World::new().await;
    let image = fixture::image(1, 100_000);
    image.pushed(&world.user("root"), "secret/web", "v1").await;
    world.grants("user:ann", "owner", "ann/**").await;
    let ann = world.user("ann");
    fixture::image(2, 100).pushed(&ann, "ann/web", "v1").await;
    let digest = Digest::sha256(&image.layers[0]);
    ann.blob("ann/web", &digest).await.expect(404);
    ann.head(format!("/v2/ann/web/blobs/{digest}")).await.expect(404);
    ann.manifest("ann/web", &image.manifest.digest().to_string()).await.expect(404);
    // Nor does a manifest that names it bring it here.
    let refused = image.manifest.push(&ann, "ann/web", "v2").await.expect(400);
    assert_eq!(refused.code(), "MANIFEST_BLOB_UNKNOWN");
    ann.blob("ann/web", &digest).await.expect(404);
}

#[tokio::test]
async fn cve_2025_48374_a_refused_secret_is_in_no_answer() {
    let world = World::with(|auth, _| auth.settings.throttle.free = u32::MAX).await;
    let canary = "canary-48374";
    for login in [basic("ann", canary), basic(canary, "x"), format!("Bearer {canary}")] {
        for path in ["/v2/", "/auth/token", "/api/v1/whoami"] {
            let request = Request::new("GET", path).with("Authorization", login.clone());
            let answer = world.anybody().send(request).await.expect(401);
            assert!(!format!("{answer:?}").contains(canary) && !answer.body.is_empty());
        }
    }
    let written = serde_json::to_string(&world.audit().await).unwrap();
    let names = written.matches(canary).count();
    assert_eq!(names, written.matches(&format!("claimed:\\\"{canary}")).count(), "{written}");
}

#[tokio::test]
async fn cve_2026_31801_latest_is_moved_only_by_those_who_may_move_tags() {
    let world = World::new().await;
    world.grants("user:ann", "push", "team/**").await;
    world.grants("user:bob", "overwrite", "team/**").await;
    let (ann, bob) = (world.user("ann"), world.user("bob"));
    let (old, new) = (fixture::image(1, 100), fixture::image(2, 100));
    old.pushed(&ann, "team/web", "latest").await;
    for blob in new.blobs() {
        ann.push_blob("team/web", blob).await.expect(201);
    }
    let digest = new.manifest.digest().to_string();
    let token = world.with_token(Some("ann"), "repository:team/web:pull,push,*").await;
    for client in [&ann, &token] {
        new.manifest.push(client, "team/web", "latest").await.expect(403);
        new.manifest.push(client, "team/web", &format!("{digest}?tag=latest")).await.expect(403);
        let now = client.manifest("team/web", "latest").await.expect(200);
        assert_eq!(now.digest(), old.manifest.digest());
    }
    new.manifest.push(&bob, "team/web", "latest").await.expect(201);
}

#[tokio::test]
async fn cve_2026_61833_delete_is_not_push() {
    let world = World::new().await;
    world.grants("user:ann", "developer", "team/**").await;
    let image = fixture::image(1, 100);
    image.pushed(&world.user("ann"), "team/web", "v1").await;
    let digest = image.manifest.digest();
    let config = Digest::sha256(&image.config);
    let root = world.with_token(Some("root"), "repository:team/web:pull,push").await;
    let ann = world.with_token(Some("ann"), "repository:team/web:pull,push,delete").await;
    let paths = [
        "/v2/team/web/manifests/v1".to_owned(),
        format!("/v2/team/web/manifests/{digest}"),
        format!("/v2/team/web/blobs/{config}"),
    ];
    for path in &paths {
        root.delete(path).await.expect(401);
        let refused = ann.delete(path).await.expect(401);
        let asked = refused.header("www-authenticate").unwrap();
        assert!(asked.contains("repository:team/web:delete"), "{asked}");
        world.user("ann").delete(path).await.expect(403);
    }
    world.user("ann").manifest("team/web", "v1").await.expect(200);
    // And the right to delete is none to push.
    let deletes = world.with_token(Some("root"), "repository:team/web:delete").await;
    deletes.post("/v2/team/web/blobs/uploads/").await.expect(401);
    deletes.delete(&paths[0]).await.expect(202);
}

/// Its pull requests 3977 to 4131: bodies without a bound, other sites' pages.
#[tokio::test]
async fn zot_4131_no_body_is_endless_and_no_other_site_is_let_in() {
    let world = World::new().await;
    let huge = serde_json::json!({"name": "x".repeat(2 << 20)});
    let mut request = api("POST", "/users", &huge);
    request.headers.push(("Authorization".into(), basic("root", PASSWORD)));
    world.anybody().send(request).await.expect(413);
    for path in ["/v2/", "/auth/token", "/auth/keys", "/api/v1/whoami"] {
        for method in ["GET", "OPTIONS"] {
            let request = Request::new(method, path)
                .with("Origin", "https://evil.example")
                .with("Access-Control-Request-Method", "POST")
                .with("Authorization", basic("ann", PASSWORD));
            let answer = world.anybody().send(request).await;
            let allows = |(name, _): &(String, String)| name.starts_with("access-control-");
            assert!(!answer.headers.iter().any(allows), "{method} {path}");
        }
    }
}
