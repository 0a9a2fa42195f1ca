//! What each way in says to those who have not come in, letter by letter. The
//! strings of the original's providers were taken down from the original.

use identity::external::{ExternalSettings, KeysFrom, allowed_algorithms};
use server::{Silly, TokenOptions};
use testkit::{Auth, Client, Request, TestRegistry};

use super::world::{World, basic};

const MOUNT: &str = "/v2/a/b/blobs/uploads/?from=c/d&mount=\
                     sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

/// Verb, path, scope with all actions of a resource, scope with each by itself.
const ASKED: [(&str, &str, &str, &str); 8] = [
    ("GET", "/v2/", "", ""),
    ("GET", "/v2/_catalog", "registry:catalog:*", "registry:catalog:*"),
    ("GET", "/v2/a/b/tags/list", "repository:a/b:pull", "repository:a/b:pull"),
    ("HEAD", "/v2/a/b/manifests/v1", "repository:a/b:pull", "repository:a/b:pull"),
    (
        "PUT",
        "/v2/a/b/manifests/v1",
        "repository:a/b:pull,push",
        "repository:a/b:pull repository:a/b:push",
    ),
    ("DELETE", "/v2/a/b/manifests/v1", "repository:a/b:delete", "repository:a/b:delete"),
    (
        "POST",
        "/v2/a/b/blobs/uploads/",
        "repository:a/b:pull,push",
        "repository:a/b:pull repository:a/b:push",
    ),
    (
        "POST",
        MOUNT,
        "repository:a/b:pull,push repository:c/d:pull",
        "repository:a/b:pull repository:a/b:push repository:c/d:pull",
    ),
];

async fn check(client: &Client, expected: impl Fn(&str, &str) -> String) {
    for (method, path, joined, single) in ASKED {
        let answer = client.send(Request::new(method, path).body([])).await.expect(401);
        let expected = expected(joined, single);
        assert_eq!(answer.all("www-authenticate"), [expected], "{method} {path}");
        assert_eq!(answer.header("docker-distribution-api-version"), Some("registry/2.0"));
        if method != "HEAD" {
            assert_eq!(answer.code(), "UNAUTHORIZED");
            assert_eq!(answer.json()["errors"][0]["message"], "authentication required");
            let wanted: Vec<_> = single.split(' ').filter(|scope| !scope.is_empty()).collect();
            let detail = answer.json()["errors"][0]["detail"].clone();
            assert_eq!(detail.as_array().map_or(0, Vec::len), wanted.len(), "{detail}");
        }
    }
}

fn scoped(start: &str, scope: &str) -> String {
    if scope.is_empty() { start.to_owned() } else { format!("{start},scope=\"{scope}\"") }
}

#[tokio::test]
async fn silly_names_each_action_by_itself() {
    let silly = Silly { realm: "R\"e".into(), service: "S".into() };
    let registry =
        TestRegistry::builder().set(|options| options.auth = Auth::Silly(silly)).start().await;
    let start = r#"Bearer realm="R\"e",service="S""#;
    check(&registry.client(), |_, single| scoped(start, single)).await;
    for anything in ["Bearer x", "Basic eDp5", "nonsense"] {
        registry.client().with("Authorization", anything).get("/v2/a/tags/list").await.expect(404);
    }
}

fn token_server(
    redirect_path: Option<&str>,
    trusted: Option<&str>,
) -> (testkit::Builder, tempfile::TempDir) {
    let directory = testkit::directory();
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec![]).unwrap().self_signed(&key).unwrap();
    let path = directory.path().join("bundle.pem");
    std::fs::write(&path, certificate.pem()).unwrap();
    let settings = ExternalSettings {
        issuer: "I".into(),
        service: "S".into(),
        root_certificates: Some(path),
        jwks: None::<KeysFrom>,
        algorithms: allowed_algorithms(&[]).unwrap(),
        reach: Default::default(),
    };
    let options = TokenOptions {
        realm: "https://auth.example/token".into(),
        service: "S".into(),
        redirect_path: redirect_path.map(str::to_owned),
    };
    let trusted: Vec<_> = trusted.iter().map(|network| network.parse().unwrap()).collect();
    let builder = TestRegistry::builder().set(|all| {
        all.auth = Auth::Token(settings, options);
        all.server.trusted_proxies = trusted;
    });
    (builder, directory)
}

#[tokio::test]
async fn a_foreign_token_server_is_named_as_the_original_names_it() {
    let (builder, _files) = token_server(None, None);
    let registry = builder.start().await;
    let start = r#"Bearer realm="https://auth.example/token",service="S""#;
    check(&registry.client(), |joined, _| scoped(start, joined)).await;
    // What is no token is as good as nothing; a bad one is called so.
    let basic = registry.client().with("Authorization", basic("x", "y"));
    check(&basic, |joined, _| scoped(start, joined)).await;
    let bad = registry.client().with("Authorization", "Bearer x");
    let answer = bad.get("/v2/a/tags/list").await.expect(401);
    let expected = format!("{},error=\"invalid_token\"", scoped(start, "repository:a:pull"));
    assert_eq!(answer.header("www-authenticate"), Some(expected.as_str()));
}

#[tokio::test]
async fn autoredirect_asks_at_the_host_that_was_asked_for() {
    let (builder, _files) = token_server(Some("/auth/token"), None);
    let registry = builder.start().await;
    let answer = registry.client().get("/v2/").await.expect(401);
    let expected = r#"Bearer realm="https://registry.test/auth/token",service="S""#;
    assert_eq!(answer.header("www-authenticate"), Some(expected));
    let forged = registry.client().with("X-Forwarded-Proto", "http");
    let answer = forged.get("/v2/").await.expect(401);
    assert_eq!(answer.header("www-authenticate"), Some(expected), "nobody declared that proxy");
    let (builder, _files) = token_server(Some("/auth/token"), Some("127.0.0.0/8"));
    let registry = builder.start().await;
    let told = registry.client().with("X-Forwarded-Proto", "http").get("/v2/").await.expect(401);
    let expected = r#"Bearer realm="http://registry.test/auth/token",service="S""#;
    assert_eq!(told.header("www-authenticate"), Some(expected));
}

#[tokio::test]
async fn our_own_tokens_are_to_be_had_at_one_address() {
    let world = World::new().await;
    let start = r#"Bearer realm="http://registry.test/auth/token",service="berth""#;
    check(&world.anybody(), |joined, _| scoped(start, joined)).await;
    let bad = world.bearer("x").get("/v2/a/tags/list").await.expect(401);
    let expected = format!("{},error=\"invalid_token\"", scoped(start, "repository:a:pull"));
    assert_eq!(bad.header("www-authenticate"), Some(expected.as_str()));
    let little = world.with_token(Some("ann"), "repository:other:pull").await;
    let answer = little.get("/v2/a/tags/list").await.expect(401);
    let expected = format!("{},error=\"insufficient_scope\"", scoped(start, "repository:a:pull"));
    assert_eq!(answer.header("www-authenticate"), Some(expected.as_str()));
    assert_eq!(answer.code(), "DENIED");
    // Nobody's token allows too little as well.
    let nobody = world.with_token(None, "repository:a:pull").await;
    let answer = nobody.get("/v2/a/tags/list").await.expect(401);
    assert_eq!(answer.header("www-authenticate"), Some(expected.as_str()));
    // Another password prompt would not help whoever is known.
    let known = world.user("ann").get("/v2/a/tags/list").await.expect(403);
    assert_eq!((known.header("www-authenticate"), known.code().as_str()), (None, "DENIED"));
    assert_eq!(known.json()["errors"][0]["message"], "ann may not pull from a");
}
