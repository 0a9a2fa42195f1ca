//! containerd and its `ctr`, which resolves, pulls and pushes in ways of its own.

use std::process::Command;

use clients::command::{self, ok};
use clients::daemon::Daemon;
use clients::fixture;
use clients::http::Client;
use clients::registry::{PASSWORD, Registry, Settings, USER};
use tempfile::TempDir;

pub(crate) struct Containerd {
    _daemon: Daemon,
    folder: TempDir,
}

impl Containerd {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        // Kubernetes' interface would listen on the network and wants tools that are not here.
        let config = "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n";
        std::fs::write(at("config.toml"), config).unwrap();
        let mut containerd = Command::new("containerd");
        containerd.arg("--config").arg(at("config.toml"));
        containerd.arg("--address").arg(at("socket"));
        containerd.arg("--root").arg(at("root")).arg("--state").arg(at("state"));
        let daemon = Daemon::start(&containerd, &at("log"), "TERM");
        let socket = at("socket");
        daemon.wait_until("containerd", || {
            let version = Command::new("ctr").arg("--address").arg(&socket).arg("version").output();
            version.is_ok_and(|version| version.status.success())
        });
        Self { _daemon: daemon, folder }
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        ok(&mut self.command(arguments))
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut ctr = command::command("ctr");
        ctr.arg("--address").arg(self.folder.path().join("socket")).args(arguments);
        ctr
    }
}

/// Pushes an image of three layers and answers the digest of its manifest.
fn pushed(client: &Client, repository: &str) -> String {
    let image = fixture::image(11, 3, 70_000);
    for blob in &image.blobs {
        assert_eq!(client.push_blob(repository, blob).unwrap().status, 201);
    }
    let answer = client.push_manifest(repository, "1", &image.manifest).unwrap();
    assert_eq!(answer.status, 201);
    clients::http::digest(&image.manifest)
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn ctr_fetches_an_image_and_pushes_it_elsewhere() {
    let (registry, containerd) = (Registry::start(), Containerd::start());
    let client = Client::new(&registry.url());
    let digest = pushed(&client, "team/ctr");
    let (here, there) = (registry.image("team/ctr:1"), registry.image("copied:2"));
    containerd.run(&["content", "fetch", "--plain-http", &here]);
    containerd.run(&["images", "tag", &here, &there]);
    containerd.run(&["images", "push", "--plain-http", &there]);
    assert_eq!(client.get("/v2/copied/manifests/2").header("Docker-Content-Digest"), digest);
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn ctr_pulls_with_a_user_and_not_without() {
    let (registry, containerd) = (Settings::default().with_password().start(), Containerd::start());
    let image = registry.image("private/ctr:1");
    command::refused(&mut containerd.command(&["content", "fetch", "--plain-http", &image]));
    let from = tempfile::tempdir().unwrap();
    fixture::context(from.path());
    let user = format!("{USER}:{PASSWORD}");
    let storage = tempfile::tempdir().unwrap();
    let place = storage.path().to_str().unwrap();
    let buildah = ["--storage-driver", "vfs", "--root", place, "--runroot", place];
    let folder = from.path().to_str().unwrap();
    let build = ["build", "--isolation", "chroot", "--tag", &image, folder];
    command::run("buildah", &[&buildah[..], &build].concat());
    let push = ["push", "--tls-verify=false", "--creds", &user, &image];
    command::run("buildah", &[&buildah[..], &push].concat());
    containerd.run(&["images", "pull", "--plain-http", "--user", &user, &image]);
}
