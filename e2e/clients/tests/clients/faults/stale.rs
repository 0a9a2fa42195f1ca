//! Pulls without the database, for a while.

use std::time::{Duration, Instant};

use clients::http::{Answer, Client, digest};
use clients::postgres::Postgres;
use clients::registry::{Program, Settings};

use super::{push, until};

/// How long pulls go on without the database in the next test.
const STALE: Duration = Duration::from_secs(8);

#[test]
#[ignore = "needs servers: cargo xtask test"]
fn pulls_of_known_digests_go_on_without_the_database_for_the_stated_time() {
    let mut postgres = Postgres::start();
    let check =
        "health:\n  storagedriver:\n    enabled: true\n    interval: 1s\n    threshold: 1\n";
    let registry = Settings::of(Program::Berth)
        .with_metadata(&postgres.url())
        .with_section(check)
        .with_variable("BERTH_METADATA_STALEREADS", &format!("{}s", STALE.as_secs()))
        .start();
    let client = Client::new(&registry.url());
    let image = push(&client, "a", "v1");
    let manifest = format!("/v2/a/manifests/{}", digest(&image.manifest));
    let layer = format!("/v2/a/blobs/{}", digest(&image.blobs[1]));
    let known = [(&manifest, &image.manifest), (&layer, &image.blobs[1])];
    let is_stale = |answer: &Answer| answer.header("Warning").starts_with("110 ");
    for (path, bytes) in known {
        let answer = client.get(path);
        assert!(answer.body == *bytes && !is_stale(&answer), "{path}");
    }
    let away_since = Instant::now();
    postgres.stop();
    // The check has seen it, and says so without taking the registry out of service.
    let ready = until(&client, "/readyz", |answer| answer.json()["notes"]["database"].is_string());
    assert_eq!(ready.status, 200);
    for (path, bytes) in known {
        let answer = client.get(path);
        assert!(answer.body == *bytes && is_stale(&answer), "{path}: {answer:?}");
    }
    for path in ["/v2/a/manifests/v1", "/v2/a/tags/list", "/v2/_catalog"] {
        assert_eq!(client.get(path).status, 503, "{path}");
    }
    assert_eq!(client.push_blob("a", b"new").unwrap().status, 503);
    for (path, _) in known {
        let ended = until(&client, path, |answer| answer.status != 200);
        assert_eq!(ended.status, 503, "{path}");
        assert!(away_since.elapsed() < STALE + Duration::from_secs(3), "{path}");
    }
    postgres.start_again();
    for (path, bytes) in known {
        let answer = until(&client, path, |answer| answer.status == 200);
        assert!(answer.body == *bytes && !is_stale(&answer), "{path}");
    }
    let log = registry.log();
    for line in ["the metadata is out of reach", "the metadata answers again"] {
        assert_eq!(log.matches(line).count(), 1, "{line}: {log}");
    }
}
