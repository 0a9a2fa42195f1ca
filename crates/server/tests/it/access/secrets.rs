//! No secret that somebody sends is written anywhere.

use serde_json::{Value, json};
use testkit::Request;

use super::world::{World, api, basic, form};
use crate::ops::access_log;

#[tokio::test]
async fn c23_secrets_that_were_sent_are_not_written() {
    access_log::listen();
    let world = World::new().await;
    let canary = |place: &str| format!("canary-{place}-7f3a");
    let nobody = world.anybody();
    let send = |request: Request| {
        let nobody = nobody.clone();
        async move { nobody.send(request).await }
    };
    for (place, path) in [("v2", "/v2/"), ("token", "/auth/token"), ("api", "/api/v1/whoami")] {
        for value in [
            basic("ann", &canary(place)),
            format!("Bearer {}", canary(place)),
            format!("Bearer bpat_{}", canary(place)),
            format!("Digest {}", canary(place)),
        ] {
            let answer = send(Request::new("GET", path).with("Authorization", value)).await;
            assert!(!String::from_utf8_lossy(&answer.body).contains("canary"));
        }
    }
    let password = canary("form");
    let pairs = [("grant_type", "password"), ("username", "ann"), ("password", &*password)];
    send(form("/auth/token", &pairs)).await.expect(401);
    let kept = canary("refresh");
    let pairs = [("grant_type", "refresh_token"), ("refresh_token", &*kept)];
    send(form("/auth/token", &pairs)).await.expect(401);
    let subject = canary("subject");
    let grant = "urn:ietf:params:oauth:grant-type:token-exchange";
    send(form("/auth/exchange", &[("grant_type", grant), ("subject_token", &*subject)])).await;
    let setup = json!({"secret": canary("setup"), "name": "x", "password": canary("first")});
    send(api("POST", "/setup", &setup)).await.expect(403);
    let root = basic("root", super::world::PASSWORD);
    for body in [
        json!({"name": "carl", "password": canary("new")}),
        json!({"name": "carl", "password": [canary("list")]}),
        json!({"name": "dora", "passwort": canary("typo")}),
        json!({"name": "dora", "password": "short", "admin": canary("admin")}),
    ] {
        send(api("POST", "/users", &body).with("Authorization", root.clone())).await;
    }
    let broken = Request::new("POST", "/api/v1/users")
        .with("Content-Type", "application/json")
        .with("Authorization", root.clone())
        .body(format!("{{\"password\": \"{}\"", canary("broken")));
    send(broken).await.expect(400);
    let token = world.personal_token("ann", &[]).await;
    send(Request::new("GET", "/v2/").with("Authorization", basic("AWS", &token))).await.expect(200);
    let login = world.user("ann").get("/auth/token?offline_token=true").await.expect(200).json();
    let written = serde_json::to_string(&world.audit().await).unwrap();
    // The line of the last request is written when its body is gone.
    send(Request::new("GET", "/v2/?mark=secrets")).await;
    access_log::line("/v2/?mark=secrets").await;
    assert!(!access_log::was_written("canary"), "in a log");
    assert!(!written.contains("canary"), "in the audit log");
    for secret in [&token, super::world::PASSWORD]
        .into_iter()
        .chain(["token", "refresh_token"].iter().map(|name| login[*name].as_str().unwrap()))
    {
        assert!(!access_log::was_written(secret) && !written.contains(secret), "{secret}");
    }
    let metrics = world.registry.debug_client().get("/metrics").await.expect(200);
    assert!(!String::from_utf8_lossy(&metrics.body).contains("canary"));
    let debug = format!("{:?} {:?}", world.registry.app(), Value::Null);
    assert!(!debug.contains("canary"));
}
