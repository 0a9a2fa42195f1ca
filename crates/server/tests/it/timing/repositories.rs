//! Which repositories there are, by how long a refusal takes.

use serde_json::{Value, json};
use testkit::fixture::{self, ImageFixture};
use testkit::{Client, Request};

use super::welch::{Ask, take_equally_long};
use crate::access::world::{PASSWORD, World, basic};

/// Settings of how visible others are: what a search through them takes would show.
const SETTINGS: usize = 2_000;

/// A registry with a private repository `secret/there`, and none `secret/nowhe`.
async fn world() -> (World, ImageFixture) {
    let world = World::new().await;
    let image = fixture::image(1, 100);
    image.pushed(&world.user("root"), "secret/there", "v1").await;
    world.grants("user:bob", "pull", "secret/**").await;
    world.grants("user:ann", "push", "own/**").await;
    let setting = |pattern: String| json!({"pattern": pattern, "visibility": "private"});
    let others = (0..SETTINGS).map(|number| setting(format!("team{number}/app")));
    let visibility: Vec<Value> = others.chain([setting("secret/**".to_owned())]).collect();
    world.does(json!({"command": "apply", "file": {"visibility": visibility}})).await;
    (world, image)
}

/// Compares each request for the repository that is there with the same for none.
async fn compare(world: &World, login: Option<&str>, asks: &[(&str, String)], status: u16) {
    for (method, path) in asks {
        let ask = |name: &str| {
            let request = Request::new(method, path.replace("{}", name));
            let request = match login {
                Some(login) => request.with("Authorization", login),
                None => request,
            };
            Ask::new(request, status)
        };
        let who = if login.is_some() { "signed in" } else { "anonymous" };
        let (what, address) = (format!("{who}: {method} {path}"), world.registry.address());
        let (there, absent) = (ask("secret/there"), ask("secret/nowhe"));
        take_equally_long(&what, address, &there, &absent).await;
    }
}

fn reads(image: &ImageFixture) -> [(&'static str, String); 3] {
    [
        ("GET", "/v2/{}/manifests/v1".to_owned()),
        ("HEAD", format!("/v2/{{}}/blobs/{}", oci::Digest::sha256(&image.config))),
        ("GET", "/v2/{}/tags/list".to_owned()),
    ]
}

#[tokio::test]
#[ignore = "a measurement"]
async fn c17_a_private_repository_takes_strangers_as_long_as_one_that_is_not_there() {
    let (world, image) = world().await;
    compare(&world, None, &reads(&image), 401).await;
}

#[tokio::test]
#[ignore = "a measurement"]
async fn c17_a_private_repository_takes_users_as_long_as_one_that_is_not_there() {
    let (world, image) = world().await;
    compare(&world, Some(&basic("ann", PASSWORD)), &reads(&image), 403).await;
    let scope = "repository:secret/there:pull repository:secret/nowhe:pull";
    let token = world.token_for(Some("ann"), scope).await;
    let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
    compare(&world, Some(&bearer), &reads(&image)[..1], 401).await;
}

#[tokio::test]
#[ignore = "a measurement"]
async fn c03_a_mount_from_a_private_repository_takes_as_long_as_from_one_that_is_not_there() {
    let (world, image) = world().await;
    let digest = oci::Digest::sha256(&image.config);
    let path = format!("/v2/own/web/blobs/uploads/?mount={digest}&from={{}}");
    compare(&world, Some(&basic("ann", PASSWORD)), &[("POST", path)], 202).await;
    let there: Client = world.user("bob");
    there.manifest("secret/there", "v1").await.expect(200);
}
