//! docker with accounts: the token flow, its credential store, and what people read when refused.

use std::os::unix::fs::PermissionsExt;

use clients::accounts::PASSWORD;
use clients::command;
use clients::engine::Docker;
use clients::fixture;

use super::{house, is_about_rights};
use crate::docker::build;

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn docker_does_what_its_user_may_and_reads_why_not() {
    let (house, docker) = (house(), Docker::shared());
    let registry = &house.registry;
    let (own, other) = (registry.image("team/new:1"), registry.image("other/new:1"));
    build(&docker, &own);
    docker.run(&["tag", &own, &other]);
    is_about_rights(&docker.refused(&["push", &own]));
    let login = |password| {
        docker.command().args(["login", "-u", "alice", "-p", password, registry.host()]).output()
    };
    assert!(!login("wrong").unwrap().status.success());
    assert!(login(PASSWORD).unwrap().status.success());
    docker.run(&["push", &own]);
    let said = docker.refused(&["push", &other]);
    is_about_rights(&said);
    docker.run(&["rmi", &own]);
    docker.run(&["pull", &own]);
    docker.run(&["logout", registry.host()]);
    docker.run(&["rmi", &own]);
    is_about_rights(&docker.refused(&["pull", &own]));
    docker.run(&["rmi", &other]);
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn docker_pulls_what_is_public_without_a_login_and_nothing_else() {
    let (house, docker) = (house(), Docker::shared());
    let host = house.registry.host();
    let [public, private, absent] = ["open/greeting:1", "secret/greeting:1", "secret/absent:1"]
        .map(|name| house.registry.image(name));
    build(&docker, &public);
    docker.run(&["tag", &public, &private]);
    docker.run(&["login", "-u", "root", "-p", PASSWORD, host]);
    docker.run(&["push", &public]);
    docker.run(&["push", &private]);
    docker.run(&["logout", host]);
    docker.run(&["rmi", &public, &private]);
    docker.run(&["pull", &public]);
    assert_eq!(docker.run(&["run", "--rm", &public]), fixture::GREETING);
    // The layers are here now, and still nobody learns of the private image that has them too.
    let [forbidden, missing] = [&private, &absent].map(|image| docker.refused(&["pull", image]));
    is_about_rights(&forbidden);
    let nameless = |said: &str| said.replace("secret/greeting", "X").replace("secret/absent", "X");
    assert_eq!(nameless(&forbidden), nameless(&missing), "absent and forbidden look alike");
    is_about_rights(&docker.refused(&["push", &public]));
    docker.run(&["rmi", &public]);
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn docker_keeps_an_identity_token_in_its_credential_store_and_no_password() {
    let (house, docker) = (house(), Docker::shared());
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("docker-credential-folder");
    let kept = folder.path().join("kept");
    let script = format!(
        "#!/bin/sh\ncase $1 in store) cat > {0};; get) cat {0};; erase) rm -f {0};; list) echo '{{}}';; esac\n",
        kept.display()
    );
    std::fs::write(&store, script).unwrap();
    std::fs::set_permissions(&store, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(docker.config().join("config.json"), "{\"credsStore\":\"folder\"}").unwrap();
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let run = |arguments: &[&str]| command::ok(docker.command().env("PATH", &path).args(arguments));
    let host = house.registry.host();
    run(&["login", "-u", "alice", "-p", PASSWORD, host]);
    let secret = std::fs::read_to_string(&kept).unwrap();
    assert!(
        secret.contains("token") && secret.contains("bref_") && !secret.contains(PASSWORD),
        "{secret}"
    );
    let image = house.registry.image("team/by-token:1");
    build(&docker, &image);
    run(&["push", &image]);
    house.operator(&["user", "disable", "alice"]);
    is_about_rights(&command::refused(docker.command().env("PATH", &path).args(["push", &image])));
    docker.run(&["rmi", &image]);
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn docker_signs_in_as_a_robot_and_with_a_personal_token() {
    let (house, docker) = (house(), Docker::shared());
    let secret = house.robot("ci");
    house.grant("robot:ci", "push", "team/ci/**");
    let host = house.registry.host();
    let image = house.registry.image("team/ci/app:1");
    build(&docker, &image);
    docker.run(&["login", "-u", "robot$ci", "-p", &secret, host]);
    docker.run(&["push", &image]);
    docker.run(&["rmi", &image]);
    // A robot that may push new tags may not move one.
    let context = tempfile::tempdir().unwrap();
    std::fs::write(context.path().join("x"), "another").unwrap();
    std::fs::write(context.path().join("Dockerfile"), "FROM scratch\nCOPY x /x\n").unwrap();
    docker.build(&image, context.path());
    is_about_rights(&docker.refused(&["push", &image]));
    let token = house.token("alice", "pull:team/**");
    docker.run(&["login", "-u", "AWS", "-p", &token, host]);
    is_about_rights(&docker.refused(&["push", &house.registry.image("team/ci/app:1")]));
    docker.run(&["rmi", &image]);
    docker.run(&["pull", &image]);
    docker.run(&["rmi", &image]);
}
