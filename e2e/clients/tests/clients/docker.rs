//! The engine and its command line: what most people mean by "a registry works".

use clients::engine::Docker;
use clients::fixture;
use clients::registry::{PASSWORD, Registry, Settings, USER};

/// Builds the greeting image under this name.
pub(crate) fn build(docker: &Docker, name: &str) {
    let context = tempfile::tempdir().unwrap();
    fixture::context(context.path());
    docker.build(name, context.path());
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn docker_builds_pushes_removes_pulls_and_runs_an_image() {
    let (registry, docker) = (Registry::start(), Docker::shared());
    let image = registry.image("library/greeting:1.0");
    build(&docker, &image);
    docker.run(&["push", &image]);
    docker.run(&["rmi", &image]);
    docker.refused(&["inspect", &image]);
    docker.run(&["pull", &image]);
    assert_eq!(docker.run(&["run", "--rm", &image]), fixture::GREETING);
    docker.run(&["rmi", &image]);
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn docker_pulls_by_the_digest_that_the_push_printed() {
    let (registry, docker) = (Registry::start(), Docker::shared());
    let image = registry.image("by-digest:latest");
    build(&docker, &image);
    let printed = docker.run(&["push", &image]);
    let digest = printed.split_whitespace().find(|word| word.starts_with("sha256:")).unwrap();
    docker.run(&["rmi", &image]);
    let pinned = registry.image(&format!("by-digest@{digest}"));
    assert!(docker.run(&["pull", &pinned]).contains(digest));
    docker.run(&["rmi", &pinned]);
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn a_second_push_of_the_same_layers_mounts_or_finds_them() {
    let (registry, docker) = (Registry::start(), Docker::shared());
    let (first, second) = (registry.image("team/one:1"), registry.image("team/two:1"));
    build(&docker, &first);
    docker.run(&["push", &first]);
    let again = docker.run(&["push", &first]);
    assert!(again.contains("Layer already exists"), "{again}");
    docker.run(&["tag", &first, &second]);
    let other = docker.run(&["push", &second]);
    assert!(other.contains("Mounted from team/one"), "{other}");
    docker.run(&["rmi", &first, &second]);
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn docker_logs_in_with_the_right_password_alone() {
    let (registry, docker) = (Settings::default().with_password().start(), Docker::shared());
    let image = registry.image("private/greeting:1");
    build(&docker, &image);
    docker.refused(&["push", &image]);
    docker.refused(&["login", "--username", USER, "--password", "wrong", registry.host()]);
    docker.run(&["login", "--username", USER, "--password", PASSWORD, registry.host()]);
    docker.run(&["push", &image]);
    docker.run(&["rmi", &image]);
    docker.run(&["pull", &image]);
    docker.run(&["logout", registry.host()]);
    docker.run(&["rmi", &image]);
    docker.refused(&["pull", &image]);
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn a_manifest_list_of_docker_names_two_platforms() {
    let (registry, docker) = (Registry::start(), Docker::shared());
    let [amd, arm, both] =
        ["multi:amd64", "multi:arm64", "multi:1"].map(|name| registry.image(name));
    build(&docker, &amd);
    docker.run(&["push", &amd]);
    docker.run(&["tag", &amd, &arm]);
    docker.run(&["push", &arm]);
    docker.run(&["manifest", "create", "--insecure", &both, &amd, &arm]);
    docker.run(&["manifest", "annotate", "--os", "linux", "--arch", "arm64", &both, &arm]);
    docker.run(&["manifest", "push", "--insecure", &both]);
    let seen = docker.run(&["manifest", "inspect", "--insecure", &both]);
    assert!(seen.contains("manifest.list.v2+json"), "{seen}");
    docker.run(&["rmi", &amd, &arm]);
    docker.run(&["pull", &both]);
    assert_eq!(docker.run(&["run", "--rm", &both]), fixture::GREETING);
    docker.run(&["rmi", &both]);
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn an_image_with_120_layers_goes_there_and_back() {
    let (registry, docker) = (Registry::start(), Docker::shared());
    let image = registry.image("deep:1");
    let context = tempfile::tempdir().unwrap();
    fixture::context(context.path());
    let mut lines = "FROM scratch\nCOPY busybox /bin/busybox\n".to_owned();
    for layer in 1..120 {
        std::fs::write(context.path().join(format!("{layer}")), format!("layer {layer}")).unwrap();
        lines += &format!("COPY {layer} /layers/{layer}\n");
    }
    lines += "ENTRYPOINT [\"/bin/busybox\"]\n";
    std::fs::write(context.path().join("Dockerfile"), lines).unwrap();
    docker.build(&image, context.path());
    docker.run(&["push", &image]);
    docker.run(&["rmi", &image]);
    docker.run(&["pull", &image]);
    assert_eq!(docker.run(&["run", "--rm", &image, "cat", "/layers/119"]), "layer 119");
    docker.run(&["rmi", &image]);
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn two_pushes_of_one_image_at_once_both_succeed() {
    let (registry, docker) = (Registry::start(), Docker::shared());
    let (one, two) = (registry.image("twin:1"), registry.image("twin:2"));
    build(&docker, &one);
    docker.run(&["tag", &one, &two]);
    std::thread::scope(|scope| {
        scope.spawn(|| docker.run(&["push", &one]));
        scope.spawn(|| docker.run(&["push", &two]));
    });
    docker.run(&["rmi", &one, &two]);
    for image in [&one, &two] {
        docker.run(&["pull", image]);
        assert_eq!(docker.run(&["run", "--rm", image]), fixture::GREETING);
    }
    docker.run(&["rmi", &one, &two]);
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn a_layer_of_one_gibibyte_goes_there_and_back() {
    let (registry, docker) = (Registry::start(), Docker::shared());
    let image = registry.image("large:1");
    let context = tempfile::tempdir().unwrap();
    fixture::context(context.path());
    let data = context.path().join("data");
    let mut file = std::fs::File::create(&data).unwrap();
    for part in 0..16 {
        std::io::Write::write_all(&mut file, &fixture::noise(part, 64 << 20)).unwrap();
    }
    drop(file);
    let sum = clients::command::run("sha256sum", &["--", data.to_str().unwrap()]);
    docker.build(&image, context.path());
    docker.run(&["push", &image]);
    docker.run(&["rmi", &image]);
    docker.run(&["pull", &image]);
    let seen = docker.run(&["run", "--rm", &image, "sha256sum", "/data"]);
    assert_eq!(seen.split(' ').next(), sum.split(' ').next());
    docker.run(&["rmi", &image]);
}
