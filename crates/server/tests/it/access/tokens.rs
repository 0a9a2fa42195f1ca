//! The token endpoint in the dialect of each client, and its bounds.

use serde_json::{Value, json};
use testkit::{Request, fixture};

use super::world::{PASSWORD, World, basic, escaped, form};

async fn shared() -> World {
    let world = World::new().await;
    world.grants("user:ann", "developer", "team/**").await;
    world.makes_visible("public/**", "public").await;
    for repository in ["team/web", "public/web"] {
        fixture::image(1, 100).pushed(&world.user("root"), repository, "v1").await;
    }
    world
}

fn times_are_truthful(body: &Value) {
    assert_eq!(body["token"], body["access_token"]);
    assert!(body["expires_in"].as_u64().unwrap() >= 60, "{body}");
    let issued = body["issued_at"].as_str().unwrap();
    assert!(issued.starts_with("2026-") && issued.ends_with('Z'), "{issued}");
}

#[tokio::test]
async fn docker_logs_in_and_goes_on_with_what_it_keeps_instead_of_the_password() {
    let world = shared().await;
    // login: the ping, the token without a scope, the ping with it.
    world.anybody().get("/v2/").await.expect(401);
    let path = "/auth/token?account=ann&client_id=docker&offline_token=true&service=berth";
    let answer = world.user("ann").get(path).await.expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let login = answer.json();
    times_are_truthful(&login);
    let token = login["token"].as_str().unwrap();
    world.bearer(token).get("/v2/").await.expect(200);
    world.bearer(token).manifest("team/web", "v1").await.expect(401);
    // push: the kept token for one with scopes.
    let kept = login["refresh_token"].as_str().unwrap();
    let pairs = [
        ("grant_type", "refresh_token"),
        ("service", "berth"),
        ("client_id", "docker"),
        ("refresh_token", kept),
        ("scope", "repository:team/web:pull,push"),
    ];
    let got = world.anybody().send(form("/auth/token", &pairs)).await.expect(200).json();
    times_are_truthful(&got);
    assert_eq!(got["scope"], "repository:team/web:pull,push");
    assert_eq!(got["refresh_token"], Value::Null, "the one it has stays good");
    let docker = world.bearer(got["access_token"].as_str().unwrap());
    docker.manifest("team/web", "v1").await.expect(200);
    docker.post("/v2/team/web/blobs/uploads/").await.expect(202);
    // What is kept is nothing but that.
    world.bearer(kept).get("/v2/").await.expect(401);
    let as_password = world.anybody().with("Authorization", basic("ann", kept));
    as_password.get("/v2/").await.expect(401);
}

#[tokio::test]
async fn docker_without_a_login_pulls_what_is_public() {
    let world = shared().await;
    for client in [world.anybody(), world.anybody().with("Authorization", "Basic Og==")] {
        let path = "/auth/token?service=berth&scope=repository:public/web:pull";
        let token = client.get(path).await.expect(200).json();
        assert_eq!(token["refresh_token"], Value::Null);
        let docker = world.bearer(token["token"].as_str().unwrap());
        docker.get("/v2/").await.expect(200);
        docker.manifest("public/web", "v1").await.expect(200);
        docker.manifest("team/web", "v1").await.expect(401);
    }
    // No token is needed for it either.
    world.anybody().manifest("public/web", "v1").await.expect(200);
    world.anybody().get("/v2/").await.expect(401);
}

#[tokio::test]
async fn containerd_posts_a_password_and_buildkit_gets_first() {
    let world = shared().await;
    let pairs = [
        ("grant_type", "password"),
        ("service", "berth"),
        ("client_id", "containerd-client"),
        ("scope", "repository:public/web:pull repository:team/web:pull,push"),
        ("username", "ann"),
        ("password", PASSWORD),
    ];
    let got = world.anybody().send(form("/auth/token", &pairs)).await.expect(200).json();
    times_are_truthful(&got);
    assert_eq!(got["scope"], pairs[3].1);
    let containerd = world.bearer(got["access_token"].as_str().unwrap());
    containerd.manifest("team/web", "v1").await.expect(200);
    let buildkit = world.with_token(Some("ann"), pairs[3].1).await;
    buildkit.post("/v2/team/web/blobs/uploads/").await.expect(202);
}

