//! What Harbor had.

use serde_json::{Value, json};
use testkit::{Answer, Request, fixture};

use crate::access::world::{PASSWORD, World, api, basic};

/// A request of the API, by a user with a password.
async fn does(world: &World, user: &str, method: &str, path: &str, body: Value) -> Answer {
    let login = basic(user, PASSWORD);
    world.anybody().send(api(method, path, &body).with("Authorization", login)).await
}

#[tokio::test]
async fn cve_2019_19023_nobody_makes_themselves_more_than_they_are() {
    let world = World::new().await;
    world.grants("user:ann", "maintainer", "**").await;
    let forbidden = [
        ("PUT", "/users/ann/admin", json!({"admin": true})),
        ("PUT", "/users/root/password", json!({"generate": true})),
        ("POST", "/users", json!({"name": "eve", "admin": true})),
        ("POST", "/grants", json!({"subject": "user:ann", "role": "owner", "pattern": "**"})),
        ("PUT", "/access", json!({"users": [{"name": "ann", "admin": true}]})),
        ("POST", "/tokens", json!({"label": "x", "user": "root"})),
    ];
    for (method, path, body) in forbidden {
        does(&world, "ann", method, path, body).await.expect(403);
    }
    // What they may send about themselves has no field for it.
    let own = json!({"old_password": PASSWORD, "password": "another password", "admin": true});
    does(&world, "ann", "PUT", "/password", own).await.expect(400);
    let token = json!({"label": "x", "admin": true});
    does(&world, "ann", "POST", "/tokens", token).await.expect(400);
    let who = does(&world, "ann", "GET", "/whoami", Value::Null).await.expect(200).json();
    assert_eq!(who["admin"], false);
}

#[tokio::test]
async fn cve_2019_19025_a_page_of_another_site_changes_nothing() {
    let world = World::new().await;
    let body = json!({"name": "eve", "admin": true});
    for origin in ["https://evil.example", "null", "http://registry.test.evil.example"] {
        let request = api("POST", "/users", &body)
            .with("Origin", origin)
            .with("Authorization", basic("root", PASSWORD));
        world.anybody().send(request).await.expect(403);
    }
    // A form, which a page may send without asking, is no command.
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        let request = Request::new("POST", "/api/v1/users")
            .with("Content-Type", kind)
            .with("Authorization", basic("root", PASSWORD))
            .body(body.to_string());
        world.anybody().send(request).await.expect(415);
    }
    does(&world, "root", "GET", "/users/eve", Value::Null).await.expect(404);
}

/// Also CVE-2019-19029 and CVE-2024-22261.
#[tokio::test]
async fn cve_2019_19026_names_and_filters_are_no_sql() {
    let world = World::new().await;
    fixture::image(1, 100).pushed(&world.user("root"), "a", "v1").await;
    let hostile =
        ["'", "' OR '1'='1", "x'; DROP TABLE account; --", "%", "_", "\\", "%27%20OR%201"];
    for text in hostile {
        let text: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        for path in [
            format!("/audit?actor={text}"),
            format!("/audit?action={text}"),
            format!("/audit?target={text}"),
            format!("/audit?outcome={text}"),
        ] {
            let lines = does(&world, "root", "GET", &path, Value::Null).await;
            if lines.status == 200 {
                assert_eq!(lines.json()["lines"], json!([]), "{path}");
            }
            assert!(lines.status < 500, "{path}: {}", lines.status);
        }
        for path in [
            format!("/users?after={text}"),
            format!("/users/{text}"),
            format!("/robots?after={text}"),
            format!("/tokens?user={text}"),
            format!("/grants?after={text}"),
        ] {
            let answer = does(&world, "root", "GET", &path, Value::Null).await;
            assert!(answer.status < 500, "{path}: {}", answer.status);
        }
        for path in [
            format!("/v2/_catalog?last={text}"),
            format!("/v2/a/tags/list?last={text}"),
            format!("/v2/a/manifests/{text}"),
            format!("/v2/{text}/tags/list"),
        ] {
            let answer = world.user("root").get(&path).await;
            assert!(answer.status < 500, "{path}: {}", answer.status);
        }
    }
    let users = does(&world, "root", "GET", "/users", Value::Null).await.expect(200).json();
    assert_eq!(users["accounts"].as_array().unwrap().len(), 3);
}

/// Also CVE-2019-19030.
#[tokio::test]
async fn cve_2020_13794_who_there_is_is_told_to_administrators_alone() {
    let world = World::new().await;
    world.grants("user:ann", "owner", "ann/**").await;
    for path in ["/users", "/users/bob", "/users/nobody", "/access", "/audit", "/tokens?user=bob"] {
        does(&world, "ann", "GET", path, Value::Null).await.expect(403);
        world.anybody().get(format!("/api/v1{path}")).await.expect(401);
    }
    let one = does(&world, "ann", "GET", "/users/bob", Value::Null).await;
    let other = does(&world, "ann", "GET", "/users/who", Value::Null).await;
    assert_eq!(one.body, other.body);
    let ask = "/can-i?action=pull&repository=x&subject=user:bob";
    does(&world, "ann", "GET", ask, Value::Null).await.expect(403);
}

