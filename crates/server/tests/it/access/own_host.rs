//! Names of repositories that begin with a host: what the token says is what was decided.

use std::time::Duration;

use base64::Engine;
use serde_json::{Value, json};
use testkit::{Client, Request, fixture};

use super::world::{World, basic};

/// What the token says that somebody at `host` gets for `scope`, and the token.
async fn asked(client: &Client, host: &str, scope: &str) -> (Value, String) {
    let path = format!("/auth/token?service=berth&scope={scope}");
    let answer = client.send(Request::new("GET", path).with("Host", host)).await.expect(200);
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    let payload = token.split('.').nth(1).unwrap();
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    (claims["access"].clone(), token)
}

/// Without a configured address, ann may push anywhere but has a token for `app` only.
async fn narrow(host: Option<&str>) -> (World, Client) {
    let host = host.map(str::to_owned);
    let world = World::with(|auth, _| auth.options.host = host).await;
    world.grants("user:ann", "push", "**").await;
    let token = world.personal_token("ann", &["push:app"]).await;
    let client = world.anybody().with("Authorization", basic("ann", &token));
    (world, client)
}

#[tokio::test]
async fn a_forged_host_does_not_widen_a_narrow_token() {
    for configured in [None, Some("https://reg.example")] {
        let (world, ann) = narrow(configured).await;
        for host in [
            "team/secret",
            "team",
            "team.secret",
            "reg.example",
            "localhost",
            "evil.example/team",
            "user@team.secret",
            "team.secret/",
        ] {
            let name = format!("{}/app", host.trim_end_matches('/'));
            let scope = format!("repository:{name}:pull,push,delete,*");
            let (access, token) = asked(&ann, host, &scope).await;
            assert_eq!(access, json!([]), "{host}");
            let path = format!("/v2/{name}/blobs/uploads/");
            let refused = world.bearer(&token).post(path).await;
            assert!(matches!(refused.status, 400 | 401 | 403), "{host}: {}", refused.status);
        }
        // Its own name is what it says, whatever the host.
        let (access, token) = asked(&ann, "team/secret", "repository:app:pull,push").await;
        let own = json!([{"type": "repository", "name": "app", "actions": ["pull", "push"]}]);
        assert_eq!(access, own);
        world.bearer(&token).post("/v2/app/blobs/uploads/").await.expect(202);
        let refused = world.bearer(&token).post("/v2/team/secret/app/blobs/uploads/").await;
        assert!(matches!(refused.status, 401 | 403), "{}", refused.status);
    }
}

#[tokio::test]
async fn a_narrow_token_signs_for_a_host_with_a_port() {
    let (world, ann) = narrow(Some("https://reg.example:5000")).await;
    let scope = "repository:reg.example:5000/app:pull,push";
    for host in ["reg.example:5000", "other.example"] {
        let (access, token) = asked(&ann, host, scope).await;
        assert_eq!(access[0]["name"], "reg.example:5000/app", "{host}");
        assert_eq!(access[0]["actions"], json!(["pull", "push"]));
        // Here it is the name of nothing.
        world.bearer(&token).post("/v2/app/blobs/uploads/").await.expect(401);
    }
    for name in ["reg.example:5000/team/app", "other.example:5000/app", "other.example/app"] {
        let host = name.split_once('/').unwrap().0;
        let (access, _) = asked(&ann, host, &format!("repository:{name}:pull,push")).await;
        assert_eq!(access, json!([]), "{name}");
    }
}

#[tokio::test]
async fn a_repository_whose_name_begins_with_a_host_is_decided_by_its_own_name() {
    let world = World::with(|auth, _| auth.options.host = None).await;
    world.grants("user:ann", "push", "localhost/**").await;
    world.grants("user:bob", "push", "app").await;
    let image = fixture::image(1, 100);
    image.pushed(&world.user("ann"), "localhost/app", "v1").await;
    let scope = "repository:localhost/app:pull,push";
    let (_, token) = asked(&world.user("ann"), "localhost", scope).await;
    world.bearer(&token).manifest("localhost/app", "v1").await.expect(200);
    // bob may push what content trust calls so, but that is not this one.
    let (_, token) = asked(&world.user("bob"), "localhost", scope).await;
    world.bearer(&token).manifest("localhost/app", "v1").await.expect(403);
    // A token for the one repository goes on being one for it.
    let token = world.personal_token("ann", &["push:localhost/app"]).await;
    let narrow = world.anybody().with("Authorization", basic("ann", &token));
    let (access, token) = asked(&narrow, "localhost", scope).await;
    assert_eq!(access[0]["actions"], json!(["pull", "push"]));
    world.registry.clock.advance(Duration::from_secs(60));
    world.bearer(&token).manifest("localhost/app", "v1").await.expect(200);
}
