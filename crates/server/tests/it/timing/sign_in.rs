//! Who has an account, by how long a wrong password takes.

use std::sync::Arc;

use identity::password::Cost;
use identity::{Hashers, HtpasswdFile, IdentitySource, Secret};
use registry::accounts::Answer;
use serde_json::json;
use store::OsRandom;
use testkit::{FakeClock, Request};

use super::welch::{Ask, take_equally_long};
use crate::access::world::{PASSWORD, World, basic, form};

/// A hash that is as good as none: what is beside it shows the better.
const CHEAP: Cost = Cost { memory: 64, passes: 1 };
const WRONG: &str = "wrong password";

fn hashers() -> Hashers {
    Hashers::default().costing(CHEAP)
}

/// A registry that counts failures and makes nobody wait, with a file for each
/// of the `sources` that knows one user of that name.
async fn world(directory: &std::path::Path, sources: &[&str]) -> World {
    let mut files: Vec<Arc<dyn IdentitySource>> = Vec::new();
    for name in sources {
        let hash = hashers().hash(Secret::new(PASSWORD), Arc::new(OsRandom)).await.unwrap();
        let path = directory.join(name);
        std::fs::write(&path, format!("{name}:{hash}\n")).unwrap();
        let clock = Arc::new(FakeClock::new());
        files.push(Arc::new(HtpasswdFile::new(name, path, clock, &OsRandom, hashers())));
    }
    let world = World::with(|auth, _| {
        auth.settings.throttle.free = u32::MAX;
        auth.hashers = hashers();
        auth.sources = files;
    })
    .await;
    for name in sources {
        world.user(name).get("/v2/").await.expect(200);
    }
    world
}

fn get(path: &str, name: &str) -> Ask {
    Ask::new(Request::new("GET", path).with("Authorization", basic(name, WRONG)), 401)
}

async fn compare(what: &str, world: &World, ask: impl Fn(&str) -> Ask, known: &str) {
    // Of the same length.
    let unknown = "x".repeat(known.len());
    let what = format!("{what}: {known}");
    take_equally_long(&what, world.registry.address(), &ask(known), &ask(&unknown)).await;
}

#[tokio::test]
#[ignore = "a measurement"]
async fn c17_a_wrong_password_takes_as_long_for_an_unknown_user() {
    let directory = testkit::directory();
    let world = world(directory.path(), &[]).await;
    compare("/v2/", &world, |name| get("/v2/", name), "ann").await;
    compare("/api/v1", &world, |name| get("/api/v1/whoami", name), "ann").await;
}

#[tokio::test]
#[ignore = "a measurement"]
async fn c17_the_token_endpoint_takes_as_long_for_an_unknown_user() {
    let directory = testkit::directory();
    let world = world(directory.path(), &[]).await;
    compare("GET /auth/token", &world, |name| get("/auth/token?service=berth", name), "ann").await;
    let post = |name: &str| {
        let pairs = [("grant_type", "password"), ("username", name), ("password", WRONG)];
        Ask::new(form("/auth/token", &pairs), 401)
    };
    compare("POST /auth/token", &world, post, "ann").await;
}

#[tokio::test]
#[ignore = "a measurement"]
async fn c17_a_wrong_password_takes_as_long_beside_a_source() {
    let directory = testkit::directory();
    let world = world(directory.path(), &["eve"]).await;
    for known in ["ann", "eve"] {
        compare("/v2/", &world, |name| get("/v2/", name), known).await;
    }
    compare("token", &world, |name| get("/auth/token?service=berth", name), "ann").await;
}

#[tokio::test]
#[ignore = "a measurement"]
async fn c17_a_wrong_password_takes_as_long_beside_several_sources() {
    let directory = testkit::directory();
    let world = world(directory.path(), &["eve", "mia"]).await;
    for known in ["ann", "eve", "mia"] {
        compare("/v2/", &world, |name| get("/v2/", name), known).await;
    }
}

#[tokio::test]
#[ignore = "a measurement"]
async fn c17_a_wrong_secret_takes_as_long_for_an_unknown_robot() {
    let directory = testkit::directory();
    let world = world(directory.path(), &[]).await;
    let made = world.does(json!({"command": "robot-add", "name": "cid", "grants": []})).await;
    let Answer::Made { secret: Some(secret), .. } = made else { panic!("{made:?}") };
    let right = basic("robot$cid", secret.reveal());
    world.anybody().with("Authorization", right).get("/v2/").await.expect(200);
    // As long as a secret is, and none.
    let wrong = format!("{}x", &secret.reveal()[..secret.reveal().len() - 1]);
    let ask = |name: &str| {
        let login = basic(&format!("robot${name}"), &wrong);
        Ask::new(Request::new("GET", "/v2/").with("Authorization", login), 401)
    };
    compare("/v2/", &world, ask, "cid").await;
}