/// Also the opa-envoy and Nexus ways to write a path.
#[tokio::test]
async fn cve_2020_29662_no_other_way_to_write_a_path_opens_it() {
    let world = World::new().await;
    fixture::image(1, 100).pushed(&world.user("root"), "secret/web", "v1").await;
    for path in [
        "/v2/_catalog",
        "/v2/_catalog/",
        "/v2//_catalog",
        "//v2/_catalog",
        "/v2/./_catalog",
        "/v2/x/../_catalog",
        "/v2/%5fcatalog",
        "/v2/_catalog%2f",
        "/V2/_catalog",
        "/v2/_catalog;x=1",
        "/livez/../v2/_catalog",
        "/auth/keys/../../v2/_catalog",
        "/api/v1/../../v2/_catalog",
        "/v2/secret/web/tags/list",
        "/v2/secret//web/tags/list",
        "/v2/secret%2fweb/tags/list",
        "/v2//secret/web/tags/list",
        "/v2/secret/web/./tags/list",
        "/api/v1//users",
        "/api/v1/users/",
        "/api/v1/%75sers",
        "/service/../api/v1/users",
    ] {
        let answer = world.anybody().get(path).await;
        let text = String::from_utf8_lossy(&answer.body);
        assert!(matches!(answer.status, 400..=404), "{path}: {}", answer.status);
        assert!(!text.contains("repositories") && !text.contains("\"v1\""), "{path}: {text}");
    }
}

/// Also CVE-2022-31667 to CVE-2022-31671: found by a number or a name, without
/// asking whose it is.
#[tokio::test]
async fn cve_2022_31666_what_belongs_to_others_is_as_unknown_as_what_is_not_there() {
    let world = World::new().await;
    world.grants("user:ann", "owner", "ann/**").await;
    world.grants("user:bob", "owner", "bob/**").await;
    let made = does(&world, "bob", "POST", "/tokens", json!({"label": "x"})).await.expect(201);
    let id = made.json()["id"].as_i64().unwrap();
    let theirs = does(&world, "ann", "DELETE", &format!("/tokens/{id}"), Value::Null).await;
    let none = does(&world, "ann", "DELETE", "/tokens/4242", Value::Null).await.expect(404);
    let hide = |answer: &Answer, id: i64| {
        String::from_utf8_lossy(&answer.body).replace(&id.to_string(), "N")
    };
    assert_eq!(hide(&theirs, id), hide(&none, 4242));
    let robot = json!({"name": "bob+ci", "grants": [{"role": "push", "pattern": "bob/**"}]});
    does(&world, "bob", "POST", "/robots", robot).await.expect(201);
    for (method, path) in [
        ("POST", "/robots/bob+ci/rotate"),
        ("POST", "/robots/bob+ci/disable"),
        ("DELETE", "/robots/bob+ci"),
        ("DELETE", "/visibility?pattern=bob/web"),
        ("DELETE", "/grants?subject=user:bob&role=owner&pattern=bob/**"),
    ] {
        let theirs = does(&world, "ann", method, path, Value::Null).await.expect(403);
        let absent = path.replace("bob", "who");
        let none = does(&world, "ann", method, &absent, Value::Null).await.expect(403);
        let text = |answer: &Answer| String::from_utf8_lossy(&answer.body).replace("who", "bob");
        assert_eq!(text(&theirs), text(&none), "{method} {path}");
    }
    let robots = does(&world, "ann", "GET", "/robots", Value::Null).await.expect(200).json();
    assert_eq!(robots["accounts"], json!([]));
}

#[tokio::test]
async fn cve_2022_46463_nothing_is_listed_without_a_login() {
    let world = World::new().await;
    world.makes_visible("**", "public").await;
    fixture::image(1, 100).pushed(&world.user("root"), "public/web", "v1").await;
    let nobody = world.with_token(None, "registry:catalog:*").await;
    for client in [&world.anybody(), &nobody] {
        for path in ["/v2/_catalog", "/api/v1/visibility", "/api/v1/grants", "/api/v1/roles"] {
            client.get(path).await.expect(401);
        }
    }
    world.anybody().manifest("public/web", "v1").await.expect(200);
}

#[tokio::test]
async fn cve_2024_22244_no_answer_sends_to_a_place_of_the_client_s_choice() {
    let world = World::new().await;
    for path in [
        "/v2",
        "//evil.example/v2",
        "/v2?next=https://evil.example",
        "/auth/token?redirect_uri=https://evil.example",
        "/auth/oidc/x/login?redirect_uri=https://evil.example&next=//evil.example",
        "/auth/oidc/x/callback?state=x&redirect_uri=https://evil.example",
        "/https://evil.example",
    ] {
        let answer = world.anybody().with("X-Forwarded-Host", "evil.example").get(path).await;
        for (name, value) in &answer.headers {
            assert!(!value.contains("evil.example"), "{path}: {name}: {value}");
        }
        assert!(answer.header("location").is_none_or(|to| to == "/v2/"), "{path}");
    }
}

