//! The compose file: the engine's own program reads it, and its two configuration files are run as they
//! stand but for the names of hosts, which only the engine's network knows.

use std::collections::BTreeMap;
use std::process::Command;

use clients::balancer::Balancer;
use clients::command::{self, ok};
use clients::daemon::Daemon;
use clients::fixture::noise;
use clients::http::{Client, digest};
use clients::postgres::Postgres;
use clients::registry::{Program, binary, free_port, repository, without_settings};
use clients::s3;
use clients::versitygw::VersityGateway;
use serde_json::Value;

use crate::chart::shown;

/// Variable → value, as the example of an environment file names them; what it leaves open is filled in.
fn environment() -> BTreeMap<String, String> {
    let file = repository().join("deploy/compose/env.example");
    let text = std::fs::read_to_string(file).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| {
            let (name, value) = line.split_once('=').unwrap();
            let value = if value.is_empty() { format!("random-{name}") } else { value.to_owned() };
            (name.to_owned(), value)
        })
        .collect()
}

fn compose() -> Command {
    let mut compose = command::command("docker-compose");
    compose.current_dir(repository()).env_clear();
    compose.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    compose.args(["--file", "deploy/compose.yml", "config", "--format", "json"]);
    compose
}

fn understood() -> Value {
    serde_json::from_str(&ok(compose().envs(environment()))).unwrap()
}

fn file(name: &str) -> String {
    std::fs::read_to_string(repository().join("deploy/compose").join(name)).unwrap()
}

#[test]
#[ignore = "needs docker compose: cargo xtask test"]
fn the_compose_file_names_nothing_that_is_not_there() {
    let file = understood();
    let services = file["services"].as_object().unwrap();
    for (name, service) in services {
        for volume in service["volumes"].as_array().into_iter().flatten() {
            let source = volume["source"].as_str().unwrap();
            let there = match volume["type"].as_str() {
                Some("bind") => std::path::Path::new(source).is_file(),
                _ => file["volumes"].get(source).is_some(),
            };
            assert!(there, "{name} mounts {source}");
        }
    }
    let balancer = self::file("nginx.conf");
    for replica in ["berth-1", "berth-2"] {
        assert_eq!(services[replica]["image"], "berth:latest");
        assert!(balancer.contains(&format!("server {replica}:5000 ")));
    }
    let settings = self::file("berth.yml");
    assert!(services.contains_key("store") && settings.contains("http://store:7070"));
    assert!(services.contains_key("database") && settings.contains("@database/"));
    let network = file["networks"]["default"]["ipam"]["config"][0]["subnet"].as_str().unwrap();
    assert!(settings.contains(&format!("trusted_proxies: [{network}]")), "{network}");
}

#[test]
#[ignore = "needs docker compose: cargo xtask test"]
fn the_compose_file_is_refused_while_a_secret_is_missing() {
    for missing in environment().keys() {
        let mut environment = environment();
        environment.remove(missing);
        let said = command::refused(compose().envs(environment));
        assert!(said.contains(&format!("{missing} is missing a value")), "{said}");
    }
}

/// A replica as the compose file starts it, on a port of this machine.
fn replica(folder: &std::path::Path, settings: &str, service: &Value) -> (Daemon, String) {
    let host = format!("127.0.0.1:{}", free_port());
    let path = folder.join(format!("{}.yml", host.replace(':', "-")));
    let settings = settings.replace("addr: :5000", &format!("addr: {host}"));
    shown(&path, &settings);
    let mut berth = Command::new(binary(Program::Berth));
    without_settings(&mut berth);
    for (name, value) in service["environment"].as_object().unwrap() {
        berth.env(name, value.as_str().unwrap());
    }
    berth.arg("serve").arg(&path);
    let daemon = Daemon::start(&berth, &path.with_extension("log"), "KILL");
    let ready = format!("http://{host}/readyz");
    daemon.wait_until(&ready, || ureq::get(&ready).call().is_ok());
    (daemon, host)
}

#[test]
#[ignore = "needs servers: cargo xtask test"]
fn the_configuration_of_the_compose_file_serves_pushes_and_pulls() {
    let (store, database, folder) =
        (VersityGateway::start(), Postgres::start(), tempfile::tempdir().unwrap());
    let mut environment = environment();
    environment.insert("S3_ACCESS_KEY".to_owned(), s3::ACCESS_KEY.to_owned());
    environment.insert("S3_SECRET_KEY".to_owned(), s3::SECRET_KEY.to_owned());
    let understood: Value = serde_json::from_str(&ok(compose().envs(environment))).unwrap();
    let settings = file("berth.yml")
        .replace("store:7070", store.host())
        .replace("region: us-east-1", &format!("region: {}", s3::REGION))
        .replace("berth@database/berth", &format!("postgres@{}/postgres", database.host()))
        .replace("172.30.57.0/24", "127.0.0.0/8");
    let services = &understood["services"];
    let (_one, first) = replica(folder.path(), &settings, &services["berth-1"]);
    let (_two, second) = replica(folder.path(), &settings, &services["berth-2"]);
    let host = format!("127.0.0.1:{}", free_port());
    let balancer = file("nginx.conf")
        .replace("berth-1:5000", &first)
        .replace("berth-2:5000", &second)
        .replace("listen 5000", &format!("listen {host}"));
    // As a process of root on a machine that may run another one.
    let balancer = format!("user root;\ndaemon off;\npid nginx.pid;\n{balancer}");
    let balancer = Balancer::of(&balancer, host);
    let client = Client::new(&balancer.url());
    for length in [3_000, 300_000, 30 << 20] {
        let bytes = noise(length as u64, length);
        assert_eq!(client.push_blob("team/app", &bytes).unwrap().status, 201, "{length}");
        let read = client.get(&format!("/v2/team/app/blobs/{}", digest(&bytes)));
        assert_eq!(digest(&read.body), digest(&bytes));
    }
}
