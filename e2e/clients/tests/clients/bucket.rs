//! A bucket that the original has written is served in place, and after an export, which copies inside of
//! the bucket, the original serves it again, with all that became of it in between.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use clients::cluster::settings_of;
use clients::command::{self, run};
use clients::engine::Docker;
use clients::fault_proxy::FaultProxy;
use clients::fixture::{self, Image};
use clients::http::{Client, closing, digest};
use clients::inventory::{Inventory, inventory};
use clients::minio::Minio;
use clients::postgres::Postgres;
use clients::registry::{Program, Registry, Settings, berth};
use clients::s3;
use clients::tree::files;

use crate::crane::{append, append_index};
use crate::docker::build;

/// Bytes of a layer that no store takes in one part.
const LARGE: usize = 24 << 20;

/// A bucket and what clients have done to it.
struct Bucket {
    store: Minio,
    docker: Docker,
    lives: u64,
    /// Paths of manifests that no tag names any more.
    untagged: Vec<String>,
    /// Paths of what was deleted.
    gone: Vec<String>,
    /// Names of images that docker pushed, without the host.
    by_docker: Vec<String>,
}

impl Bucket {
    fn new() -> Self {
        Self {
            store: Minio::start(),
            docker: Docker::shared(),
            lives: 0,
            untagged: Vec::new(),
            gone: Vec::new(),
            by_docker: Vec::new(),
        }
    }

    fn original(&self) -> Registry {
        Settings::of(Program::DockerRegistry).with_storage(&self.store.section()).start()
    }

    /// Images, an index, a mount, a large layer in chunks, a tag that moves twice, a deletion, and an
    /// upload that nobody ends.
    fn used(&mut self, registry: &Registry) {
        self.lives += 1;
        let life = self.lives;
        let client = Client::new(&registry.url());
        self.push_by_docker(registry);
        let [one, other] = ["one", "other"].map(|kind| {
            let image = registry.image(&format!("team/{kind}:{life}"));
            append(&image, format!("{kind} of {life}").as_bytes());
            image
        });
        append_index(&registry.image(&format!("team/index:{life}")), &[&one, &other]);
        let copy = registry.image(&format!("elsewhere/copy:{life}"));
        run("crane", &["copy", "--insecure", &one, &copy]);
        push(&client, "team/large", &format!("{life}"), &fixture::image(60 + life, 1, LARGE));
        self.move_and_delete(&client);
        let begun = client.send("POST", "/v2/team/large/blobs/uploads/", &[], &[]).unwrap();
        let octets = [("Content-Type", "application/octet-stream")];
        let sent = client.send("PATCH", begun.header("Location"), &octets, b"never ended").unwrap();
        assert_eq!(sent.status, 202);
    }

    fn push_by_docker(&mut self, registry: &Registry) {
        let name = format!("team/docker:{}", self.lives);
        let image = registry.image(&name);
        build(&self.docker, &image);
        self.docker.run(&["push", &image]);
        self.docker.run(&["rmi", &image]);
        self.by_docker.push(name);
    }

    /// The tag of every life moves on twice; a manifest of the life before goes, and one of this.
    fn move_and_delete(&mut self, client: &Client) {
        let path = |reference: &str| format!("/v2/team/moving/manifests/{reference}");
        let images = [1, 2, 3].map(|number| fixture::image(self.lives * 10 + number, 2, 30_000));
        for image in &images {
            push(client, "team/moving", "latest", image);
        }
        let old = self.untagged.pop();
        self.untagged.extend(images[..2].iter().map(|image| path(&digest(&image.manifest))));
        let doomed = fixture::image(self.lives * 10 + 4, 1, 20_000);
        let tag = format!("doomed-{}", self.lives);
        push(client, "team/moving", &tag, &doomed);
        self.gone.push(path(&tag));
        for manifest in old.into_iter().chain([path(&digest(&doomed.manifest))]) {
            assert_eq!(client.send("DELETE", &manifest, &[], &[]).unwrap().status, 202);
            self.gone.push(manifest);
        }
    }

    /// What this registry serves, which docker can run and which has nothing that was deleted.
    fn inventory(&self, registry: &Registry) -> Inventory {
        let client = Client::new(&registry.url());
        for path in &self.gone {
            assert_eq!(client.get(path).status, 404, "{path}");
        }
        for name in &self.by_docker {
            let image = registry.image(name);
            self.docker.run(&["pull", &image]);
            assert_eq!(self.docker.run(&["run", "--rm", &image]), fixture::GREETING);
            self.docker.run(&["rmi", &image]);
        }
        inventory(&client, &self.untagged)
    }

    /// Every object of the original's tree, as MinIO keeps it, with the time of its writing.
    fn objects(&self) -> BTreeMap<String, String> {
        let tree = "/images/docker/registry/v2/";
        files(self.store.root(), |name| name.contains(tree) && !name.contains("/_uploads/"))
    }
}

