//! The REST API: who may use it, and how it answers.

use registry::accounts::Command;
use serde_json::{Value, json};
use testkit::{Answer, Client, Request};

use super::world::{PASSWORD, World, api};

async fn get(client: &Client, path: &str) -> Answer {
    client.get(format!("/api/v1{path}")).await
}

#[tokio::test]
async fn an_administrator_does_everything_over_it() {
    let world = World::new().await;
    let root = world.user("root");
    let send = |method: &'static str, path: &'static str, body: Value| {
        let root = root.clone();
        async move { root.send(api(method, path, &body)).await }
    };
    let made = send("POST", "/users", json!({"name": "carl", "generate": true})).await.expect(201);
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let password = made.json()["secret"].as_str().unwrap().to_owned();
    let carl = world.anybody().with("Authorization", super::world::basic("carl", &password));
    assert_eq!(get(&carl, "/whoami").await.expect(200).json()["subject"], "user:carl");
    send("POST", "/teams", json!({"name": "web"})).await.expect(200);
    send("PUT", "/teams/web/members/carl", Value::Null).await.expect(200);
    let grant = json!({"subject": "team:web", "role": "push", "pattern": "web/**"});
    send("POST", "/grants", grant).await.expect(200);
    carl.post("/v2/web/app/blobs/uploads/").await.expect(202);
    let why = send("GET", "/can-i?subject=user:carl&action=push&repository=web/app", Value::Null);
    let why = why.await.expect(200).json();
    assert_eq!(why["allowed"], true, "{why}");
    let path = "/grants?subject=team:web&role=push&pattern=web/**";
    send("DELETE", path, Value::Null).await.expect(200);
    carl.post("/v2/web/app/blobs/uploads/").await.expect(403);
    let robot = json!({"name": "web+ci", "grants": [{"role": "pull", "pattern": "web/**"}]});
    let robot = send("POST", "/robots", robot).await.expect(201).json();
    assert_eq!(robot["user"], "robot$web+ci");
    send("POST", "/robots/web+ci/rotate", json!({})).await.expect(201);
    send("POST", "/robots/web%2Bci/disable", Value::Null).await.expect(200);
    send("PUT", "/visibility", json!({"pattern": "pub/**", "visibility": "public"}))
        .await
        .expect(200);
    let file = send("GET", "/access", Value::Null).await.expect(200).json();
    let dry = send("PUT", "/access?dry_run=true&prune=true", file).await.expect(200).json();
    assert_eq!((&dry["applied"], &dry["changes"]), (&json!(false), &json!([])), "{dry}");
    send("POST", "/users/carl/disable", Value::Null).await.expect(200);
    get(&carl, "/whoami").await.expect(401);
    send("DELETE", "/users/carl", Value::Null).await.expect(200);
    let lines = send("GET", "/audit?action=user&limit=50", Value::Null).await.expect(200).json();
    let line =
        lines["lines"].as_array().unwrap().iter().find(|line| line["action"] == "user.remove");
    let line = line.unwrap_or_else(|| panic!("{lines}"));
    assert_eq!((&line["actor"], &line["address"]), (&json!("user:root"), &json!("127.0.0.1")));
    assert!(line["request"].is_string(), "{line}");
}

