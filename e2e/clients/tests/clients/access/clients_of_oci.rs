//! crane, oras and helm with accounts.

use clients::accounts::PASSWORD;
use clients::command::{command, ok, refused};

use super::{house, is_about_rights};
use crate::helm::helm;
use crate::oras::oras;

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn crane_copies_lists_and_deletes_as_far_as_its_user_may() {
    let (house, home) = (house(), tempfile::tempdir().unwrap());
    let image = |name: &str| house.registry.image(name);
    let crane = |arguments: &[&str]| {
        let mut crane = command("crane");
        crane.env("DOCKER_CONFIG", home.path()).args(arguments).arg("--insecure");
        crane
    };
    assert_eq!(ok(&mut crane(&["ls", &image("open/app")])), "1");
    is_about_rights(&refused(&mut crane(&["ls", &image("team/app")])));
    let login = |user: &str| {
        let begin = ["auth", "login", "-u", user, "-p", PASSWORD];
        ok(&mut crane(&[&begin[..], &[house.registry.host()]].concat()))
    };
    login("alice");
    ok(&mut crane(&["copy", &image("team/app:1"), &image("team/crane:2")]));
    is_about_rights(&refused(&mut crane(&["copy", &image("team/app:1"), &image("other/crane:2")])));
    is_about_rights(&refused(&mut crane(&["copy", &image("secret/app:1"), &image("team/x:1")])));
    is_about_rights(&refused(&mut crane(&["delete", &image("team/crane:2")])));
    let seen = ok(&mut crane(&["catalog", house.registry.host()]));
    assert_eq!(seen, "open/app\nteam/app\nteam/crane", "the list shows what may be read");
    house.grant("user:alice", "maintainer", "team/crane");
    ok(&mut crane(&["delete", &image("team/crane:2")]));
    ok(&mut crane(&["auth", "logout", house.registry.host()]));
    is_about_rights(&refused(&mut crane(&["ls", &image("team/app")])));
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn oras_signs_in_with_a_personal_token_for_one_purpose() {
    let (house, folder) = (house(), tempfile::tempdir().unwrap());
    let token = house.token("alice", "pull:team/**");
    let login = ["login", "--plain-http", "-u", "alice", "-p", &token, house.registry.host()];
    ok(&mut oras(&folder, &login));
    ok(&mut oras(
        &folder,
        &["manifest", "fetch", "--plain-http", &house.registry.image("team/app:1")],
    ));
    std::fs::write(folder.path().join("note"), "hello").unwrap();
    let push = ["push", "--plain-http", &house.registry.image("team/note:1"), "note:text/plain"];
    is_about_rights(&refused(&mut oras(&folder, &push)));
    let login = ["login", "--plain-http", "-u", "alice", "-p", PASSWORD, house.registry.host()];
    ok(&mut oras(&folder, &login));
    ok(&mut oras(&folder, &push));
    ok(&mut oras(&folder, &["logout", house.registry.host()]));
    is_about_rights(&refused(&mut oras(&folder, &push)));
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn helm_signs_in_pushes_pulls_and_signs_out() {
    let (house, home) = (house(), tempfile::tempdir().unwrap());
    let run = |arguments: &[&str]| ok(&mut helm(&home, arguments));
    run(&["create", "boat"]);
    run(&["package", "boat"]);
    let place = |name: &str| format!("oci://{}", house.registry.image(name));
    let push = |name: &str| helm(&home, &["push", "--plain-http", "boat-0.1.0.tgz", &place(name)]);
    is_about_rights(&refused(&mut push("team/charts")));
    let login = ["registry", "login", "--plain-http", "-u", "alice", "-p", PASSWORD];
    run(&[&login[..], &[house.registry.host()]].concat());
    ok(&mut push("team/charts"));
    is_about_rights(&refused(&mut push("other/charts")));
    let chart = place("team/charts/boat");
    std::fs::remove_file(home.path().join("boat-0.1.0.tgz")).unwrap();
    run(&["pull", "--plain-http", &chart, "--version", "0.1.0"]);
    assert!(home.path().join("boat-0.1.0.tgz").is_file());
    run(&["registry", "logout", house.registry.host()]);
    is_about_rights(&refused(&mut helm(&home, &["show", "chart", "--plain-http", &chart])));
}
