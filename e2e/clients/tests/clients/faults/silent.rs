//! A store that takes requests and never answers.

use std::time::{Duration, Instant};

use clients::cluster::replica;
use clients::fixture;
use clients::http::{Answer, Client, digest};
use clients::minio::Minio;
use clients::postgres::Postgres;
use clients::registry::berth;

use super::push;

/// A request to a store that says nothing ends within this: the silence that is waited for, and what
/// the request does beside it.
const PATIENCE: Duration = Duration::from_secs(75);

#[test]
#[ignore = "needs servers: cargo xtask test"]
fn a_store_that_takes_requests_and_never_answers_holds_nobody_for_ever() {
    let (store, postgres) = (Minio::start(), Postgres::start());
    let registry = replica(&store.section(), &postgres.url());
    let client = Client::with_patience(&registry.url(), PATIENCE);
    let image = push(&client, "a", "v1");
    let layer = format!("/v2/a/blobs/{}", digest(&image.blobs[1]));
    assert_eq!(client.get(&layer).body, image.blobs[1]);
    store.pause();
    // What needs no bytes goes on as if nothing were wrong.
    let began = Instant::now();
    assert_eq!(client.get("/v2/a/manifests/v1").status, 200);
    assert_eq!(client.get("/v2/a/tags/list").status, 200);
    assert_eq!(client.send("HEAD", &layer, &[], &[]).unwrap().status, 200);
    let config = format!("/v2/a/blobs/{}", digest(&image.blobs[0]));
    assert_eq!(client.get(&config).body, image.blobs[0]);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    // The rest ends by itself, and so does work that a person started.
    let paused = Instant::now();
    let ended = |what: &'static str, answer: Answer| {
        println!("{what} ended after {:?}", paused.elapsed());
        assert_eq!(answer.status, 503, "{what}: {answer:?}");
        assert_ne!(answer.header("Retry-After"), "", "{what}");
    };
    std::thread::scope(|scope| {
        scope.spawn(|| ended("pull", client.get(&layer)));
        for (what, size) in [("small push", 300_000), ("large push", 12_000_000)] {
            let bytes = fixture::noise(size as u64, size);
            let client = client.clone();
            scope.spawn(move || ended(what, client.push_blob("b", &bytes).unwrap()));
        }
        scope.spawn(|| {
            let began = Instant::now();
            let done = berth().arg("garbage-collect").arg(registry.config()).output().unwrap();
            let text = String::from_utf8_lossy(&done.stderr).into_owned();
            println!("garbage-collect ended after {:?}", began.elapsed());
            assert!(began.elapsed() < PATIENCE && !done.status.success(), "{text}");
        });
    });
    store.go_on();
    let image = push(&client, "b", "v1");
    assert_eq!(client.get(&layer).status, 200);
    let layer = format!("/v2/b/blobs/{}", digest(&image.blobs[1]));
    assert_eq!(client.get(&layer).body, image.blobs[1]);
}
