//! oras: artifacts of any type, attached to one another.

use std::process::Command;

use clients::command::{self, ok};
use clients::registry::{PASSWORD, Program, Registry, Settings, USER};
use tempfile::TempDir;

pub(crate) fn oras(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut oras = command::command("oras");
    oras.current_dir(folder).env("DOCKER_CONFIG", folder.path()).args(arguments);
    oras
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn oras_pushes_files_and_pulls_them_elsewhere() {
    let registry = Registry::start();
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(here.path().join("weights.bin"), clients::fixture::noise(3, 300_000)).unwrap();
    let image = registry.image("models/oras:1");
    let kind = ["--artifact-type", "application/vnd.example.model"];
    let push = ["push", "--plain-http", &image, "weights.bin:application/octet-stream"];
    ok(&mut oras(&here, &[&push[..], &kind].concat()));
    ok(&mut oras(&there, &["pull", "--plain-http", &image]));
    let pulled = std::fs::read(there.path().join("weights.bin")).unwrap();
    assert_eq!(pulled, clients::fixture::noise(3, 300_000));
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn oras_attaches_a_file_and_discovers_it_through_the_referrers_api() {
    let registry = Settings::of(Program::Berth).start();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("sbom.json"), "{}").unwrap();
    crate::crane::pushed(&registry, "attached", "1");
    let image = registry.image("attached:1");
    let attach = ["attach", "--plain-http", "--distribution-spec", "v1.1-referrers-api"];
    let what = ["--artifact-type", "example/sbom", &image, "sbom.json:application/json"];
    ok(&mut oras(&folder, &[&attach[..], &what].concat()));
    let discover = ["discover", "--plain-http", "--distribution-spec", "v1.1-referrers-api"];
    let found = ok(&mut oras(&folder, &[&discover[..], &["-o", "json", &image]].concat()));
    let found: serde_json::Value = serde_json::from_str(&found).unwrap();
    let referrers = found["referrers"].as_array().or(found["manifests"].as_array()).unwrap();
    assert_eq!(referrers.len(), 1);
    assert_eq!(referrers[0]["artifactType"], "example/sbom");
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn oras_copies_lists_and_deletes() {
    let registry = Registry::start();
    let folder = tempfile::tempdir().unwrap();
    crate::crane::pushed(&registry, "from", "1");
    let run = |arguments: &[&str]| ok(&mut oras(&folder, arguments));
    let (from, to) = (registry.image("from:1"), registry.image("to:1"));
    run(&["copy", "--from-plain-http", "--to-plain-http", &from, &to]);
    assert_eq!(run(&["repo", "ls", "--plain-http", registry.host()]), "from\nto");
    assert_eq!(run(&["repo", "tags", "--plain-http", &registry.image("to")]), "1");
    run(&["manifest", "delete", "--plain-http", "--force", &to]);
    command::refused(&mut oras(&folder, &["manifest", "fetch", "--plain-http", &to]));
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn oras_logs_in_with_the_right_password_alone() {
    let registry = Settings::default().with_password().start();
    let folder = tempfile::tempdir().unwrap();
    let login = |password: &str| {
        let user = ["login", "--plain-http", "--username", USER, "--password", password];
        oras(&folder, &[&user[..], &[registry.host()]].concat())
    };
    command::refused(&mut login("wrong"));
    ok(&mut login(PASSWORD));
    ok(&mut oras(&folder, &["repo", "ls", "--plain-http", registry.host()]));
}
