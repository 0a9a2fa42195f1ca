//! helm: charts as artifacts.

use std::process::Command;

use clients::command::{self, ok};
use clients::registry::{PASSWORD, Settings, USER};
use tempfile::TempDir;

pub(crate) fn helm(home: &TempDir, arguments: &[&str]) -> Command {
    let mut helm = command::command("helm");
    helm.current_dir(home).env("HOME", home.path()).args(arguments);
    for name in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
        helm.env(name, home.path().join(name));
    }
    helm
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn helm_logs_in_pushes_pulls_and_renders_a_chart() {
    let registry = Settings::default().with_password().start();
    let home = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| ok(&mut helm(&home, arguments));
    run(&["create", "boat"]);
    run(&["package", "boat"]);
    let place = format!("oci://{}", registry.image("charts"));
    command::refused(&mut helm(&home, &["push", "--plain-http", "boat-0.1.0.tgz", &place]));
    let login = ["registry", "login", "--plain-http", "--username", USER, "--password", PASSWORD];
    run(&[&login[..], &[registry.host()]].concat());
    run(&["push", "--plain-http", "boat-0.1.0.tgz", &place]);
    let sent = std::fs::read(home.path().join("boat-0.1.0.tgz")).unwrap();
    std::fs::remove_file(home.path().join("boat-0.1.0.tgz")).unwrap();
    let chart = format!("{place}/boat");
    run(&["pull", "--plain-http", &chart, "--version", "0.1.0"]);
    assert_eq!(std::fs::read(home.path().join("boat-0.1.0.tgz")).unwrap(), sent);
    let shown = run(&["show", "chart", "--plain-http", &chart, "--version", "0.1.0"]);
    assert!(shown.contains("name: boat"), "{shown}");
    let rendered = run(&["template", "x", "--plain-http", &chart, "--version", "0.1.0"]);
    assert!(rendered.contains("kind: Deployment"), "{rendered}");
}
