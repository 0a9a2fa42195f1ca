//! What Quay had.

use serde_json::{Value, json};
use testkit::{Request, fixture};

use crate::access::world::{PASSWORD, World, api, basic};

#[tokio::test]
async fn cve_2025_4374_whoever_pushes_first_does_not_own_the_repository() {
    let world = World::new().await;
    world.grants("user:ann", "push", "team/**").await;
    let ann = world.user("ann");
    fixture::image(1, 100).pushed(&ann, "team/new", "v1").await;
    ann.delete("/v2/team/new/manifests/v1").await.expect(403);
    fixture::image(2, 100).push(&ann, "team/new", "v1").await.pop().unwrap().expect(403);
    let grant = json!({"subject": "user:ann", "role": "owner", "pattern": "team/new"});
    let login = basic("ann", PASSWORD);
    let request = api("POST", "/grants", &grant).with("Authorization", login);
    world.anybody().send(request).await.expect(403);
}

#[tokio::test]
async fn cve_2026_32589_an_upload_is_found_only_in_its_repository() {
    let world = World::new().await;
    world.grants("user:ann", "push", "ann/**").await;
    world.grants("user:bob", "push", "bob/**").await;
    let (ann, bob) = (world.user("ann"), world.user("bob"));
    let opened = ann.open_upload("ann/web").await;
    ann.patch(&opened, *b"half").await.expect(202);
    let id = opened.rsplit('/').next().unwrap();
    let through_own = format!("/v2/bob/web/blobs/uploads/{id}");
    for (method, path, status) in [
        ("GET", through_own.clone(), 404),
        ("PATCH", through_own.clone(), 404),
        ("PUT", format!("{through_own}?digest={}", oci::Digest::sha256(b"half")), 404),
        ("DELETE", through_own, 404),
        ("GET", opened.clone(), 403),
        ("PATCH", opened.clone(), 403),
        ("DELETE", opened.clone(), 403),
    ] {
        bob.send(Request::new(method, path).body([])).await.expect(status);
    }
    let digest = oci::Digest::sha256(b"half done");
    ann.close_upload(&opened, &digest, *b" done").await.expect(201);
}

#[tokio::test]
async fn cve_2026_32590_the_state_of_an_upload_cannot_be_written_by_its_client() {
    let world = World::new().await;
    let root = world.user("root");
    let opened = root.open_upload("a").await;
    let (path, id) = opened.rsplit_once('/').unwrap();
    for (at, _) in id.char_indices() {
        let mut damaged = id.as_bytes().to_vec();
        damaged[at] = if damaged[at] == b'0' { b'1' } else { b'0' };
        let damaged = String::from_utf8(damaged).unwrap();
        let answer = root.patch(format!("{path}/{damaged}"), *b"x").await;
        assert_eq!(answer.status, 404, "{at}: {damaged}");
    }
    for query in ["?_state=gASVAAAAAAAAAA==", "?_state=e30="] {
        root.get(format!("{opened}{query}")).await.expect(204);
    }
}

/// Also CVE-2026-105447.
#[tokio::test]
async fn cve_2026_18255_no_list_shows_a_secret_to_anybody() {
    let world = World::new().await;
    let token = world.personal_token("root", &[]).await;
    let robot = json!({"name": "ci"});
    let login = basic("root", PASSWORD);
    let made = api("POST", "/robots", &robot).with("Authorization", login.clone());
    let secret = world.anybody().send(made).await.expect(201).json()["secret"].clone();
    let (token, secret) = (token.as_str(), secret.as_str().unwrap());
    for path in
        ["/users", "/users/root", "/robots", "/tokens", "/grants", "/access", "/audit", "/whoami"]
    {
        let request = api("GET", path, &Value::Null).with("Authorization", login.clone());
        let answer = world.anybody().send(request).await.expect(200);
        let text = String::from_utf8(answer.body).unwrap();
        for secret in [token, secret, "$argon2", "sha256:", PASSWORD] {
            assert!(!text.contains(secret), "{path}: {secret}");
        }
    }
}

#[tokio::test]
async fn cve_2026_109195_a_name_counts_only_with_its_namespace() {
    let world = World::new().await;
    world.grants("user:ann", "owner", "ann/**").await;
    let ann = |method: &str, path: &str, body: Value| {
        let request = api(method, path, &body).with("Authorization", basic("ann", PASSWORD));
        let client = world.anybody();
        async move { client.send(request).await.status }
    };
    world.does(json!({"command": "robot-add", "name": "bob+ci"})).await;
    world.does(json!({"command": "robot-add", "name": "ci"})).await;
    assert_eq!(ann("POST", "/robots", json!({"name": "ann+ci"})).await, 201);
    for name in ["bob+ci", "ci", "an+ci", "ann/..+ci", "annn+ci", "+ci"] {
        let name = name.replace('/', "%2F");
        let status = ann("POST", &format!("/robots/{name}/rotate"), json!({})).await;
        assert!(matches!(status, 400 | 403), "{name}: {status}");
    }
    assert_eq!(ann("POST", "/robots/ann+ci/rotate", json!({})).await, 201);
}
