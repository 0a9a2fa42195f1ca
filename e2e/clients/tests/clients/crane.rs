//! crane, the library of half of the cloud's tools in a command line.

use std::collections::BTreeSet;

use clients::command::{self, run};
use clients::fixture;
use clients::http::{Client, digest};
use clients::registry::{PASSWORD, Registry, Settings, USER};

/// Pushes an image of random layers over the protocol itself and answers its manifest's digest.
pub(crate) fn pushed(registry: &Registry, repository: &str, tag: &str) -> String {
    let client = Client::new(&registry.url());
    let image = fixture::image(21, 2, 40_000);
    for blob in &image.blobs {
        assert_eq!(client.push_blob(repository, blob).unwrap().status, 201);
    }
    assert_eq!(client.push_manifest(repository, tag, &image.manifest).unwrap().status, 201);
    digest(&image.manifest)
}

/// Pushes an image whose one layer has one file, `note`, with this content, and answers its digest.
pub(crate) fn append(image: &str, content: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("note"), content).unwrap();
    let layer = folder.path().join("layer.tar");
    let (from, layer) = (folder.path().to_str().unwrap(), layer.to_str().unwrap());
    run("tar", &["--create", "--file", layer, "--directory", from, "note"]);
    run("crane", &["append", "--insecure", "--new_layer", layer, "--new_tag", image]);
    run("crane", &["digest", "--insecure", image])
}

/// Pushes an index of these images under this name, and answers its digest.
pub(crate) fn append_index(name: &str, images: &[&str]) -> String {
    let images = images.iter().flat_map(|image| ["--manifest", image]);
    let mut crane = command::command("crane");
    crane.args(["index", "append", "--insecure", "--tag", name]).args(images);
    command::ok(&mut crane);
    run("crane", &["digest", "--insecure", name])
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn crane_appends_a_layer_and_exports_what_it_holds() {
    let registry = Registry::start();
    let image = registry.image("team/crane:1");
    append(&image, b"hello");
    run("crane", &["validate", "--insecure", "--remote", &image]);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.tar");
    run("crane", &["export", "--insecure", &image, out.to_str().unwrap()]);
    let note = run("tar", &["--extract", "--to-stdout", "--file", out.to_str().unwrap(), "note"]);
    assert_eq!(note, "hello");
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn crane_copies_tags_lists_and_deletes() {
    let registry = Registry::start();
    let digest = pushed(&registry, "team/source", "1");
    let image = |name: &str| registry.image(name);
    run("crane", &["copy", "--insecure", &image("team/source:1"), &image("copied:2")]);
    run("crane", &["tag", "--insecure", &image("copied:2"), "latest"]);
    assert_eq!(run("crane", &["digest", "--insecure", &image("copied:latest")]), digest);
    let tags = run("crane", &["ls", "--insecure", &image("copied")]);
    assert_eq!(tags.lines().collect::<BTreeSet<_>>(), BTreeSet::from(["2", "latest"]));
    assert_eq!(run("crane", &["catalog", "--insecure", registry.host()]), "copied\nteam/source");
    run("crane", &["delete", "--insecure", &image(&format!("copied@{digest}"))]);
    let mut ask = command::command("crane");
    command::refused(ask.args(["manifest", "--insecure", &image("copied:2")]));
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn crane_logs_in_with_the_right_password_alone() {
    let registry = Settings::default().with_password().start();
    let home = tempfile::tempdir().unwrap();
    let crane = |arguments: &[&str]| {
        let mut crane = command::command("crane");
        crane.env("DOCKER_CONFIG", home.path()).args(arguments).arg("--insecure");
        crane
    };
    command::refused(&mut crane(&["catalog", registry.host()]));
    let login = ["auth", "login", registry.host(), "--username", USER, "--password", PASSWORD];
    command::ok(&mut crane(&login));
    assert_eq!(command::ok(&mut crane(&["catalog", registry.host()])), "");
}