#[tokio::test]
async fn cve_2024_22278_a_maintainer_decides_about_nobody() {
    let world = World::new().await;
    world.grants("user:ann", "maintainer", "team/**").await;
    for (method, path, body) in [
        ("PUT", "/visibility", json!({"pattern": "team/**", "visibility": "public"})),
        ("DELETE", "/visibility?pattern=team/**", Value::Null),
        ("POST", "/grants", json!({"subject": "user:bob", "role": "pull", "pattern": "team/**"})),
        ("DELETE", "/grants?subject=user:ann&role=maintainer&pattern=team/**", Value::Null),
        ("POST", "/robots", json!({"name": "team+ci"})),
    ] {
        does(&world, "ann", method, path, body).await.expect(403);
    }
}

#[tokio::test]
async fn cve_2025_30086_a_list_has_no_filter_but_those_that_are_written_down() {
    let world = World::new().await;
    for path in [
        "/users?q=secret%3D~%24argon2id",
        "/users?secret=x",
        "/users?sort=secret",
        "/robots?secret__startswith=sha256",
        "/tokens?hash=x",
        "/grants?role__contains=o",
        "/audit?detail=x",
    ] {
        let refused = does(&world, "root", "GET", path, Value::Null).await.expect(400);
        assert!(refused.json()["errors"][0]["detail"]["problem"].is_string(), "{path}");
    }
}

#[tokio::test]
async fn cve_2026_4404_nobody_comes_in_with_a_password_that_came_with_the_registry() {
    let registry = testkit::TestRegistry::builder()
        .set(|options| options.auth = testkit::Auth::Berth(Box::default()))
        .start()
        .await;
    for (user, password) in [
        ("admin", "Harbor12345"),
        ("admin", "admin"),
        ("admin", "password"),
        ("admin", "admin123"),
        ("root", "root"),
        ("docker", "docker"),
        ("berth", "berth"),
        ("admin", ""),
        ("setup", "setup"),
    ] {
        let client = registry.client().with("Authorization", basic(user, password));
        let status = client.get("/api/v1/whoami").await.status;
        assert!(matches!(status, 401 | 429), "{user}: {status}");
    }
    assert!(registry.accounts().setup_secret().await.unwrap().unwrap().len() > 40);
}

#[tokio::test]
async fn ghsa_prh4_vhfh_24mj_the_record_holds_no_secret() {
    let world = World::new().await;
    let mut secrets = Vec::new();
    for (method, path, body) in [
        ("POST", "/users", json!({"name": "eve", "password": "canary-password-1"})),
        ("PUT", "/users/eve/password", json!({"password": "canary-password-2"})),
        ("PUT", "/users/eve/password", json!({"generate": true})),
        ("POST", "/robots", json!({"name": "ci"})),
        ("POST", "/robots/ci/rotate", json!({})),
        ("POST", "/tokens", json!({"label": "x"})),
    ] {
        let made = does(&world, "root", method, path, body).await.expect(201).json();
        secrets.extend(made["secret"].as_str().map(str::to_owned));
    }
    assert_eq!(secrets.len(), 4);
    secrets.extend(["canary-password-1".to_owned(), "canary-password-2".to_owned()]);
    let lines = world.audit().await;
    assert!(lines.iter().any(|line| line["action"] == "robot.rotate"));
    let written = serde_json::to_string(&lines).unwrap();
    let shown = does(&world, "root", "GET", "/access", Value::Null).await.expect(200).body;
    let shown = String::from_utf8(shown).unwrap();
    for secret in secrets {
        assert!(!written.contains(&secret) && !shown.contains(&secret), "{secret}");
    }
}

/// Its pull request 22900: a token outlived what it was issued for.
#[tokio::test]
async fn harbor_22900_a_token_means_nothing_to_who_has_the_name_next() {
    let world = World::new().await;
    let add = json!({"command": "user-add", "name": "eve", "password": PASSWORD});
    world.does(add.clone()).await;
    world.grants("user:eve", "owner", "eve/**").await;
    fixture::image(1, 100).pushed(&world.user("eve"), "eve/web", "v1").await;
    let old = world.with_token(Some("eve"), "repository:eve/web:pull,push,delete").await;
    let personal = world.personal_token("eve", &[]).await;
    old.manifest("eve/web", "v1").await.expect(200);
    world.does(json!({"command": "user-remove", "name": "eve"})).await;
    world.does(add).await;
    world.grants("user:eve", "owner", "eve/**").await;
    old.manifest("eve/web", "v1").await.expect(401);
    old.post("/v2/eve/web/blobs/uploads/").await.expect(401);
    let personal = world.anybody().with("Authorization", basic("eve", &personal));
    personal.manifest("eve/web", "v1").await.expect(401);
    world.user("eve").manifest("eve/web", "v1").await.expect(200);
}
