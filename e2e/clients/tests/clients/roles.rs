//! Serving and the duties in the background by a process each: what `--role` divides, both together do.

use std::time::{Duration, Instant};

use clients::cluster::settings_of;
use clients::command;
use clients::fixture;
use clients::http::{Client, digest};
use clients::minio::Minio;
use clients::postgres::Postgres;
use clients::registry::{Program, Registry, Settings, berth, free_port};

use crate::replicas::{begin, send};

/// How soon an upload expires: at the first round, a minute after the start, whatever is set here.
const EXPIRY: [(&str, &str); 2] = [
    ("REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_AGE", "1s"),
    ("REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_INTERVAL", "1s"),
];

/// A process for this part of the work.
fn part(role: &'static str, store: &Minio, postgres: &Postgres) -> Settings {
    let settings = settings_of(Program::Berth, &store.section(), &postgres.url());
    EXPIRY.iter().fold(settings.with_role(role), |settings, (name, value)| {
        settings.with_variable(name, value)
    })
}

/// One that does the duties. It leaves the registry's address alone, so its probes may be there: a second
/// listener on that port would end the start.
fn workers(store: &Minio, postgres: &Postgres) -> Registry {
    let port = free_port();
    let settings = part("workers", store, postgres).on_port(port);
    settings.with_variable("REGISTRY_HTTP_DEBUG_ADDR", &format!("127.0.0.1:{port}")).start()
}

/// Waits for this in the log of `registry`.
fn says(registry: &Registry, text: &str) {
    let begun = Instant::now();
    while !registry.log().contains(text) {
        assert!(begun.elapsed() < Duration::from_secs(150), "{text}: {}", registry.last_words());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
#[ignore = "needs servers: cargo xtask test"]
fn one_process_serves_and_another_does_the_duties() {
    let (store, postgres) = (Minio::start(), Postgres::start());
    let mut original = Settings::of(Program::DockerRegistry).with_storage(&store.section()).start();
    let [image, later] = [81, 82].map(|seed| fixture::image(seed, 2, 40_000));
    push(&Client::new(&original.url()), "1", &image);
    original.stop();

    // The one that serves starts first: each of its duties, had it any, would come before the other's.
    let mut http = part("http", &store, &postgres).start();
    let client = Client::new(&http.url());
    push(&client, "2", &later);
    let place = begin(&client);
    let place = send(&client, &place, 0, b"never ended");
    let received = || client.get(&place).header("Range").to_owned();
    assert_eq!(received(), "0-10");
    let mut workers = workers(&store, &postgres);
    answers_probes_alone(&workers);

    says(&workers, "imported blobs were re-hashed");
    says(&workers, "has expired");
    assert_ne!(received(), "0-10", "what was sent is gone for everybody");
    let log = http.log();
    for duty in ["re-hashed", "has expired"] {
        assert!(!log.contains(duty), "{duty}:\n{log}");
    }
    for (tag, image) in [("1", &image), ("2", &later)] {
        assert_eq!(client.get(&format!("/v2/team/app/manifests/{tag}")).body, image.manifest);
        for blob in &image.blobs {
            let read = client.get(&format!("/v2/team/app/blobs/{}", digest(blob)));
            assert_eq!((read.status, &read.body), (200, blob));
        }
    }
    garbage_is_collected(&client, &workers, &later);
    http.stop();
    workers.stop();
    for ended in [&http, &workers] {
        assert!(ended.log().contains("msg=stopped"), "{}", ended.last_words());
    }
}

fn push(client: &Client, tag: &str, image: &fixture::Image) {
    for blob in &image.blobs {
        assert_eq!(client.push_blob("team/app", blob).unwrap().status, 201);
    }
    assert_eq!(client.push_manifest("team/app", tag, &image.manifest).unwrap().status, 201);
}

/// Probes are all that a process without clients answers.
fn answers_probes_alone(workers: &Registry) {
    let client = Client::new(&workers.url());
    for path in ["/livez", "/startupz", "/readyz", "/debug/health"] {
        assert_eq!(client.get(path).status, 200, "{path}");
    }
    for path in ["/v2/", "/v2/team/app/manifests/1", "/v2/team/app/tags/list"] {
        assert_eq!(client.get(path).status, 404, "{path}");
    }
}

/// The command works beside both, by the configuration of either, and takes nothing that is needed.
fn garbage_is_collected(client: &Client, workers: &Registry, image: &fixture::Image) {
    let manifest = format!("/v2/team/app/manifests/{}", digest(&image.manifest));
    assert_eq!(client.send("DELETE", &manifest, &[], &[]).unwrap().status, 202);
    command::ok(berth().arg("garbage-collect").arg(workers.config()));
    assert_eq!(client.get(&manifest).status, 404);
    assert_eq!(client.get("/v2/team/app/manifests/1").status, 200);
}
