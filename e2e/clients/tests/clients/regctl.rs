//! regctl: the strictest client of all; its registry is told of as plain HTTP in a folder of its own.

use std::process::Command;

use clients::command::{self, ok, refused};
use clients::registry::{Program, Registry, Settings};
use tempfile::TempDir;

use crate::crane::pushed;

struct Regctl(TempDir);

impl Regctl {
    fn new(registry: &Registry) -> Self {
        let regctl = Self(tempfile::tempdir().unwrap());
        regctl.run(&["registry", "set", "--tls", "disabled", registry.host()]);
        regctl
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut regctl = command::command("regctl");
        regctl.env("REGCTL_CONFIG", self.0.path().join("config.json"));
        regctl.env("DOCKER_CONFIG", self.0.path()).args(arguments);
        regctl
    }

    fn run(&self, arguments: &[&str]) -> String {
        ok(&mut self.command(arguments))
    }
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn regctl_copies_lists_and_checks_an_image() {
    let registry = Registry::start();
    let regctl = Regctl::new(&registry);
    let digest = pushed(&registry, "team/regctl", "1");
    let (from, to) = (registry.image("team/regctl:1"), registry.image("copied:1"));
    regctl.run(&["image", "copy", &from, &to]);
    assert_eq!(regctl.run(&["image", "digest", &to]), digest);
    assert_eq!(regctl.run(&["tag", "ls", &registry.image("copied")]), "1");
    assert_eq!(regctl.run(&["repo", "ls", registry.host()]), "copied\nteam/regctl");
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn regctl_deletes_one_tag_and_leaves_its_neighbour() {
    let registry = Settings::of(Program::Berth).start();
    let regctl = Regctl::new(&registry);
    pushed(&registry, "tags", "doomed");
    pushed(&registry, "tags", "kept");
    regctl.run(&["tag", "delete", &registry.image("tags:doomed")]);
    assert_eq!(regctl.run(&["tag", "ls", &registry.image("tags")]), "kept");
    refused(&mut regctl.command(&["manifest", "head", &registry.image("tags:doomed")]));
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn regctl_finds_an_artifact_by_its_subject_without_a_fallback_tag() {
    let registry = Settings::of(Program::Berth).start();
    let regctl = Regctl::new(&registry);
    pushed(&registry, "referred", "1");
    let image = registry.image("referred:1");
    let note = regctl.0.path().join("note.txt");
    std::fs::write(&note, "seen by a person").unwrap();
    let put = ["artifact", "put", "--subject", &image, "--artifact-type", "example/note"];
    regctl.run(&[&put[..], &["--file", note.to_str().unwrap()]].concat());
    let tree = regctl.run(&["artifact", "tree", &image]);
    assert!(tree.contains("example/note"), "{tree}");
    assert_eq!(regctl.run(&["tag", "ls", &registry.image("referred")]), "1");
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn regctl_pushes_and_reads_blobs_by_both_algorithms() {
    let registry = Settings::of(Program::Berth).start();
    let regctl = Regctl::new(&registry);
    let blob = regctl.0.path().join("blob");
    std::fs::write(&blob, "the same bytes").unwrap();
    let repository = registry.image("algorithms");
    for tool in ["sha256", "sha512"] {
        let sum = command::run(&format!("{tool}sum"), &["--", blob.to_str().unwrap()]);
        let digest = format!("{tool}:{}", sum.split(' ').next().unwrap());
        let mut put = regctl.command(&["blob", "put", "--digest", &digest, &repository]);
        put.stdin(std::fs::File::open(&blob).unwrap());
        assert_eq!(ok(&mut put), digest);
        assert_eq!(regctl.run(&["blob", "get", &repository, &digest]), "the same bytes");
    }
}
