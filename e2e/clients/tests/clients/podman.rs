//! podman, with storage of its own in a temporary folder.

use std::process::Command;

use clients::command::{self, ok, refused};
use clients::fixture;
use clients::registry::{PASSWORD, Registry, Settings, USER};
use tempfile::TempDir;

/// A podman that keeps nothing outside of its folder.
pub(crate) struct Podman(TempDir);

impl Podman {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // It refuses to start where the login file that it is told of does not exist.
        std::fs::write(folder.path().join("auth.json"), "{}").unwrap();
        Self(folder)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let at = |name: &str| self.0.path().join(name);
        let mut podman = command::command("podman");
        podman.env("REGISTRY_AUTH_FILE", at("auth.json"));
        podman.args(["--storage-driver", "vfs", "--cgroup-manager", "cgroupfs"]);
        podman.arg("--root").arg(at("root")).arg("--runroot").arg(at("runroot"));
        podman.arg("--tmpdir").arg(at("tmp")).args(arguments);
        podman
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        ok(&mut self.command(arguments))
    }

    pub(crate) fn build(&self, name: &str) {
        let context = tempfile::tempdir().unwrap();
        fixture::context(context.path());
        self.run(&["build", "--tag", name, context.path().to_str().unwrap()]);
    }
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn podman_builds_pushes_removes_pulls_and_runs_an_image() {
    let (registry, podman) = (Registry::start(), Podman::new());
    let image = registry.image("team/podman:1");
    podman.build(&image);
    podman.run(&["push", "--tls-verify=false", &image]);
    podman.run(&["rmi", &image]);
    podman.run(&["pull", "--tls-verify=false", &image]);
    let said = podman.run(&["run", "--rm", "--network=none", &image]);
    assert_eq!(said, fixture::GREETING);
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn podman_pushes_in_both_manifest_formats() {
    let (registry, podman) = (Registry::start(), Podman::new());
    podman.build("localhost/formats");
    for (format, media_type) in [
        ("oci", "application/vnd.oci.image.manifest.v1+json"),
        ("v2s2", "application/vnd.docker.distribution.manifest.v2+json"),
    ] {
        let image = registry.image(&format!("formats:{format}"));
        let push = ["push", "--tls-verify=false", "--format", format, "localhost/formats", &image];
        podman.run(&push);
        let client = clients::http::Client::new(&registry.url());
        let path = format!("/v2/formats/manifests/{format}");
        let answer = client.send("GET", &path, &[("Accept", media_type)], &[]).unwrap();
        assert_eq!(answer.header("Content-Type"), media_type);
    }
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn podman_logs_in_with_the_right_password_alone() {
    let (registry, podman) = (Settings::default().with_password().start(), Podman::new());
    let image = registry.image("private/podman:1");
    podman.build(&image);
    refused(&mut podman.command(&["push", "--tls-verify=false", &image]));
    let login = |password: &str| {
        let user = ["login", "--tls-verify=false", "--username", USER, "--password", password];
        podman.command(&[&user[..], &[registry.host()]].concat())
    };
    refused(&mut login("wrong"));
    ok(&mut login(PASSWORD));
    podman.run(&["push", "--tls-verify=false", &image]);
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn podman_searches_by_the_catalog() {
    let (registry, podman) = (Registry::start(), Podman::new());
    let image = registry.image("team/searched:1");
    podman.build(&image);
    podman.run(&["push", "--tls-verify=false", &image]);
    let found = podman.run(&["search", "--tls-verify=false", &registry.image("searched")]);
    assert!(found.contains(&registry.image("team/searched")), "{found}");
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn a_manifest_list_of_podman_goes_there_with_its_images() {
    let (registry, podman) = (Registry::start(), Podman::new());
    podman.build("localhost/listed");
    podman.run(&["manifest", "create", "localhost/both"]);
    podman.run(&["manifest", "add", "localhost/both", "containers-storage:localhost/listed"]);
    let to = format!("docker://{}", registry.image("listed:both"));
    podman.run(&["manifest", "push", "--all", "--tls-verify=false", "localhost/both", &to]);
    let image = registry.image("listed:both");
    podman.run(&["pull", "--tls-verify=false", &image]);
    assert!(podman.run(&["images"]).contains("listed"));
}
