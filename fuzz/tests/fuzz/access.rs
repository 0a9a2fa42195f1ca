//! Whatever a stranger sends to prove who they are: no header, scope or token
//! opens a door but the right one, and none ends the process.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use fuzz::{each, hostile_line, hostile_target, hostile_text};
use registry::access::ResourceScope;
use registry::accounts::{Actor, Command, ThrottleSettings};
use testkit::{Auth, BerthAuth, Request, TestRegistry};
use tokio::runtime::Runtime;

const PASSWORD: &str = "correct horse battery staple";

struct World {
    runtime: Runtime,
    registry: TestRegistry,
    /// A token for pulling from `team/web`.
    token: String,
}

/// A registry with the user `ann`, who may pull from `team/web`.
fn world() -> World {
    let runtime = Runtime::new().unwrap();
    let mut auth = BerthAuth::default();
    auth.options.host = Some("http://registry.test".into());
    // Wrong logins are what this is about: none of them has to wait.
    auth.settings.throttle = ThrottleSettings { free: u32::MAX, ..ThrottleSettings::default() };
    let builder = TestRegistry::builder();
    let auth = Auth::Berth(Box::new(auth));
    let registry = runtime.block_on(builder.set(|options| options.auth = auth).start());
    for command in [
        serde_json::json!({"command": "user-add", "name": "ann", "password": PASSWORD}),
        serde_json::json!({
            "command": "grant", "subject": "user:ann", "role": "pull", "pattern": "team/web",
        }),
    ] {
        let command: Command = serde_json::from_value(command).unwrap();
        let accounts = registry.accounts();
        let by = Actor::Operator { via: "test" };
        runtime.block_on(accounts.execute(&by, command)).unwrap();
    }
    let path = "/auth/token?scope=repository:team/web:pull";
    let ask = Request::new("GET", path).with("Authorization", login());
    let answer = runtime.block_on(registry.client().send(ask)).expect(200).json();
    let token = answer["token"].as_str().unwrap().to_owned();
    World { runtime, registry, token }
}

fn login() -> String {
    format!("Basic {}", STANDARD.encode(format!("ann:{PASSWORD}")))
}

impl World {
    fn status(&self, path: &str, authorization: &str) -> u16 {
        let request = Request::new("GET", path).with("Authorization", authorization);
        self.runtime.block_on(self.registry.client().send(request)).status
    }
}

#[test]
fn no_authorization_header_opens_a_door_but_the_right_ones() {
    let world = world();
    let right = format!("Bearer {}", world.token);
    let (login, seed) = (login(), right.clone());
    let headers = hostile_line(&[
        login.as_str(),
        seed.as_str(),
        "Basic Og==",
        "Bearer bpat_0123456789",
        "Basic QVdTOng=",
    ]);
    each(300, file!(), &headers, |header| {
        for path in ["/v2/team/web/tags/list", "/api/v1/whoami", "/auth/token"] {
            let status = world.status(path, &header);
            if status == 400 {
                // A control character is no part of a header.
                assert!(header.chars().any(char::is_control), "{header:?}");
                continue;
            }
            let is_login = header.trim().to_ascii_lowercase().starts_with("basic ")
                && header.split_once(' ').and_then(|(_, it)| STANDARD.decode(it.trim()).ok())
                    == Some(format!("ann:{PASSWORD}").into_bytes());
            let is_token = header.trim().to_ascii_lowercase().starts_with("bearer ")
                && header.trim().get(7..).map(str::trim) == Some(world.token.as_str());
            let is_nobody = header.trim().is_empty() || header.trim().ends_with("Og==");
            match path {
                "/v2/team/web/tags/list" if is_login || is_token => assert_eq!(status, 404),
                "/api/v1/whoami" if is_login => assert_eq!(status, 200),
                "/auth/token" if is_login || is_nobody => assert!(matches!(status, 200 | 401)),
                _ => assert!(matches!(status, 401 | 429 | 431), "{header:?} {path}: {status}"),
            }
        }
    });
    assert_eq!(world.status("/v2/team/web/tags/list", &right), 404);
}

#[test]
fn no_token_but_a_signed_one_is_taken() {
    let world = world();
    let parts: Vec<_> = world.token.split('.').collect();
    let decoded =
        |index: usize| String::from_utf8(URL_SAFE_NO_PAD.decode(parts[index]).unwrap()).unwrap();
    let (header, claims, signature) = (decoded(0), decoded(1), parts[2].to_owned());
    let none = r#"{"alg":"none","typ":"JWT"}"#;
    let shared = header.replace("ES256", "HS256");
    let tokens = (
        hostile_text(&[&header, none, &shared]),
        hostile_text(&[&claims, &claims.replace("team/web", "**")]),
        hostile_line(&[&signature, ""]),
    );
    let (header, claims) = (header.as_str(), claims.as_str());
    each(300, file!(), &tokens, |(head, body, seal)| {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let token = format!("{}.{}.{seal}", encode(&head), encode(&body));
        let same = head == header && body == claims && seal.trim() == signature;
        let status = world.status("/v2/team/web/tags/list", &format!("Bearer {token}"));
        match same {
            true => assert_eq!(status, 404),
            false => assert!(matches!(status, 400 | 401 | 431), "{head} {body} {seal}: {status}"),
        }
    });
    let cut = hostile_line(&[&world.token]);
    each(300, file!(), &cut, |token| {
        let status = world.status("/v2/team/web/tags/list", &format!("Bearer {token}"));
        assert!(status != 404 || token.trim() == world.token, "{token:?}");
    });
}

#[test]
fn no_scope_gives_more_than_its_caller_may() {
    let world = world();
    let scopes = hostile_target(&[
        "repository:team/web:pull,push",
        "repository:team/web:*&scope=repository:other:pull",
        "repository(plugin):team/web:pull%20registry:catalog:*",
        "repository:registry.test/team/web:delete",
        "repository:registry.test:5000/team/web:pull",
    ]);
    each(200, file!(), &scopes, |scope| {
        let scope = scope.replace('#', "");
        let request = Request::new("GET", format!("/auth/token?scope={scope}"))
            .with("Authorization", login());
        let answer = world.runtime.block_on(world.registry.client().send(request));
        if answer.status != 200 {
            assert!(matches!(answer.status, 400 | 414 | 431), "{scope}: {}", answer.status);
            return;
        }
        let token = answer.json()["token"].as_str().unwrap().to_owned();
        let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        for access in claims["access"].as_array().unwrap() {
            let is_pull = access["actions"] == serde_json::json!(["pull"])
                && access["name"].as_str().unwrap().ends_with("team/web");
            let is_catalog = access["type"] == "registry" && access["name"] == "catalog";
            assert!(is_pull || is_catalog, "{scope}: {access}");
        }
    });
    each(2000, file!(), &hostile_text(&["repository:a/b:pull,push registry:catalog:*"]), |text| {
        for scope in ResourceScope::parse_all([text.as_str()]) {
            let again = ResourceScope::parse(&scope.to_string());
            assert_eq!(again.as_ref(), Some(&scope), "{text:?}");
        }
    });
}