#[tokio::test]
async fn podman_and_crane_and_oras_repeat_scopes_and_get_their_union() {
    let world = shared().await;
    let asked = [
        "scope=repository:team/web:push&scope=repository:public/web:pull&scope=repository:team/web:pull",
        "scope=repository:team/web:push,pull%20repository:public/web:pull",
        "scope=repository:team/web:push&scope=repository:team/web:pull+repository:public/web:pull",
    ];
    for query in asked {
        let path = format!("/auth/token?account=ann&service=berth&{query}");
        let token = world.user("ann").get(path).await.expect(200).json();
        let client = world.bearer(token["token"].as_str().unwrap());
        client.manifest("team/web", "v1").await.expect(200);
        client.manifest("public/web", "v1").await.expect(200);
        client.post("/v2/team/web/blobs/uploads/").await.expect(202);
        client.delete("/v2/team/web/manifests/v1").await.expect(401);
    }
    let pairs = [
        ("grant_type", "password"),
        ("access_type", "offline"),
        ("username", "ann"),
        ("password", PASSWORD),
        ("scope", "repository:team/web:pull"),
        ("scope", "repository:public/web:pull"),
    ];
    let got = world.anybody().send(form("/auth/token", &pairs)).await.expect(200).json();
    assert_eq!(got["scope"], "repository:team/web:pull repository:public/web:pull");
    assert!(got["refresh_token"].is_string());
}

#[tokio::test]
async fn names_that_clouds_taught_people_stand_for_a_token() {
    let world = shared().await;
    let token = world.personal_token("ann", &["pull:team/**"]).await;
    for name in ["AWS", "oauth2accesstoken", "_json_key", "ann", "$oauthtoken"] {
        let client = world.anybody().with("Authorization", basic(name, &token));
        client.manifest("team/web", "v1").await.expect(200);
        client.post("/v2/team/web/blobs/uploads/").await.expect(403);
        let path = "/auth/token?scope=repository:team/web:pull,push";
        let got = client.get(path).await.expect(200).json();
        let narrow = world.bearer(got["token"].as_str().unwrap());
        narrow.manifest("team/web", "v1").await.expect(200);
        narrow.post("/v2/team/web/blobs/uploads/").await.expect(401);
    }
    world.anybody().with("Authorization", basic("bob", &token)).get("/v2/").await.expect(401);
}

#[tokio::test]
async fn content_trust_names_our_own_host_before_the_repository() {
    let world = shared().await;
    let got = world.token_for(Some("ann"), "repository:registry.test/team/web:pull").await;
    assert_eq!(got["token"].as_str().unwrap().split('.').count(), 3);
}

#[tokio::test]
async fn wrong_credentials_look_alike_and_say_so_in_both_languages() {
    let world = shared().await;
    let refused = |user: &str, password: &str| {
        let client = world.anybody().with("Authorization", basic(user, password));
        async move { client.get("/auth/token?service=berth").await.expect(401) }
    };
    let (wrong, unknown) = (refused("ann", "wrong").await, refused("nobody", "wrong").await);
    assert_eq!(wrong.body, unknown.body);
    assert_eq!(wrong.header("cache-control"), Some("no-store"));
    assert_eq!(
        (wrong.code().as_str(), &wrong.json()["error"]),
        ("UNAUTHORIZED", &json!("invalid_grant"))
    );
    assert!(wrong.header("www-authenticate").is_some());
    let pairs = [("grant_type", "password"), ("username", "ann"), ("password", "wrong")];
    let posted = world.anybody().send(form("/auth/token", &pairs)).await.expect(401);
    assert_eq!(posted.json()["error"], "invalid_grant");
    let pairs = [("grant_type", "refresh_token"), ("refresh_token", "nonsense")];
    let posted = world.anybody().send(form("/auth/token", &pairs)).await.expect(401);
    assert_eq!(posted.json()["error"], "invalid_grant");
}

#[tokio::test]
async fn a_token_gets_nobody_another_token() {
    let world = shared().await;
    let token = world.token_for(Some("ann"), "repository:team/web:pull").await;
    let client = world.bearer(token["token"].as_str().unwrap());
    client.get("/auth/token?scope=repository:team/web:pull,push").await.expect(401);
    for value in ["Digest x", "Basic !!", "nonsense"] {
        world.anybody().with("Authorization", value).get("/auth/token").await.expect(401);
    }
}

#[tokio::test]
async fn c4_a_token_for_another_service_is_not_made() {
    let world = shared().await;
    for user in [world.user("ann"), world.anybody()] {
        let answer = user.get("/auth/token?service=other").await.expect(400);
        assert_eq!(answer.json()["error"], "invalid_target");
        user.get("/auth/token?service=").await.expect(200);
        user.get("/auth/token").await.expect(200);
    }
}

