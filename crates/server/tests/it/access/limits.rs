//! How much one client may ask for.

use std::time::Duration;

use server::{PullLimit, RateLimits};
use testkit::{TestRegistry, fixture};

use super::world::World;

const HOURS: Duration = Duration::from_secs(21_600);

#[tokio::test]
async fn pulls_are_counted_as_on_docker_hub() {
    let world = World::with(|_, options| {
        options.rates.anonymous_pulls = Some(PullLimit { pulls: 2, window: HOURS });
        options.rates.signed_in_pulls = Some(PullLimit { pulls: 100, window: HOURS });
    })
    .await;
    world.makes_visible("public/**", "public").await;
    fixture::image(1, 100).pushed(&world.user("root"), "public/web", "v1").await;
    let nobody = world.anybody();
    for (method, remaining) in [("HEAD", 2), ("GET", 1), ("GET", 0), ("HEAD", 0)] {
        let path = "/v2/public/web/manifests/v1";
        let answer = nobody.send(testkit::Request::new(method, path)).await.expect(200);
        assert_eq!(answer.header("ratelimit-limit"), Some("2;w=21600"), "{method}");
        let expected = format!("{remaining};w=21600");
        assert_eq!(answer.header("ratelimit-remaining"), Some(expected.as_str()), "{method}");
        assert_eq!(answer.header("docker-ratelimit-source"), Some("127.0.0.1"));
    }
    let refused = nobody.manifest("public/web", "v1").await.expect(429);
    assert_eq!(refused.code(), "TOOMANYREQUESTS");
    assert_eq!(refused.header("retry-after"), Some("21600"));
    assert_eq!(refused.header("ratelimit-remaining"), Some("0;w=21600"));
    // What one may not read costs nothing, and others are not concerned.
    nobody.manifest("secret/web", "v1").await.expect(401);
    let ann = world.user("ann").manifest("public/web", "v1").await.expect(200);
    assert_eq!(ann.header("ratelimit-remaining"), Some("99;w=21600"));
    assert_eq!(ann.header("docker-ratelimit-source"), Some("ann"));
    world.registry.clock.advance(HOURS);
    nobody.manifest("public/web", "v1").await.expect(200);
}

#[tokio::test]
async fn a_flood_from_one_address_is_told_to_wait() {
    let limits = RateLimits { requests_per_second: Some(2), ..RateLimits::default() };
    let registry = TestRegistry::builder().set(|options| options.rates = limits).start().await;
    for _ in 0..10 {
        registry.client().get("/v2/").await.expect(200);
    }
    let answer = registry.client().get("/v2/").await.expect(429);
    assert_eq!(
        (answer.code().as_str(), answer.header("retry-after")),
        ("TOOMANYREQUESTS", Some("1"))
    );
    registry.client().get("/livez").await.expect(200);
    registry.clock.advance(Duration::from_secs(1));
    registry.client().get("/v2/").await.expect(200);
}

#[tokio::test]
async fn a_user_has_so_many_requests_from_all_addresses_together() {
    let world = World::with(|_, options| {
        options.rates.requests_per_second = Some(2);
        options.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let from = |number: u32| format!("192.0.2.{number}");
    let ann = |number| world.user("ann").with("X-Forwarded-For", from(number));
    for number in 0..10 {
        ann(number).get("/v2/").await.expect(200);
    }
    let refused = ann(10).get("/v2/").await.expect(429);
    assert_eq!(refused.header("retry-after"), Some("1"));
    ann(11).get("/auth/token?service=berth").await.expect(429);
    ann(12).get("/api/v1/whoami").await.expect(429);
    world.user("bob").with("X-Forwarded-For", from(1)).get("/v2/").await.expect(200);
    world.registry.clock.advance(Duration::from_secs(1));
    ann(13).get("/v2/").await.expect(200);
}

#[tokio::test]
async fn nothing_is_limited_by_default() {
    let registry = TestRegistry::start().await;
    fixture::image(1, 100).pushed(&registry.client(), "a", "v1").await;
    let answer = registry.client().manifest("a", "v1").await.expect(200);
    assert_eq!(answer.header("ratelimit-limit"), None);
}
