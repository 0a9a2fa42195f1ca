//! `Authorization: Basic`: one text opens the door, and no other.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fuzz::{each, hostile_line, hostile_text};
use proptest::prelude::*;
use testkit::{Request, TestRegistry};

const LOGIN: &str = "ann:secret";

/// Whole headers with something wrong, and right headers of wrong logins.
fn headers() -> impl Strategy<Value = String> {
    let whole = ["Basic YW5uOnNlY3JldA==", "bAsIc YW5uOnNlY3JldA==", "Basic Og==", "Bearer x.y.z"];
    let logins = hostile_text(&[LOGIN, "ann:", ":secret", ":", "ann"]);
    prop_oneof![
        hostile_line(&whole),
        logins.prop_map(|login| format!("Basic {}", STANDARD.encode(login))),
    ]
}

/// The login in a header, read the way RFC 7617 describes it.
fn login(header: &str) -> Option<Vec<u8>> {
    let (scheme, encoded) = header.trim().split_once(' ')?;
    let is_basic = scheme.eq_ignore_ascii_case("basic");
    is_basic.then(|| STANDARD.decode(encoded.trim()).ok()).flatten()
}

#[test]
fn only_the_right_login_opens_and_every_other_is_told_how_to_sign_in() {
    let directory = testkit::directory();
    let accounts = directory.path().join("htpasswd");
    std::fs::write(&accounts, format!("ann:{}\n", bcrypt::hash("secret", 4).unwrap())).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let builder = TestRegistry::builder().set(|options| options.htpasswd = Some(accounts));
    let registry = runtime.block_on(builder.start());
    let client = registry.client();
    each(300, file!(), &headers(), |header| {
        let get = Request::new("GET", "/v2/").with("Authorization", header.as_str());
        let answer = runtime.block_on(client.send(get));
        match answer.status {
            200 => assert_eq!(login(&header).as_deref(), Some(LOGIN.as_bytes()), "{header:?}"),
            401 => {
                assert_ne!(login(&header).as_deref(), Some(LOGIN.as_bytes()), "{header:?}");
                let challenge = answer.header("www-authenticate").unwrap();
                assert!(challenge.starts_with("Basic realm="), "{challenge}");
            }
            // A control character is no part of a header.
            status => assert_eq!(status, 400, "{header:?}"),
        }
    });
    let right = Request::new("GET", "/v2/")
        .with("Authorization", format!("Basic {}", STANDARD.encode(LOGIN)));
    runtime.block_on(async { client.send(right).await.expect(200) });
}
