//! podman, buildah, skopeo and containerd with accounts.

use clients::accounts::PASSWORD;
use clients::command::{ok, refused, run};
use clients::fixture;

use super::{house, is_about_rights};
use crate::buildah::buildah;
use crate::containerd::Containerd;
use crate::podman::Podman;
use crate::skopeo::{image_in, place};

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn podman_does_what_its_user_may_and_reads_why_not() {
    let (house, podman) = (house(), Podman::new());
    let registry = &house.registry;
    let (own, other) = (registry.image("team/podman:1"), registry.image("other/podman:1"));
    podman.build(&own);
    podman.run(&["tag", &own, &other]);
    let push = |image: &str| podman.command(&["push", "--tls-verify=false", image]);
    is_about_rights(&refused(&mut push(&own)));
    let login = |password: &str| {
        let user = ["login", "--tls-verify=false", "-u", "alice", "-p", password];
        podman.command(&[&user[..], &[registry.host()]].concat())
    };
    refused(&mut login("wrong"));
    ok(&mut login(PASSWORD));
    ok(&mut push(&own));
    is_about_rights(&refused(&mut push(&other)));
    podman.run(&["rmi", &own]);
    podman.run(&["pull", "--tls-verify=false", &own]);
    podman.run(&["logout", registry.host()]);
    is_about_rights(&refused(&mut push(&own)));
    podman.run(&["rmi", &own]);
    is_about_rights(&refused(&mut podman.command(&["pull", "--tls-verify=false", &own])));
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn buildah_commits_where_its_user_may() {
    let (house, storage) = (house(), tempfile::tempdir().unwrap());
    let container = ok(&mut buildah(&storage, &["from", "scratch"]));
    let commit = |name: &str, user: &[&str]| {
        let to = format!("docker://{}", house.registry.image(name));
        let begin = ["commit", "--tls-verify=false"];
        buildah(&storage, &[&begin[..], user, &[container.as_str(), to.as_str()]].concat())
    };
    let user = format!("alice:{PASSWORD}");
    is_about_rights(&refused(&mut commit("team/buildah:1", &[])));
    ok(&mut commit("team/buildah:1", &["--creds", &user]));
    is_about_rights(&refused(&mut commit("other/buildah:1", &["--creds", &user])));
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn skopeo_reads_what_is_public_and_copies_where_its_user_may() {
    let (house, from) = (house(), tempfile::tempdir().unwrap());
    image_in(from.path(), 7);
    let remote = |name: &str| format!("docker://{}", house.registry.image(name));
    run("skopeo", &["inspect", "--tls-verify=false", &remote("open/app:1")]);
    let skopeo = |arguments: &[&str]| {
        let mut skopeo = clients::command::command("skopeo");
        skopeo.args(arguments);
        skopeo
    };
    let private = ["inspect", "--tls-verify=false", &remote("secret/app:1")];
    is_about_rights(&refused(&mut skopeo(&private)));
    let file = from.path().join("login.json").display().to_string();
    let host = house.registry.host();
    let login =
        ["login", "--authfile", &file, "--tls-verify=false", "-u", "alice", "-p", PASSWORD, host];
    ok(&mut skopeo(&login));
    let own = remote("team/app:1");
    let inspect = ["inspect", "--authfile", &file, "--tls-verify=false", &own];
    ok(&mut skopeo(&inspect));
    ok(&mut skopeo(&["logout", "--authfile", &file, host]));
    is_about_rights(&refused(&mut skopeo(&inspect)));
    std::fs::remove_file(&file).unwrap();
    let user = format!("alice:{PASSWORD}");
    let copy = ["copy", "--dest-tls-verify=false", "--dest-creds", &user, &place(from.path())];
    ok(&mut skopeo(&[&copy[..], &[&remote("team/skopeo:1")]].concat()));
    is_about_rights(&refused(&mut skopeo(&[&copy[..], &[&remote("other/skopeo:1")]].concat())));
    // A mount needs the source as well: what cannot be read is copied instead, or refused.
    let both = format!("--dest-creds={user}");
    let across = ["copy", "--src-tls-verify=false", "--dest-tls-verify=false", "--src-no-creds"];
    let to = remote("team/copied:1");
    ok(&mut skopeo(&[&across[..], &[&both, &remote("open/app:1"), &to]].concat()));
    let secret = remote("secret/app:1");
    let hidden = [&across[..], &[both.as_str(), &secret, &to]].concat();
    is_about_rights(&refused(&mut skopeo(&hidden)));
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn ctr_fetches_and_pushes_with_a_user_and_reads_what_is_public_without() {
    let (house, containerd) = (house(), Containerd::start());
    let image = |name: &str| house.registry.image(name);
    let fetch = ["content", "fetch", "--plain-http"];
    containerd.run(&[&fetch[..], &[&image("open/app:1")]].concat());
    is_about_rights(&refused(
        &mut containerd.command(&[&fetch[..], &[&image("team/app:1")]].concat()),
    ));
    let user = format!("alice:{PASSWORD}");
    containerd.run(&[&fetch[..], &["--user", &user, &image("team/app:1")]].concat());
    let push = |name: &str| {
        containerd.run(&["images", "tag", "--force", &image("team/app:1"), &image(name)]);
        containerd.command(&["images", "push", "--plain-http", "--user", &user, &image(name)])
    };
    ok(&mut push("team/by-ctr:1"));
    is_about_rights(&refused(&mut push("other/by-ctr:1")));
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn a_user_who_was_disabled_or_lost_the_grant_is_refused_at_once() {
    let (house, podman) = (house(), Podman::new());
    let image = house.registry.image("team/podman:1");
    let context = tempfile::tempdir().unwrap();
    fixture::context(context.path());
    podman.build(&image);
    let user = ["-u", "alice", "-p", PASSWORD, house.registry.host()];
    podman.run(&[&["login", "--tls-verify=false"][..], &user].concat());
    let push = ["push", "--tls-verify=false", &image];
    podman.run(&push);
    house.operator(&["revoke", "user:alice", "developer", "team/**"]);
    is_about_rights(&refused(&mut podman.command(&push)));
    house.grant("user:alice", "developer", "team/**");
    podman.run(&push);
    house.operator(&["user", "disable", "alice"]);
    is_about_rights(&refused(&mut podman.command(&push)));
}
