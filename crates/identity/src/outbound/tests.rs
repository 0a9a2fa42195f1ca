use super::*;
use crate::testing::Server;

fn outbound(private: bool, plain_loopback: bool) -> Outbound {
    Outbound::new(Reach { private, plain_loopback, authorities: None }).unwrap()
}

/// Every spelling of places that only we can reach.
const INSIDE: [&str; 37] = [
    "127.0.0.1",
    "127.1",
    "127.255.255.254",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "0",
    "0.0.0.0",
    "10.0.0.1",
    "10.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "169.254.169.254",
    "0xa9fea9fe",
    "2852039166",
    "192.0.0.192",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "[::1]",
    "[::]",
    "[::127.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:169.254.169.254]",
    "[64:ff9b::127.0.0.1]",
    "[2002:7f00:1::]",
    "[2001:0:53aa:64c:0:fbff:80ff:fffe]",
    "[fe80::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[ff02::1]",
];

#[test]
fn c13_no_spelling_leads_inside() {
    let outbound = outbound(false, false);
    for host in INSIDE {
        for url in [format!("https://{host}/keys"), format!("https://{host}:8443/")] {
            let refused = outbound.check(&url);
            assert!(matches!(refused, Err(OutboundError::Forbidden { .. })), "{url}: {refused:?}");
        }
    }
}

#[test]
fn c13_link_local_addresses_are_never_asked() {
    let outbound = outbound(true, true);
    for host in [
        "169.254.169.254",
        "0xa9fea9fe",
        "[::ffff:169.254.169.254]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "0.0.0.0",
        "224.0.0.1",
        "[64:ff9b::a9fe:a9fe]",
    ] {
        assert!(outbound.check(&format!("https://{host}/")).is_err(), "{host}");
    }
    for host in ["10.0.0.1", "192.168.1.1", "127.0.0.1", "[fd12::1]", "[::1]", "100.64.0.1"] {
        assert!(outbound.check(&format!("https://{host}/")).is_ok(), "{host}");
    }
}

#[test]
fn public_addresses_are_asked() {
    for host in ["1.1.1.1", "8.8.8.8", "[2606:4700::1111]", "172.32.0.1", "issuer.example"] {
        assert!(outbound(false, false).check(&format!("https://{host}/x")).is_ok(), "{host}");
    }
}

#[test]
fn c13_only_https_without_passwords_is_asked() {
    let outbound = outbound(true, false);
    for url in [
        "http://issuer.example/",
        "http://127.0.0.1/",
        "ftp://issuer.example/",
        "file:///etc/passwd",
        "gopher://issuer.example/",
        "data:application/json,{}",
        "https://user:secret@issuer.example/",
        "https://user@issuer.example/",
        "https://",
        "//issuer.example/",
        "issuer.example",
        "",
    ] {
        let refused = outbound.check(url).unwrap_err();
        assert!(!refused.to_string().contains("secret"), "{refused}");
    }
}

#[test]
fn plain_http_is_for_this_machine_alone() {
    let outbound = outbound(false, true);
    for url in ["http://127.0.0.1:1/", "http://localhost:1/", "http://[::1]/"] {
        assert!(outbound.check(url).is_ok(), "{url}");
    }
    for url in ["http://10.0.0.1/", "http://localhost.example/", "http://1.1.1.1/"] {
        assert!(outbound.check(url).is_err(), "{url}");
    }
}

#[tokio::test]
async fn c13_a_name_that_leads_inside_is_not_connected_to() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = format!("https://localhost:{port}/keys");
    let error = outbound(false, false).get(&url, None).await.unwrap_err();
    assert!(error.to_string().contains("no address that may be asked"), "{error}");
    let connected = tokio::time::timeout(Duration::from_millis(1), listener.accept()).await;
    assert!(connected.is_err(), "nobody connected");
}

#[tokio::test]
async fn c13_redirects_are_not_followed() {
    let server = Server::start().await;
    server.says("/inside", "secret");
    server.answers_with("/keys", "302 Found", "location: /inside\r\n", "");
    let url = format!("{}/keys", server.url);
    let bearer = Secret::new("canary");
    let error = outbound(false, true).get(&url, Some(&bearer)).await.unwrap_err();
    assert!(error.to_string().contains("302 instead of 200"), "{error}");
    assert!(!error.to_string().contains("canary"));
    assert_eq!(server.got().len(), 1);
}

#[tokio::test]
async fn an_answer_has_a_bound() {
    let server = Server::start().await;
    server.says("/fits", "x".repeat(MAX_BODY));
    server.says("/large", "x".repeat(MAX_BODY + 1));
    let outbound = outbound(false, true);
    let get = async |path: &str| outbound.get(&format!("{}{path}", server.url), None).await;
    assert_eq!(get("/fits").await.unwrap().len(), MAX_BODY);
    assert!(get("/large").await.unwrap_err().to_string().contains("more than 1048576 bytes"));
}
