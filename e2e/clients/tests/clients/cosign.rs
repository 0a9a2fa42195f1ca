//! cosign with a key pair and without a log: a signature as a referrer, and one under a tag.

use std::process::Command;

use clients::command::{self, ok, refused};
use clients::registry::{Program, Registry, Settings};
use tempfile::TempDir;

use crate::crane::pushed;

fn cosign(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut cosign = command::command("cosign");
    cosign.current_dir(folder).env("HOME", folder.path()).env("DOCKER_CONFIG", folder.path());
    cosign.env("COSIGN_PASSWORD", "").args(arguments);
    cosign
}

fn with_keys() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    ok(&mut cosign(&folder, &["generate-key-pair"]));
    folder
}

fn verify(folder: &TempDir, image: &str, more: &[&str]) -> Command {
    let key = ["verify", "--allow-http-registry", "--insecure-ignore-tlog", "--key", "cosign.pub"];
    cosign(folder, &[&key[..], more, &[image]].concat())
}

fn image(registry: &Registry, name: &str) -> String {
    let digest = pushed(registry, name, "1");
    registry.image(&format!("{name}@{digest}"))
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn cosign_signs_as_a_referrer_and_verifies() {
    let registry = Settings::of(Program::Berth).start();
    let folder = with_keys();
    let image = image(&registry, "signed");
    refused(&mut verify(&folder, &image, &[]));
    let sign = ["sign", "--yes", "--allow-http-registry", "--key", "cosign.key"];
    let alone = ["--use-signing-config=false", "--tlog-upload=false", "--new-bundle-format"];
    ok(&mut cosign(&folder, &[&sign[..], &alone, &[&image]].concat()));
    ok(&mut verify(&folder, &image, &[]));
    let tags = clients::http::Client::new(&registry.url()).get("/v2/signed/tags/list").json();
    assert_eq!(tags["tags"], serde_json::json!(["1"]), "a fallback tag was written");
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn cosign_signs_under_a_tag_and_verifies() {
    let registry = Registry::start();
    let folder = with_keys();
    let image = image(&registry, "signed-by-tag");
    let sign = ["sign", "--yes", "--allow-http-registry", "--key", "cosign.key"];
    let old = ["--use-signing-config=false", "--tlog-upload=false", "--new-bundle-format=false"];
    ok(&mut cosign(&folder, &[&sign[..], &old, &[&image]].concat()));
    ok(&mut verify(&folder, &image, &["--new-bundle-format=false"]));
}
