//! skopeo: copies in both directions, listings, deletes, and whole repositories at once.

use std::path::Path;

use clients::command::{self, ok, run};
use clients::fixture;
use clients::http::Client;
use clients::registry::{PASSWORD, Registry, Settings, USER};

/// Writes an image of random layers as a `dir:` folder, which skopeo copies from.
pub(crate) fn image_in(folder: &Path, seed: u64) {
    let image = fixture::image(seed, 3, 50_000);
    std::fs::write(folder.join("manifest.json"), &image.manifest).unwrap();
    std::fs::write(folder.join("version"), "Directory Transport Version: 1.1\n").unwrap();
    for blob in &image.blobs {
        let digest = clients::http::digest(blob);
        std::fs::write(folder.join(digest.trim_start_matches("sha256:")), blob).unwrap();
    }
}

pub(crate) fn place(folder: &Path) -> String {
    format!("dir:{}", folder.display())
}

/// The original lists tags in the order of its folders; the order is the conformance suite's affair.
fn sorted(tags: &serde_json::Value) -> Vec<&str> {
    let mut tags: Vec<_> = tags.as_array().unwrap().iter().filter_map(|tag| tag.as_str()).collect();
    tags.sort_unstable();
    tags
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn skopeo_copies_there_and_back_without_changing_a_byte() {
    let registry = Registry::start();
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    image_in(from.path(), 1);
    let remote = format!("docker://{}", registry.image("team/skopeo:1"));
    let exactly = ["copy", "--preserve-digests"];
    let there = ["--dest-tls-verify=false", &place(from.path()), &remote];
    run("skopeo", &[&exactly[..], &there].concat());
    let back = ["--src-tls-verify=false", &remote, &place(to.path())];
    run("skopeo", &[&exactly[..], &back].concat());
    run("diff", &["--recursive", from.path().to_str().unwrap(), to.path().to_str().unwrap()]);
    let inspected = run("skopeo", &["inspect", "--tls-verify=false", &remote]);
    assert!(inspected.contains("\"RepoTags\": [\n        \"1\"\n    ]"), "{inspected}");
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn skopeo_copies_between_two_repositories_and_lists_their_tags() {
    let registry = Registry::start();
    let from = tempfile::tempdir().unwrap();
    image_in(from.path(), 2);
    let remote = |name: &str| format!("docker://{}", registry.image(name));
    let insecure = ["--src-tls-verify=false", "--dest-tls-verify=false"];
    for tag in ["b", "a", "C"] {
        let name = remote(&format!("first:{tag}"));
        run("skopeo", &["copy", "--dest-tls-verify=false", &place(from.path()), &name]);
    }
    run("skopeo", &["copy", insecure[0], insecure[1], &remote("first:a"), &remote("second:x")]);
    let tags = |name: &str| {
        let text = run("skopeo", &["list-tags", "--tls-verify=false", &remote(name)]);
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["Tags"].clone()
    };
    assert_eq!(sorted(&tags("first")), ["C", "a", "b"]);
    assert_eq!(sorted(&tags("second")), ["x"]);
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn skopeo_deletes_an_image() {
    let registry = Registry::start();
    let from = tempfile::tempdir().unwrap();
    image_in(from.path(), 3);
    let remote = format!("docker://{}", registry.image("doomed:1"));
    run("skopeo", &["copy", "--dest-tls-verify=false", &place(from.path()), &remote]);
    run("skopeo", &["delete", "--tls-verify=false", &remote]);
    let gone = Client::new(&registry.url()).get("/v2/doomed/manifests/1");
    assert_eq!(
        (gone.status, gone.json()["errors"][0]["code"].as_str()),
        (404, Some("MANIFEST_UNKNOWN"))
    );
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn skopeo_syncs_a_repository_to_a_folder_and_back() {
    let (source, target) = (Registry::start(), Registry::start());
    let (from, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    image_in(from.path(), 4);
    for tag in ["1", "2"] {
        let remote = format!("docker://{}", source.image(&format!("synced:{tag}")));
        run("skopeo", &["copy", "--dest-tls-verify=false", &place(from.path()), &remote]);
    }
    let out = folder.path().to_str().unwrap();
    let sync = ["sync", "--src-tls-verify=false", "--dest-tls-verify=false"];
    let to_folder = ["--src", "docker", "--dest", "dir", &source.image("synced"), out];
    run("skopeo", &[&sync[..], &to_folder].concat());
    run("skopeo", &[&sync[..], &["--src", "dir", "--dest", "docker", out, target.host()]].concat());
    let tags = Client::new(&target.url()).get("/v2/synced/tags/list").json();
    assert_eq!(sorted(&tags["tags"]), ["1", "2"]);
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn skopeo_logs_in_and_is_refused_without() {
    let registry = Settings::default().with_password().start();
    let from = tempfile::tempdir().unwrap();
    image_in(from.path(), 5);
    let remote = format!("docker://{}", registry.image("private/skopeo:1"));
    let copy = |arguments: &[&str]| {
        let mut copy = command::command("skopeo");
        copy.args(["copy", "--dest-tls-verify=false"]).args(arguments);
        copy.args([&place(from.path()), &remote]);
        copy
    };
    command::refused(&mut copy(&["--dest-creds", &format!("{USER}:wrong")]));
    ok(&mut copy(&["--dest-creds", &format!("{USER}:{PASSWORD}")]));
}
