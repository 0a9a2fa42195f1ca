//! One database owns a bucket: whoever comes with another one is kept out and told why.

use std::path::Path;
use std::time::{Duration, Instant};

use clients::cluster::settings_of;
use clients::command;
use clients::fixture::{self, Image};
use clients::http::{Client, digest};
use clients::minio::Minio;
use clients::postgres::Postgres;
use clients::registry::{Program, Registry, Settings, berth};
use clients::s3;
use tempfile::TempDir;

/// What everybody is told who comes with another database.
const OTHER_DATABASE: &str = "another metadata database owns this bucket";
/// Both ways out that the message names.
const WAYS_OUT: [&str; 2] = ["set berth.metadata.url", "delete the object berth/owner"];

/// `berth.metadata.url` of SQLite in `name` below `folder`.
fn sqlite(folder: &TempDir, name: &str) -> String {
    format!("sqlite:{}", folder.path().join(name).display())
}

fn settings(store: &Minio, metadata: &str) -> Settings {
    settings_of(Program::Berth, &store.section(), metadata)
}

/// Asks the store about the mark: the answer's body.
fn mark(store: &Minio, method: &str, more: &[&str]) -> String {
    let mut curl = command::command("curl");
    curl.args(["--silent", "--show-error", "--fail", "--request", method, "--user"]);
    curl.arg(format!("{}:{}", s3::ACCESS_KEY, s3::SECRET_KEY));
    curl.args(["--aws-sigv4", &format!("aws:amz:{}:s3", s3::REGION)]).args(more);
    command::ok(curl.arg(format!("{}/{}/images/berth/owner", store.endpoint(), s3::BUCKET)))
}

fn push(client: &Client, image: &Image) {
    for blob in &image.blobs {
        assert_eq!(client.push_blob("team/app", blob).unwrap().status, 201);
    }
    assert_eq!(client.push_manifest("team/app", "1", &image.manifest).unwrap().status, 201);
}

fn serves(client: &Client, image: &Image) {
    assert_eq!(client.get("/v2/team/app/manifests/1").body, image.manifest);
    for blob in &image.blobs {
        assert_eq!(&client.get(&format!("/v2/team/app/blobs/{}", digest(blob))).body, blob);
    }
}

fn tells_both_ways_out(said: &str) {
    assert!(said.contains(OTHER_DATABASE), "{said}");
    assert!(WAYS_OUT.iter().all(|way| said.contains(way)), "{said}");
}

/// Writes a configuration with these stores and answers where.
fn config(folder: &TempDir, name: &str, storage: &str, metadata: &str) -> String {
    let path = folder.path().join(name);
    let text = format!(
        "version: 0.1\nstorage:\n{storage}http:\n  addr: 127.0.0.1:0\nberth:\n  metadata:\n    url: '{metadata}'\n"
    );
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Waits until this server, which nobody asked to, has ended.
fn has_ended(registry: &Registry) {
    let (begun, process) = (Instant::now(), format!("/proc/{}", registry.pid()));
    while Path::new(&process).exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{}", registry.last_words());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
#[ignore = "needs servers: cargo xtask test"]
fn servers_and_commands_with_another_database_are_refused_and_change_nothing() {
    let (store, postgres, folder) =
        (Minio::start(), Postgres::start(), tempfile::tempdir().unwrap());
    let registry = settings(&store, &sqlite(&folder, "first")).start();
    let (client, image) = (Client::new(&registry.url()), fixture::image(71, 2, 40_000));
    push(&client, &image);
    let owner = mark(&store, "GET", &[]);

    for other in [sqlite(&folder, "second"), postgres.url()] {
        tells_both_ways_out(&settings(&store, &other).refused());
    }
    let other = config(&folder, "other.yml", &store.section(), &sqlite(&folder, "third"));
    for arguments in [&["garbage-collect"][..], &["garbage-collect", "--dry-run"], &["export"]] {
        tells_both_ways_out(&command::refused(berth().args(arguments).arg(&other)));
    }
    let data = format!("  filesystem:\n    rootdirectory: {}/data\n", folder.path().display());
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let own = config(&folder, "own.yml", &data, &sqlite(&folder, "fourth"));
    tells_both_ways_out(&command::refused(berth().args(["move", "--to", &other, &own])));

    assert_eq!(mark(&store, "GET", &[]), owner);
    serves(&client, &image);
}

#[test]
#[ignore = "needs servers: cargo xtask test"]
fn a_server_whose_bucket_another_database_takes_ends_and_says_so() {
    let (store, folder) = (Minio::start(), tempfile::tempdir().unwrap());
    let (first, second) = (sqlite(&folder, "first"), sqlite(&folder, "second"));
    let mut registry = settings(&store, &first).start();
    let image = fixture::image(72, 1, 40_000);
    push(&Client::new(&registry.url()), &image);
    let owner = mark(&store, "GET", &[]);

    // What the message says of a database that is gone for good; this one is not.
    mark(&store, "DELETE", &[]);
    let taker = settings(&store, &second).start();
    assert_ne!(mark(&store, "GET", &[]), owner);
    has_ended(&registry);
    let log = registry.log();
    assert!(log.contains("another metadata database has taken the bucket"), "{log}");
    assert!(log.contains("msg=stopped"), "it ended in order:\n{log}");
    tells_both_ways_out(&settings(&store, &first).refused());

    // The mistake is undone as it was made, and nothing is lost.
    drop(taker);
    let hash = digest(owner.as_bytes()).replace("sha256:", "x-amz-content-sha256: ");
    mark(&store, "PUT", &["--header", &hash, "--data-binary", &owner]);
    registry.restart();
    serves(&Client::new(&registry.url()), &image);
}
