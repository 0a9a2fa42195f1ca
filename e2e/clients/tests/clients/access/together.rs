//! Accounts behind a proxy that nobody declared, and on several replicas.

use std::time::{Duration, Instant};

use clients::accounts::{Accounts, PASSWORD, basic};
use clients::balancer::{Balancer, Retry};
use clients::cluster::Cluster;
use clients::command::{command, ok, refused, run};
use clients::http::Client;
use clients::registry::Registry;

use super::{house, is_about_rights};
use crate::podman::Podman;

/// How long something that was taken away may still work: the promise is 60 s.
const PROMISED: Duration = Duration::from_secs(60);

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn clients_behind_an_undeclared_proxy_sign_in_with_basic() {
    let (house, podman) = (house(), Podman::new());
    let proxy = Balancer::before([house.registry.host()], Retry::Never);
    let asked = Client::new(&proxy.url()).get("/v2/");
    assert_eq!(asked.status, 401);
    let challenge = asked.header("WWW-Authenticate");
    assert!(challenge.starts_with("Basic "), "no address that the proxy made up: {challenge}");
    let image = |name: &str| format!("{}/{name}", proxy.host());
    let (own, other) = (image("team/basic:1"), image("other/basic:1"));
    podman.build(&own);
    podman.run(&["tag", &own, &other]);
    let push = |image: &str| podman.command(&["push", "--tls-verify=false", image]);
    is_about_rights(&refused(&mut push(&own)));
    let login = ["login", "--tls-verify=false", "-u", "alice", "-p", PASSWORD, proxy.host()];
    ok(&mut podman.command(&login));
    ok(&mut push(&own));
    is_about_rights(&refused(&mut push(&other)));
    let home = tempfile::tempdir().unwrap();
    let crane = |arguments: &[&str]| {
        let mut crane = command("crane");
        crane.env("DOCKER_CONFIG", home.path()).args(arguments).arg("--insecure");
        crane
    };
    ok(&mut crane(&["auth", "login", "-u", "alice", "-p", PASSWORD, proxy.host()]));
    ok(&mut crane(&["copy", &own, &image("team/basic:2")]));
    is_about_rights(&refused(&mut crane(&["copy", &own, &other])));
    is_about_rights(&refused(&mut crane(&["delete", &own])));
}

/// A token of the token endpoint of `registry`.
fn token(registry: &Registry, user: &str, scope: &str) -> String {
    let url = format!("{}/auth/token?scope={scope}", registry.url());
    let header = format!("Authorization: {}", basic(user, PASSWORD));
    let said = run("curl", &["--silent", "--show-error", "--header", &header, &url]);
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    said["token"].as_str().unwrap_or_else(|| panic!("{said}")).to_owned()
}

fn begins_upload(registry: &Registry, token: &str) -> u16 {
    let header = format!("Bearer {token}");
    let client = Client::new(&registry.url());
    let uploads = "/v2/team/app/blobs/uploads/";
    client.send("POST", uploads, &[("Authorization", &header)], &[]).unwrap().status
}

/// Asks until the token is refused; how long that took.
fn refused_after(registry: &Registry, token: &str) -> Duration {
    let begun = Instant::now();
    while begins_upload(registry, token) != 401 {
        assert!(begun.elapsed() < PROMISED, "a revoked token goes on working");
        std::thread::sleep(Duration::from_millis(100));
    }
    begun.elapsed()
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn a_token_of_one_replica_works_at_the_other_until_it_is_taken_away_from_both() {
    let mut cluster = Cluster::with(2, Retry::Never, "auth:\n  berth: {}\n");
    let second = cluster.replicas.pop().unwrap();
    let first = Accounts::of(cluster.replicas.pop().unwrap());
    for user in ["alice", "bob"] {
        first.user(user);
        first.grant(&format!("user:{user}"), "developer", "team/**");
    }
    let scope = "repository:team/app:pull,push";
    let alice = token(&first.registry, "alice", scope);
    let bob = token(&second, "bob", scope);
    for registry in [&first.registry, &second] {
        assert_eq!(begins_upload(registry, &alice), 202, "signed by the first");
        assert_eq!(begins_upload(registry, &bob), 202, "signed by the second");
    }
    first.operator(&["user", "disable", "alice"]);
    first.operator(&["revoke", "user:bob", "developer", "team/**"]);
    for registry in [&first.registry, &second] {
        let (alice, bob) = (refused_after(registry, &alice), refused_after(registry, &bob));
        println!("{}: refused after {alice:.1?} and {bob:.1?}", registry.host());
    }
}
