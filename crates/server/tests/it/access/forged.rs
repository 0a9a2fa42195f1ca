//! What strangers claim about hosts and schemes never becomes an address that
//! others send their passwords to.

use testkit::{Request, TestRegistry, Wire};

use super::world::{World, basic};

const BASIC: &str = "Basic realm=\"Berth\"";

async fn homeless(trusted: &[&str]) -> World {
    World::with(|auth, options| {
        auth.options.host = None;
        options.server.trusted_proxies = trusted.iter().map(|it| it.parse().unwrap()).collect();
    })
    .await
}

async fn challenge(registry: &TestRegistry, headers: &[(&str, &str)]) -> String {
    let mut request = Request::new("GET", "/v2/");
    for (name, value) in headers {
        request = request.with(name, *value);
    }
    let answer = registry.client().send(request).await.expect(401);
    answer.header("www-authenticate").unwrap().to_owned()
}

#[tokio::test]
async fn c25_a_forged_host_never_reaches_a_realm() {
    let world = homeless(&[]).await;
    for host in ["evil.example", "registry.test", "evil.example:5000", "10.0.0.1", "[2001:db8::1]"]
    {
        assert_eq!(challenge(&world.registry, &[("Host", host)]).await, BASIC, "{host}");
    }
    for (name, value) in [
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-For", "192.0.2.1"),
        ("Forwarded", "host=evil.example;proto=https"),
        ("X-Real-IP", "192.0.2.1"),
        ("Via", "1.1 proxy"),
    ] {
        let headers = [("Host", "localhost:5000"), (name, value)];
        assert_eq!(challenge(&world.registry, &headers).await, BASIC, "{name}");
    }
}

#[tokio::test]
async fn clients_on_this_machine_itself_get_tokens_in_clear() {
    let world = homeless(&[]).await;
    for host in ["localhost:5000", "127.0.0.1:5000", "[::1]:5000"] {
        let expected = format!("Bearer realm=\"http://{host}/auth/token\",service=\"berth\"");
        assert_eq!(challenge(&world.registry, &[("Host", host)]).await, expected);
    }
    // Proxies that say nothing about themselves speak the old version.
    let mut wire = Wire::connect(world.registry.address()).await;
    wire.send("GET /v2/ HTTP/1.0\r\nHost: 127.0.0.1:5000\r\n\r\n").await.unwrap();
    let answer = wire.answer(false).await.expect(401);
    assert_eq!(answer.header("www-authenticate"), Some(BASIC));
}

#[tokio::test]
async fn c25_a_declared_proxy_does_not_make_a_realm_of_what_it_was_sent() {
    let world = homeless(&["127.0.0.0/8"]).await;
    for headers in [
        &[("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "https")][..],
        &[("Host", "localhost:5000")],
        &[("Host", "localhost:5000"), ("X-Forwarded-Host", "localhost")],
    ] {
        assert_eq!(challenge(&world.registry, headers).await, BASIC, "{headers:?}");
    }
}

#[tokio::test]
async fn c25_a_client_does_not_choose_its_address_behind_a_proxy_that_adds_to_the_list() {
    let world = homeless(&["127.0.0.0/8"]).await;
    let wrong = world.anybody().with("Authorization", basic("ann", "wrong"));
    for list in ["203.0.113.9", "192.0.2.1, 203.0.113.9", "192.0.2.2, 203.0.113.9, 127.0.0.2"] {
        wrong.clone().with("X-Forwarded-For", list).get("/v2/").await.expect(401);
    }
    let lines = world.audit().await;
    let failed: Vec<_> = lines.iter().filter(|line| line["outcome"] == "refused").collect();
    let [line] = failed.as_slice() else { panic!("{failed:?}") };
    assert_eq!((&line["address"], &line["count"]), (&"203.0.113.9".into(), &3.into()));
}

#[tokio::test]
async fn the_configured_address_beats_whatever_is_claimed() {
    let world = World::with(|auth, options| {
        auth.options.host = Some("https://reg.example".into());
        options.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let expected = "Bearer realm=\"https://reg.example/auth/token\",service=\"berth\"";
    for headers in [
        &[("Host", "evil.example")][..],
        &[("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "http")],
    ] {
        assert_eq!(challenge(&world.registry, headers).await, expected);
    }
}

#[tokio::test]
async fn a_proxy_that_nobody_declared_is_told_of_once() {
    crate::ops::access_log::listen();
    let world = homeless(&[]).await;
    for _ in 0..3 {
        challenge(&world.registry, &[("X-Forwarded-For", "192.0.2.77")]).await;
    }
    assert!(crate::ops::access_log::was_written("berth.http.trusted_proxies"));
}

#[test]
fn an_operator_is_told_if_there_is_no_address_for_tokens() {
    let mut options = server::BerthOptions::default();
    assert!(server::missing_realm(&options, None).unwrap().contains("http.host"));
    options.host = Some("https://reg.example".into());
    assert_eq!(server::missing_realm(&options, None), None);
}

/// What a client gets that says `header` and tries names until it has to wait.
async fn guessed(world: &World, header: (&str, &str), name: impl Fn(u32) -> String) -> u16 {
    for number in 0..12 {
        let credentials = basic(&name(number), "wrong password");
        let client = world.anybody().with("Authorization", credentials).with(header.0, header.1);
        let status = client.get("/v2/").await.status;
        if status != 401 {
            return status;
        }
    }
    401
}

const LOOKS: [(&str, &str); 2] = [("Via", "1.1 proxy"), ("X-Forwarded-For", "192.0.2.1")];

#[tokio::test]
async fn who_looks_like_a_proxy_guesses_no_faster() {
    for header in LOOKS {
        let world = World::new().await;
        // The peer is on this machine, where proxies that nobody declared are: only
        // the account can tell. Who comes from the internet and claims to be a proxy
        // counts by address as everybody does; no test can come from there, so the
        // function that chooses the address is tested for it.
        assert_eq!(guessed(&world, header, |_| "ann".to_owned()).await, 429, "{header:?}");
        let nothing = ("Accept", "*/*");
        let names = |number| format!("user{number}");
        assert_eq!(guessed(&world, nothing, names).await, 429, "without headers the address can");
    }
}

#[tokio::test]
async fn a_stranger_with_made_up_names_locks_nobody_out_behind_a_proxy_that_nobody_declared() {
    let world = World::new().await;
    for (name, value) in LOOKS {
        let header = (name, value);
        let status = guessed(&world, header, |number| format!("user{number}")).await;
        assert_eq!(status, 401, "{name}: each has its own counter");
        world.user("ann").with(name, value).get("/v2/").await.expect(200);
    }
}
