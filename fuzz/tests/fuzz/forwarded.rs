//! What proxies say of the client: whatever it is, the URLs that come of it lead to the registry's own
//! paths, and a stranger's word counts for nothing.

use fuzz::{each, hostile_line};
use proptest::prelude::*;
use testkit::{Request, TestRegistry};
use tokio::runtime::Runtime;

const PATH: &str = "/v2/a/blobs/uploads/";

/// A registry that writes whole URLs and believes `trusted`.
fn registry(runtime: &Runtime, trusted: &str) -> TestRegistry {
    let builder = TestRegistry::builder().set(|options| {
        options.server.base_url = server::BaseUrl::FromRequest;
        options.server.trusted_proxies = vec![trusted.parse().unwrap()];
    });
    runtime.block_on(builder.start())
}

/// Values of the headers, some of them sent.
fn said() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let header = |name: &'static str, examples: &[&str]| {
        let value = hostile_line(examples).prop_map(move |value| (name, value));
        proptest::option::of(value)
    };
    let standard = [
        "for=192.0.2.60;proto=https;by=203.0.113.43;host=reg.example:443",
        "For=\"[2001:db8::1]:47\";Host=\"a.example\", for=x;proto=http",
        "proto=https",
    ];
    let headers = (
        header("Forwarded", &standard),
        header("X-Forwarded-Proto", &["https", "http", "https, http"]),
        header("X-Forwarded-Host", &["reg.example", "reg.example:5000, b", "[::1]:5000", "a@b"]),
        header("X-Forwarded-For", &["9.9.9.9, 10.0.0.1", "2001:db8::1", "[::1]:7", "unknown"]),
        header("X-Real-IP", &["9.9.9.9", "::1"]),
    );
    headers.prop_map(|(a, b, c, d, e)| [a, b, c, d, e].into_iter().flatten().collect())
}

fn location(runtime: &Runtime, registry: &TestRegistry, said: &[(&str, String)]) -> Option<String> {
    let post = Request::new("POST", PATH).body([]);
    let post = said.iter().fold(post, |post, (name, value)| post.with(name, value.as_str()));
    let answer = runtime.block_on(registry.client().send(post));
    // A control character is no part of a header.
    assert!(matches!(answer.status, 202 | 400), "{}", answer.status);
    (answer.status == 202).then(|| answer.location().to_owned())
}

#[test]
fn no_proxy_bends_a_location_away_from_the_registry_s_own_path() {
    let runtime = Runtime::new().unwrap();
    let registry = registry(&runtime, "127.0.0.0/8");
    each(400, file!(), &said(), |said| {
        let Some(location) = location(&runtime, &registry, &said) else { return };
        let (scheme, rest) = location.split_once("://").unwrap();
        let (authority, path) = rest.split_once('/').unwrap();
        assert!(matches!(scheme, "http" | "https"), "{location}");
        assert!(path.starts_with(&PATH[1..]), "{location}");
        assert!(
            !path.contains(['/', '?', '#', ' ']) || path.matches('/').count() == 4,
            "{location}"
        );
        let outside = |c: char| !c.is_ascii_graphic() || "@?#\\/".contains(c);
        assert!(!authority.is_empty() && !authority.contains(outside), "{location}");
    });
}

#[test]
fn a_stranger_s_word_counts_for_nothing() {
    let runtime = Runtime::new().unwrap();
    let registry = registry(&runtime, "192.0.2.0/24");
    each(200, file!(), &said(), |said| {
        let Some(location) = location(&runtime, &registry, &said) else { return };
        assert!(location.starts_with(&format!("http://registry.test{PATH}")), "{location}");
    });
}
