//! BuildKit by itself and through buildx: indexes, caches, attestations, zstd.

use std::path::Path;
use std::process::Command;

use clients::command::{self, ok};
use clients::daemon::Daemon;
use clients::engine::Docker;
use clients::fixture;
use clients::http::Client;
use clients::registry::Registry;
use tempfile::TempDir;

struct Buildkit {
    _daemon: Daemon,
    folder: TempDir,
}

impl Buildkit {
    fn start(registry: &Registry) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let config = format!("[registry.\"{}\"]\n  http = true\n", registry.host());
        std::fs::write(at("buildkitd.toml"), config).unwrap();
        fixture::context(folder.path());
        let mut buildkitd = Command::new("buildkitd");
        buildkitd.arg("--config").arg(at("buildkitd.toml")).arg("--root").arg(at("root"));
        buildkitd.args(["--addr", &address(&at("socket")), "--oci-worker-net=host"]);
        buildkitd.args(["--oci-worker-snapshotter=native", "--containerd-worker=false"]);
        let daemon = Daemon::start(&buildkitd, &at("log"), "TERM");
        let probe = address(&at("socket"));
        daemon.wait_until("buildkitd", || {
            let workers =
                Command::new("buildctl").args(["--addr", &probe, "debug", "workers"]).output();
            workers.is_ok_and(|workers| workers.status.success())
        });
        Self { _daemon: daemon, folder }
    }

    /// Builds the greeting context with these options of `buildctl build` and answers its log.
    fn build(&self, options: &[&str]) -> String {
        let folder = self.folder.path().to_str().unwrap();
        let (context, lines) = (format!("context={folder}"), format!("dockerfile={folder}"));
        let mut buildctl = command::command("buildctl");
        buildctl.args(["--addr", &self.address(), "build", "--progress=plain"]);
        buildctl.args(["--frontend", "dockerfile.v0", "--local", &context, "--local", &lines]);
        // The log goes to standard error; `--progress=rawjson` and the like would be a format of its own.
        let mut both = command::command("sh");
        both.args(["-c", "\"$@\" 2>&1", "sh"]).arg(buildctl.get_program());
        ok(both.args(buildctl.get_args()).args(options))
    }

    fn forget(&self) {
        let mut prune = command::command("buildctl");
        ok(prune.args(["--addr", &self.address(), "prune", "--all"]));
    }

    fn address(&self) -> String {
        address(&self.folder.path().join("socket"))
    }
}

fn address(socket: &Path) -> String {
    format!("unix://{}", socket.display())
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn buildkit_pushes_an_index_for_two_platforms() {
    let registry = Registry::start();
    let buildkit = Buildkit::start(&registry);
    let output = format!("type=image,name={},push=true", registry.image("platforms:1"));
    buildkit.build(&["--opt", "platform=linux/amd64,linux/arm64", "--output", &output]);
    let index = Client::new(&registry.url()).get("/v2/platforms/manifests/1").json();
    let platforms: Vec<_> = index["manifests"].as_array().unwrap().iter().collect();
    let named = |arch: &str| platforms.iter().any(|one| one["platform"]["architecture"] == arch);
    assert!(named("amd64") && named("arm64"), "{index}");
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn buildkit_exports_and_imports_a_cache_in_both_media_types() {
    let registry = Registry::start();
    let buildkit = Buildkit::start(&registry);
    let lines =
        "FROM scratch\nCOPY busybox /bin/busybox\nRUN [\"/bin/busybox\", \"touch\", \"/made\"]\n";
    std::fs::write(buildkit.folder.path().join("Dockerfile"), lines).unwrap();
    for (name, options) in [
        ("manifest", "image-manifest=true,oci-mediatypes=true"),
        ("index", "image-manifest=false,oci-mediatypes=true"),
        ("docker", "image-manifest=false,oci-mediatypes=false"),
    ] {
        let place = format!("type=registry,ref={}", registry.image(&format!("cache:{name}")));
        buildkit.build(&["--export-cache", &format!("{place},mode=max,{options}")]);
        buildkit.forget();
        let imported = buildkit.build(&["--import-cache", &place]);
        assert!(imported.contains("CACHED"), "{name}: {imported}");
        buildkit.forget();
    }
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn buildkit_pushes_attestations_beside_an_image() {
    let registry = Registry::start();
    let buildkit = Buildkit::start(&registry);
    let output = format!("type=image,name={},push=true", registry.image("attested:1"));
    buildkit.build(&["--opt", "attest:provenance=mode=max", "--output", &output]);
    let index = Client::new(&registry.url()).get("/v2/attested/manifests/1").json();
    let kind = |one: &serde_json::Value| {
        one["annotations"]["vnd.docker.reference.type"] == "attestation-manifest"
    };
    assert!(index["manifests"].as_array().unwrap().iter().any(kind), "{index}");
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn buildkit_pushes_layers_compressed_with_zstd() {
    let registry = Registry::start();
    let buildkit = Buildkit::start(&registry);
    let name = registry.image("zstd:1");
    let how = "push=true,oci-mediatypes=true,compression=zstd,force-compression=true";
    buildkit.build(&["--output", &format!("type=image,name={name},{how}")]);
    let manifest = Client::new(&registry.url()).get("/v2/zstd/manifests/1").json();
    let layers = manifest["layers"].as_array().unwrap();
    let zstd = "application/vnd.oci.image.layer.v1.tar+zstd";
    assert!(layers.iter().all(|layer| layer["mediaType"] == zstd), "{manifest}");
}

/// buildx as a program of its own, with a builder that is the running buildkitd.
fn buildx(docker: &Docker, arguments: &[&str]) -> Command {
    let mut buildx = command::command("buildx");
    buildx.env("DOCKER_CONFIG", docker.config()).env("DOCKER_HOST", docker.address());
    buildx.args(arguments);
    buildx
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn buildx_builds_pushes_and_inspects_an_index() {
    let (registry, docker) = (Registry::start(), Docker::shared());
    let buildkit = Buildkit::start(&registry);
    let run = |arguments: &[&str]| ok(&mut buildx(&docker, arguments));
    run(&["create", "--name", "remote", "--driver", "remote", &buildkit.address()]);
    let image = registry.image("team/buildx:1");
    let folder = buildkit.folder.path().to_str().unwrap();
    let build = ["build", "--builder", "remote", "--platform", "linux/amd64,linux/arm64", "--push"];
    run(&[&build[..], &["--provenance=mode=max", "--tag", &image, folder]].concat());
    let inspect = ["imagetools", "inspect", "--builder", "remote"];
    let shown = run(&[&inspect[..], &[image.as_str()]].concat());
    assert!(shown.contains("linux/arm64") && shown.contains("attestation-manifest"), "{shown}");
    let copy = registry.image("team/buildx:2");
    run(&["imagetools", "create", "--builder", "remote", "--tag", &copy, &image]);
    let raw = |image: &str| run(&[&inspect[..], &["--raw", image]].concat());
    assert_eq!(raw(&copy), raw(&image));
    docker.run(&["pull", &image]);
    assert_eq!(docker.run(&["run", "--rm", &image]), fixture::GREETING);
    docker.run(&["rmi", &image]);
}
