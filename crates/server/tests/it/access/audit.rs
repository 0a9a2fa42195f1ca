//! What requests leave in the audit log.

use serde_json::Value;
use testkit::fixture;

use super::world::{PASSWORD, World, api, basic, form};
use crate::ops::access_log;

fn find<'v>(lines: &'v [Value], action: &str, outcome: &str) -> Vec<&'v Value> {
    let fits = |line: &&Value| line["action"] == action && line["outcome"] == outcome;
    lines.iter().filter(fits).collect()
}

#[tokio::test]
async fn pushes_and_removals_are_written_down_with_who_and_what() {
    access_log::listen();
    let world = World::new().await;
    let image = fixture::image(1, 100);
    image.pushed(&world.user("root"), "audit/web", "v1").await;
    world.user("root").delete("/v2/audit/web/manifests/v1").await.expect(202);
    let lines = world.audit().await;
    let pushed = find(&lines, "manifest.push", "ok");
    let [push] = pushed.as_slice() else { panic!("{pushed:?}") };
    assert_eq!((&push["actor"], &push["target"]), (&"user:root".into(), &"audit/web:v1".into()));
    assert_eq!((&push["via"], &push["address"]), (&"password".into(), &"127.0.0.1".into()));
    assert_eq!(push["detail"]["digest"], image.manifest.digest().to_string());
    let line = access_log::line("/v2/audit/web/manifests/v1").await;
    let request = line.get("http.request.id").map(String::as_str);
    assert_eq!(push["request"].as_str(), request, "the access log knows it by the same id");
    assert_eq!(find(&lines, "manifest.delete", "ok").len(), 1);
}

#[tokio::test]
async fn logins_are_written_down_and_passwords_with_each_request_once() {
    let world = World::new().await;
    for _ in 0..3 {
        world.user("ann").get("/v2/").await.expect(200);
    }
    world.token_for(Some("bob"), "").await;
    world.token_for(None, "").await;
    let lines = world.audit().await;
    let logins = find(&lines, "login", "ok");
    let actors: Vec<_> = logins.iter().map(|line| line["actor"].as_str().unwrap()).collect();
    assert_eq!(actors, ["user:ann", "user:bob"]);
}

#[tokio::test]
async fn the_same_password_from_another_address_is_another_login() {
    let world = World::with(|_, options| {
        options.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    for address in ["192.0.2.1", "192.0.2.2", "192.0.2.1"] {
        world.user("ann").with("X-Forwarded-For", address).get("/v2/").await.expect(200);
    }
    let lines = world.audit().await;
    let addresses: Vec<_> =
        find(&lines, "login", "ok").iter().map(|line| line["address"].clone()).collect();
    assert_eq!(addresses, ["192.0.2.1", "192.0.2.2"]);
}

#[tokio::test]
async fn failed_logins_under_many_names_are_one_line() {
    let world = World::with(|auth, _| auth.settings.throttle.free = u32::MAX).await;
    for name in ["a", "b", "a", "c"] {
        let wrong = world.anybody().with("Authorization", basic(name, "wrong"));
        wrong.get("/v2/").await.expect(401);
    }
    let lines = world.audit().await;
    let failed = find(&lines, "login", "refused");
    let [line] = failed.as_slice() else { panic!("{failed:?}") };
    assert_eq!((&line["actor"], &line["count"]), (&"many".into(), &4.into()));
    assert_eq!(line["address"], "127.0.0.1");
    let who = ["claimed:\"a\"", "claimed:\"b\"", "claimed:\"c\""];
    assert_eq!(line["detail"]["who"], serde_json::json!(who));
}

#[tokio::test]
async fn failed_logins_are_written_down_with_the_name_that_was_claimed() {
    let world = World::new().await;
    let wrong = world.anybody().with("Authorization", basic("ann", "wrong"));
    wrong.get("/v2/").await.expect(401);
    wrong.get("/auth/token").await.expect(401);
    let pairs = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    world.anybody().send(form("/auth/token", &pairs)).await.expect(401);
    world.bearer("x.y.z").get("/v2/").await.expect(401);
    let lines = world.audit().await;
    let failed = find(&lines, "login", "refused");
    let mut seen: Vec<_> = failed
        .iter()
        .map(|line| (line["actor"].as_str().unwrap(), line["count"].as_u64().unwrap()))
        .collect();
    seen.sort_unstable();
    assert_eq!(seen, [("anonymous", 1), ("claimed:\"ann\"", 2)]);
}

#[tokio::test]
async fn refusals_of_somebody_known_are_gathered_and_challenges_are_none() {
    let world = World::new().await;
    for _ in 0..5 {
        world.user("ann").manifest("secret/web", "v1").await.expect(403);
        world.anybody().manifest("secret/web", "v1").await.expect(401);
    }
    world.with_token(Some("ann"), "").await.post("/v2/secret/web/blobs/uploads/").await.expect(401);
    let lines = world.audit().await;
    let refused: Vec<_> = lines.iter().filter(|line| line["outcome"] == "refused").collect();
    let seen: Vec<_> = refused
        .iter()
        .map(|line| {
            let text = |name: &str| line[name].as_str().unwrap().to_owned();
            (text("actor"), text("action"), text("target"), line["count"].as_u64().unwrap())
        })
        .collect();
    let line = |action: &str, count| {
        ("user:ann".to_owned(), action.to_owned(), "secret/web".to_owned(), count)
    };
    let pull = ("user:ann".into(), "manifest.pull".into(), "secret/web:v1".into(), 5);
    assert!(seen.contains(&pull) && seen.contains(&line("blob.push", 1)), "{seen:?}");
    assert_eq!(seen.len(), 2, "{seen:?}");
}

#[tokio::test]
async fn guesses_at_the_setup_and_what_a_client_keeps_are_written_down_with_their_address() {
    let world = World::new().await;
    let guess = serde_json::json!({"secret": "bset_guess", "name": "eve", "password": PASSWORD});
    world.anybody().send(api("POST", "/setup", &guess)).await.expect(403);
    world.user("ann").get("/auth/token?service=berth&offline_token=true").await.expect(200);
    let lines = world.audit().await;
    for (action, outcome, actor) in
        [("setup", "refused", "anonymous"), ("refresh-token.create", "ok", "user:ann")]
    {
        let found = find(&lines, action, outcome);
        let [line] = found.as_slice() else { panic!("{action}: {lines:?}") };
        assert_eq!((&line["actor"], &line["address"]), (&actor.into(), &"127.0.0.1".into()));
        assert!(line["request"].is_string(), "{line}");
    }
    assert!(!format!("{lines:?}").contains("bset_guess"));
}