#[tokio::test]
async fn users_look_after_themselves_and_nobody_else() {
    let world = World::new().await;
    let ann = world.user("ann");
    assert_eq!(get(&ann, "/whoami").await.expect(200).json()["admin"], false);
    let token = json!({"label": "laptop", "scopes": ["pull:team/**"]});
    let made = ann.send(api("POST", "/tokens", &token)).await.expect(201).json();
    assert_eq!(get(&ann, "/tokens").await.expect(200).json()["tokens"][0]["label"], "laptop");
    let id = made["id"].as_i64().unwrap();
    world.user("bob").delete(format!("/api/v1/tokens/{id}")).await;
    assert_eq!(get(&ann, "/tokens").await.json()["tokens"].as_array().unwrap().len(), 1);
    ann.delete(format!("/api/v1/tokens/{id}")).await.expect(200);
    for (method, path, body) in [
        ("POST", "/users", json!({"name": "eve", "admin": true, "password": PASSWORD})),
        ("PUT", "/users/ann/admin", json!({"admin": true})),
        ("PUT", "/users/bob/password", json!({"password": PASSWORD})),
        ("POST", "/grants", json!({"subject": "user:ann", "role": "owner", "pattern": "**"})),
        ("PUT", "/visibility", json!({"pattern": "**", "visibility": "public"})),
        ("POST", "/tokens", json!({"user": "root", "label": "x"})),
        ("PUT", "/access", json!({})),
        ("GET", "/access", Value::Null),
        ("GET", "/audit", Value::Null),
        ("GET", "/tokens?user=root", Value::Null),
        ("POST", "/robots", json!({"name": "ci"})),
        ("DELETE", "/users/root", Value::Null),
    ] {
        let answer = ann.send(api(method, path, &body)).await;
        assert_eq!(answer.status, 403, "{method} {path}: {}", answer.json());
        assert_eq!(answer.code(), "DENIED");
    }
    // Absent and forbidden look alike.
    let ask = |name: &'static str| {
        let ann = ann.clone();
        async move {
            let answer = ann.delete(format!("/api/v1/users/{name}")).await;
            (answer.status, String::from_utf8_lossy(&answer.body).replace(name, "NAME"))
        }
    };
    assert_eq!(ask("bob").await, ask("eve").await);
}

#[tokio::test]
async fn strangers_are_told_nothing_but_to_sign_in() {
    let world = World::new().await;
    for path in ["/users", "/whoami", "/nothing", "/users/ann", "/users/absent"] {
        for method in ["GET", "POST", "DELETE", "PATCH", "OPTIONS"] {
            let answer = world.anybody().send(Request::new(method, format!("/api/v1{path}"))).await;
            assert_eq!(answer.status, 401, "{method} {path}");
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            // None that makes a browser ask for a password.
            assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"Berth API\""));
        }
    }
    get(&world.user("ann"), "/nothing").await.expect(404);
    let patch = Request::new("PATCH", "/api/v1/users");
    assert_eq!(world.user("root").send(patch).await.expect(405).header("allow"), Some("GET, POST"));
    let options = Request::new("OPTIONS", "/api/v1/users/ann");
    let allow = world.user("ann").send(options).await.expect(200);
    assert_eq!(allow.header("allow"), Some("DELETE, GET"));
}

#[tokio::test]
async fn c4_a_registry_token_opens_nothing_here() {
    let world = World::new().await;
    for scope in ["", "registry:catalog:*", "repository:a:*"] {
        let token = world.with_token(Some("root"), scope).await;
        for path in ["/whoami", "/users", "/access"] {
            get(&token, path).await.expect(401);
        }
        token.send(api("POST", "/users", &json!({"name": "eve"}))).await.expect(401);
    }
    let personal = world.personal_token("root", &[]).await;
    let who = get(&world.bearer(&personal), "/whoami").await.expect(200).json();
    assert_eq!(who["via"], "personal-token");
    // A token that was made narrow administers nothing.
    let narrow = world.personal_token("root", &["pull:**"]).await;
    let add = api("POST", "/users", &json!({"name": "eve", "password": PASSWORD}));
    world.bearer(&narrow).send(add).await.expect(403);
}