/// Pushes an image, its blobs in two chunks each.
fn push(client: &Client, repository: &str, tag: &str, image: &Image) {
    for blob in &image.blobs {
        let path = format!("/v2/{repository}/blobs/uploads/");
        let mut place = client.send("POST", &path, &[], &[]).unwrap();
        let half = blob.len() / 2;
        for (from, chunk) in [(0, &blob[..half]), (half, &blob[half..])] {
            let range = format!("{from}-{}", from + chunk.len() - 1);
            let kind = ("Content-Type", "application/octet-stream");
            let headers = [kind, ("Content-Range", &*range)];
            place = client.send("PATCH", place.header("Location"), &headers, chunk).unwrap();
            assert_eq!(place.status, 202, "{}", String::from_utf8_lossy(&place.body));
        }
        let close = closing(place.header("Location"), &digest(blob));
        assert_eq!(client.send("PUT", &close, &[], &[]).unwrap().status, 201);
    }
    assert_eq!(client.push_manifest(repository, tag, &image.manifest).unwrap().status, 201);
}

/// Waits until the blobs of the original are hashed, which else goes on beside what is measured.
fn wait_until_verified(registry: &Registry) {
    let begun = Instant::now();
    while !registry.log().contains("imported blobs were re-hashed") {
        assert!(begun.elapsed() < Duration::from_secs(60), "{}", registry.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Exports: what it said, and how many bytes went through it.
fn export(registry: &Registry, between: &FaultProxy) -> (String, u64) {
    let before = between.carried();
    let output = berth().arg("export").arg(registry.config()).output().unwrap();
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8(said).unwrap()).concat();
    assert!(output.status.success(), "{said}");
    (said, between.carried() - before)
}

/// The bytes of layers are copied by the store itself, as the export says first: they do not pass us. A
/// second export has nothing to do, so what goes through that one is no layer.
fn export_copies_inside_the_bucket(registry: &Registry, between: &FaultProxy) {
    let (said, first) = export(registry, between);
    let foretold = |line: &&str| line.contains("will be copied inside the bucket");
    let line = said.lines().find(foretold).unwrap_or_else(|| panic!("{said}"));
    let words: Vec<_> = line.split([' ', ',']).collect();
    let place = words.iter().position(|word| *word == "bytes").unwrap();
    let copied: u64 = words[place - 1].parse().unwrap();
    assert!(copied >= LARGE as u64, "{said}");
    let (said, second) = export(registry, between);
    assert!(
        !said.lines().any(|line| foretold(&line)) && said.contains("0 files changed"),
        "{said}"
    );
    println!("{copied} bytes were copied inside the bucket, {first} and {second} went through");
    assert!(first < second + copied / 8, "{first} bytes went through");
}

/// When the export happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Export {
    BesideServer,
    AfterStop,
}

/// From the original to Berth with this metadata, and back.
fn there_and_back(metadata: &str, when: Export) {
    let mut bucket = Bucket::new();
    let mut original = bucket.original();
    bucket.used(&original);
    let before = bucket.inventory(&original);
    original.stop();
    let objects = bucket.objects();

    let between = FaultProxy::before(bucket.store.host(), 0);
    let storage = s3::section(&between.endpoint());
    let mut berth = settings_of(Program::Berth, &storage, metadata).start();
    assert_eq!(bucket.inventory(&berth), before);
    wait_until_verified(&berth);
    assert_eq!(bucket.objects(), objects, "an import writes nothing below docker/");
    bucket.used(&berth);
    let after = bucket.inventory(&berth);
    assert!(after.len() > before.len());
    if when == Export::BesideServer {
        export_copies_inside_the_bucket(&berth, &between);
        assert_eq!(bucket.inventory(&berth), after);
        berth.stop();
    } else {
        berth.stop();
        export_copies_inside_the_bucket(&berth, &between);
    }

    let mut original = bucket.original();
    assert_eq!(bucket.inventory(&original), after);
    // It goes on as with a bucket of its own.
    bucket.used(&original);
    let end = bucket.inventory(&original);
    original.stop();
    command::ok(clients::registry::berth().arg("import").arg(berth.config()));
    berth.restart();
    // An import never deletes, so what the original deleted is the one difference.
    let merged = inventory(&Client::new(&berth.url()), &bucket.untagged);
    for (name, content) in &end {
        assert_eq!(merged.get(name), Some(content), "{name}");
    }
}

#[test]
#[ignore = "needs servers: cargo xtask test"]
fn a_bucket_of_the_original_is_served_over_postgresql_and_given_back_byte_for_byte() {
    let postgres = Postgres::start();
    there_and_back(&postgres.url(), Export::BesideServer);
}

#[test]
#[ignore = "needs servers: cargo xtask test"]
fn a_bucket_of_the_original_is_served_over_sqlite_and_given_back_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("metadata");
    there_and_back(&format!("sqlite:{}", database.display()), Export::AfterStop);
}