#[tokio::test]
async fn too_many_wrong_passwords_have_to_wait() {
    let world = shared().await;
    let wrong = world.anybody().with("Authorization", basic("ann", "wrong"));
    let mut answer = wrong.get("/auth/token").await;
    for _ in 0..100 {
        if answer.status != 401 {
            break;
        }
        answer = wrong.get("/auth/token").await;
    }
    let answer = answer.expect(429);
    assert_eq!(answer.code(), "TOOMANYREQUESTS");
    assert!(answer.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
}

#[tokio::test]
async fn the_endpoint_has_its_bounds() {
    let world = shared().await;
    let large = "x".repeat(65 << 10);
    let pairs = [("grant_type", "password"), ("username", "ann"), ("password", &large)];
    let answer = world.anybody().send(form("/auth/token", &pairs)).await.expect(413);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let no_form = Request::new("POST", "/auth/token").body("{}");
    world.anybody().send(no_form.with("Content-Type", "application/json")).await.expect(415);
    for (pairs, error) in [
        (vec![], "invalid_request"),
        (vec![("grant_type", "authorization_code")], "unsupported_grant_type"),
        (vec![("grant_type", "password"), ("username", "ann")], "invalid_request"),
        (vec![("grant_type", "refresh_token")], "invalid_request"),
    ] {
        let answer = world.anybody().send(form("/auth/token", &pairs)).await.expect(400);
        assert_eq!(answer.json()["error"], error);
    }
    // Of a thousand scopes a hundred are read, and the token fits into a header.
    let scopes: Vec<_> = (0..1000).map(|i| format!("scope=repository:team/{i}:pull")).collect();
    let path = format!("/auth/token?{}", scopes.join("&"));
    let token = world.user("ann").get(path).await.expect(200).json();
    let client = world.bearer(token["token"].as_str().unwrap());
    client.get("/v2/").await.expect(200);
    client.manifest("team/0", "v1").await.expect(404);
    for odd in ["", ":::", "repository", "repository:A:pull", "registry:catalog:*", "%00", "%ff"] {
        world.user("ann").get(format!("/auth/token?scope={odd}")).await.expect(200);
    }
    for (method, path) in
        [("PUT", "/auth/token"), ("GET", "/auth/exchange"), ("POST", "/auth/keys")]
    {
        let answer = world.anybody().send(Request::new(method, path).body([])).await.expect(405);
        assert!(answer.header("allow").is_some());
    }
    let options = world.anybody().send(Request::new("OPTIONS", "/auth/token").body([])).await;
    assert_eq!(options.expect(200).header("allow"), Some("GET, POST"));
}

#[tokio::test]
async fn the_keys_are_public_and_hold_nothing_private() {
    let world = shared().await;
    let keys = world.anybody().get("/auth/keys").await.expect(200).json();
    let key = &keys["keys"][0];
    assert_eq!(
        (&key["kty"], &key["alg"], &key["use"]),
        (&json!("EC"), &json!("ES256"), &json!("sig"))
    );
    assert!(key["d"].is_null() && key["x"].is_string());
}

#[tokio::test]
async fn an_exchange_of_what_nobody_signed_is_refused() {
    let world = shared().await;
    let grant = "urn:ietf:params:oauth:grant-type:token-exchange";
    let kind = "urn:ietf:params:oauth:token-type:id_token";
    let pairs = [("grant_type", grant), ("subject_token_type", kind), ("subject_token", "a.b.c")];
    let answer = world.anybody().send(form("/auth/exchange", &pairs)).await.expect(401);
    assert_eq!(answer.json()["error"], "invalid_grant");
    for pairs in [
        vec![("grant_type", grant)],
        vec![("grant_type", "password"), ("subject_token", "a.b.c")],
        vec![("grant_type", grant), ("subject_token", "x"), ("subject_token_type", "urn:other")],
    ] {
        world.anybody().send(form("/auth/exchange", &pairs)).await.expect(400);
    }
}

#[tokio::test]
async fn without_accounts_there_is_no_endpoint() {
    let registry = testkit::TestRegistry::start().await;
    for path in ["/auth/token", "/auth/keys", "/api/v1/whoami", "/auth/oidc/x/login"] {
        let answer = registry.client().get(path).await.expect(404);
        assert_eq!(answer.header("docker-distribution-api-version"), Some("registry/2.0"));
    }
}

#[tokio::test]
async fn a_prefix_is_in_front_of_the_endpoint_as_well() {
    let world = World::with(|auth, options| {
        options.server.prefix = "/reg".into();
        auth.options.prefix = "/reg".into();
    })
    .await;
    let answer = world.anybody().get("/reg/v2/").await.expect(401);
    let expected = "Bearer realm=\"http://registry.test/reg/auth/token\",service=\"berth\"";
    assert_eq!(answer.header("www-authenticate"), Some(expected));
    world.user("ann").get("/reg/auth/token").await.expect(200);
    world.user("ann").get("/reg/api/v1/whoami").await.expect(200);
    world.user("ann").get(format!("/auth/token?x={}", escaped("+"))).await.expect(404);
}