#[tokio::test]
async fn c16_other_sites_pages_cannot_use_a_browser_s_password() {
    let world = World::new().await;
    let root = world.user("root");
    let add = || api("POST", "/teams", &json!({"name": "web"}));
    for origin in ["https://evil.example", "null", "http://registry.test.evil", "registry.test"] {
        root.send(add().with("Origin", origin)).await.expect(403);
    }
    let plain = Request::new("POST", "/api/v1/teams").with("Content-Type", "text/plain");
    root.send(plain.body(r#"{"name":"web"}"#)).await.expect(415);
    let answer = root.send(add().with("Origin", "http://registry.test")).await.expect(200);
    assert_eq!(answer.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn mistakes_are_named_and_bounded() {
    let world = World::new().await;
    let root = world.user("root");
    let send = |method: &'static str, path: &'static str, body: Value| {
        let root = root.clone();
        async move { root.send(api(method, path, &body)).await }
    };
    let add = send("POST", "/users", json!({"name": "ann", "password": PASSWORD})).await;
    assert_eq!(add.expect(409).code(), "EXISTS");
    let absent = send("DELETE", "/users/absent", Value::Null).await.expect(404);
    assert_eq!(absent.code(), "UNKNOWN_NAME");
    let last = send("PUT", "/users/root/admin", json!({"admin": false})).await.expect(409);
    assert_eq!(last.code(), "LAST_ADMINISTRATOR");
    let bad =
        send("POST", "/users", json!({"name": "a b", "password": PASSWORD})).await.expect(400);
    assert_eq!(
        (bad.code().as_str(), &bad.json()["errors"][0]["detail"]["field"]),
        ("INVALID", &json!("name"))
    );
    let odd = send("POST", "/users", json!({"name": "x", "superuser": true})).await.expect(400);
    let problem = odd.json()["errors"][0]["detail"]["problem"].as_str().unwrap().to_owned();
    assert!(problem.contains("superuser"), "{problem}");
    let query = send("GET", "/users?limit=x", Value::Null).await.expect(400);
    assert_eq!(query.json()["errors"][0]["detail"]["field"], "limit");
    let huge = json!({"name": "x".repeat(1 << 20)});
    send("POST", "/users", huge).await.expect(413);
}

#[tokio::test]
async fn the_command_line_s_requests_arrive_and_its_answers_return() {
    let world = World::new().await;
    let run = |command: Value| {
        let client = world.user("root");
        async move {
            let command: Command = serde_json::from_value(command).unwrap();
            let request = server::api_request(&command).unwrap();
            let mut sent = Request::new(request.method, request.path);
            if let Some(body) = request.body {
                sent = sent.with("Content-Type", "application/json").body(body);
            }
            let answer = client.send(sent).await;
            server::api_answer(answer.status, &answer.body)
        }
    };
    let made = run(json!({"command": "robot-add", "name": "team/web+ci"})).await.unwrap();
    let shown = serde_json::to_value(made).unwrap();
    assert_eq!(shown["user"], "robot$team/web+ci");
    run(json!({"command": "robot-rotate", "name": "team/web+ci"})).await.unwrap();
    run(json!({"command": "robot-remove", "name": "team/web+ci"})).await.unwrap();
    let error = run(json!({"command": "user-show", "name": "absent"})).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no user \"absent\"");
}

#[tokio::test]
async fn whoever_reads_the_first_log_makes_the_first_administrator_once() {
    let mut auth = testkit::BerthAuth::default();
    auth.options.host = Some("http://registry.test".into());
    let builder = testkit::TestRegistry::builder();
    let options = testkit::Auth::Berth(Box::new(auth));
    let registry = builder.set(|all| all.auth = options).start().await;
    let secret = registry.accounts().setup_secret().await.unwrap().unwrap();
    let setup = |secret: &str| {
        let (secret, password) = (identity::Secret::new(secret), identity::Secret::new(PASSWORD));
        let request = server::setup_request(&secret, "first", &password);
        Request::new(request.method, request.path)
            .with("Content-Type", "application/json")
            .body(request.body.unwrap())
    };
    let client = registry.client();
    client.send(setup("wrong")).await.expect(403);
    client.send(setup(&secret)).await.expect(201);
    client.send(setup(&secret)).await.expect(403);
    let first = client.with("Authorization", super::world::basic("first", PASSWORD));
    assert_eq!(get(&first, "/whoami").await.expect(200).json()["admin"], true);
}
