//! The way in and the way back: a tree that the original wrote is served in place, and after an export
//! the original serves it again, with what was pushed in between.

use std::collections::BTreeMap;
use std::path::Path;

use clients::command;
use clients::fixture::{self, Image};
use clients::http::{Client, digest};
use clients::registry::{Program, Registry, Settings, berth};
use clients::tree::files;
use serde_json::json;

/// Repository, tag, image.
type Pushed = (&'static str, &'static str, Image);

fn push(client: &Client, (repository, tag, image): &Pushed) {
    for blob in &image.blobs {
        assert_eq!(client.push_blob(repository, blob).unwrap().status, 201);
    }
    assert_eq!(client.push_manifest(repository, tag, &image.manifest).unwrap().status, 201);
}

fn must_serve(client: &Client, (repository, tag, image): &Pushed) {
    let manifest = client.get(&format!("/v2/{repository}/manifests/{tag}"));
    assert_eq!(manifest.body, image.manifest, "{repository}:{tag}");
    assert_eq!(manifest.header("Docker-Content-Digest"), digest(&image.manifest));
    for blob in &image.blobs {
        let read = client.get(&format!("/v2/{repository}/blobs/{}", digest(blob)));
        assert_eq!(digest(&read.body), digest(blob), "{repository}: {}", read.status);
    }
}

/// Links and blobs; uploads in progress are nobody's promise.
fn tree(root: &Path) -> BTreeMap<String, String> {
    files(root, |name| name.starts_with("docker/registry/v2/") && !name.contains("/_uploads/"))
}

/// What the original has before Berth comes: two tags in one repository, a nested name, a moved tag.
fn written_by_the_original(root: &Path) -> Vec<Pushed> {
    let mut registry = Settings::of(Program::DockerRegistry).at(root).start();
    let client = Client::new(&registry.url());
    let pushed = vec![
        ("library/app", "1", fixture::image(31, 3, 40_000)),
        ("library/app", "2", fixture::image(32, 1, 400)),
        ("deep/er/name", "latest", fixture::image(33, 2, 2_000_000)),
    ];
    push(&client, &("deep/er/name", "latest", fixture::image(34, 1, 900)));
    pushed.iter().for_each(|one| push(&client, one));
    push_list(&client, &pushed[0].2);
    registry.stop();
    pushed
}

/// A manifest list over one image, as docker writes it.
fn push_list(client: &Client, image: &Image) {
    let media_type = "application/vnd.docker.distribution.manifest.list.v2+json";
    let child = json!({
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": digest(&image.manifest),
        "size": image.manifest.len(),
        "platform": { "os": "linux", "architecture": "amd64" },
    });
    let list = json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": [child] });
    let path = "/v2/library/app/manifests/list";
    let kind = [("Content-Type", media_type)];
    let answer = client.send("PUT", path, &kind, list.to_string().as_bytes()).unwrap();
    assert_eq!(answer.status, 201, "{}", answer.json());
}

fn export(registry: &Registry) {
    command::ok(berth().arg("export").arg(registry.config()));
}

fn serves_everything(program: Program, root: &Path, pushed: &[Pushed]) -> Registry {
    let registry = Settings::of(program).at(root).start();
    let client = Client::new(&registry.url());
    pushed.iter().for_each(|one| must_serve(&client, one));
    let list = client.get("/v2/library/app/manifests/list");
    assert!(list.header("Content-Type").contains("manifest.list"), "{}", list.status);
    registry
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn the_originals_tree_is_served_in_place_and_given_back_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let mut pushed = written_by_the_original(root);
    let before = tree(root);

    let mut berth = serves_everything(Program::Berth, root, &pushed);
    let new = ("library/app", "3", fixture::image(35, 2, 3_000));
    push(&Client::new(&berth.url()), &new);
    pushed.push(new);
    berth.stop();
    export(&berth);

    let after = tree(root);
    for (path, content) in &before {
        assert_eq!(after.get(path), Some(content), "{path} changed");
    }
    let mut original = serves_everything(Program::DockerRegistry, root, &pushed);
    let tags = Client::new(&original.url()).get("/v2/library/app/tags/list").json();
    assert_eq!(tags["tags"].as_array().map(Vec::len), Some(4), "{tags}");
    original.stop();
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn what_the_original_wrote_after_the_way_back_is_merged_by_an_import() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let mut pushed = written_by_the_original(root);
    let mut berth = serves_everything(Program::Berth, root, &pushed);
    berth.stop();
    export(&berth);
    let mut original = serves_everything(Program::DockerRegistry, root, &pushed);
    let between = ("library/app", "between", fixture::image(36, 1, 70_000));
    push(&Client::new(&original.url()), &between);
    pushed.push(between);
    original.stop();
    command::ok(clients::registry::berth().arg("import").arg(berth.config()));
    serves_everything(Program::Berth, root, &pushed);
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn an_export_beside_a_running_server_gives_back_what_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let mut pushed = written_by_the_original(root);
    let mut berth = serves_everything(Program::Berth, root, &pushed);
    let new = ("library/app", "3", fixture::image(37, 2, 3_000));
    push(&Client::new(&berth.url()), &new);
    pushed.push(new);
    export(&berth);
    pushed.iter().for_each(|one| must_serve(&Client::new(&berth.url()), one));
    berth.stop();
    serves_everything(Program::DockerRegistry, root, &pushed);
}
