//! buildah: builds without an engine, pushes, and starts again from what it pushed.

use std::process::Command;

use clients::command::{self, ok};
use clients::fixture;
use clients::registry::Registry;
use tempfile::TempDir;

pub(crate) fn buildah(storage: &TempDir, arguments: &[&str]) -> Command {
    let at = |name: &str| storage.path().join(name);
    let mut buildah = command::command("buildah");
    buildah.args(["--storage-driver", "vfs"]).arg("--root").arg(at("root"));
    buildah.arg("--runroot").arg(at("runroot")).args(arguments);
    buildah
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn buildah_builds_pushes_and_starts_from_what_it_pushed() {
    let (registry, storage) = (Registry::start(), tempfile::tempdir().unwrap());
    let run = |arguments: &[&str]| ok(&mut buildah(&storage, arguments));
    let context = tempfile::tempdir().unwrap();
    fixture::context(context.path());
    let image = registry.image("team/buildah:1");
    let folder = context.path().to_str().unwrap();
    run(&["build", "--isolation", "chroot", "--tag", &image, folder]);
    run(&["push", "--tls-verify=false", &image]);
    run(&["rmi", &image]);
    let container = run(&["from", "--tls-verify=false", &image]);
    let mounted = run(&["mount", &container]);
    let data = std::fs::read(format!("{mounted}/data")).unwrap();
    assert_eq!(data, fixture::noise(1, 100_000));
    run(&["umount", &container]);
    run(&["rm", &container]);
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn buildah_commits_straight_to_the_registry() {
    let (registry, storage) = (Registry::start(), tempfile::tempdir().unwrap());
    let run = |arguments: &[&str]| ok(&mut buildah(&storage, arguments));
    let container = run(&["from", "scratch"]);
    let to = format!("docker://{}", registry.image("committed:1"));
    run(&["commit", "--tls-verify=false", &container, &to]);
    let answer = clients::http::Client::new(&registry.url()).get("/v2/committed/tags/list");
    assert_eq!(answer.json()["tags"], serde_json::json!(["1"]));
}
