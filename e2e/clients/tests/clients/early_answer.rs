//! A refusal must reach the client that is still sending: Go's client streams 200 MiB and has to learn
//! why nobody wants them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use clients::command::{self, ok};
use clients::disk::Disk;
use clients::registry::{Program, Registry, Settings};

/// Builds the Go client once for all tests.
fn early() -> &'static PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let binary = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("early");
        let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("go/early");
        let mut go = command::command("go");
        go.current_dir(source).env("CGO_ENABLED", "0").args(["build", "-buildvcs=false", "-o"]);
        ok(go.arg(&binary).arg("."));
        binary
    })
}

/// Every attempt of the client at `path` must be told `expected`.
fn every_attempt_is_told(expected: &str, registry: &Registry, path: &str, options: &[&str]) {
    let mut early: Command = command::command(early().to_str().unwrap());
    let told = ok(early.args(options).arg(registry.url() + path));
    let wrong: Vec<_> = told.lines().filter(|line| !line.starts_with(expected)).collect();
    assert!(!told.is_empty() && wrong.is_empty(), "{wrong:#?}\n{}", registry.log());
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn a_go_client_in_the_middle_of_a_body_learns_that_it_must_log_in() {
    let registry = Settings::of(Program::Berth).with_password().start();
    let path = "/v2/early/blobs/uploads/";
    every_attempt_is_told("401 UNAUTHORIZED", &registry, path, &["-times=40", "-method=POST"]);
}

/// Asks with a wrong password until the registry says that too many are being looked at; the connections
/// whose passwords wait for their turn.
fn crowd(registry: &Registry) -> Vec<TcpStream> {
    // Many more than may wait; each is refused only after all before it have a place.
    let mut crowd = Vec::new();
    for _ in 0..1000 {
        let mut stream = TcpStream::connect(registry.host()).unwrap();
        let head = "GET /v2/ HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YWRhOng=\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        crowd.push(stream);
        // One that waits is not answered, so only the newest of a full house can be.
        let newest = crowd.last_mut().unwrap();
        newest.set_read_timeout(Some(std::time::Duration::from_millis(5))).unwrap();
        let mut told = [0; 12];
        if newest.read_exact(&mut told).is_ok() {
            assert_eq!(&told, b"HTTP/1.1 429");
            return crowd;
        }
    }
    panic!("1000 passwords wait and nobody was told to come back\n{}", registry.log());
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn a_go_client_in_the_middle_of_a_body_learns_that_too_many_log_in() {
    // A directory that takes connections and says nothing keeps whoever asks it waiting for ten seconds.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let auth = format!(
        "auth:\n  berth:\n    throttle: {{free: 1000}}\n    sources:\n      - name: far\n        \
         type: ldap\n        urls: ['ldap://{}']\n        user_base: dc=far\n",
        silent.local_addr().unwrap()
    );
    let mut registry = Settings::of(Program::Berth).with_section(&auth).start();
    let _crowd = crowd(&registry);
    let login = "-header=Authorization: Basic YWRhOnk=";
    let path = "/v2/early/blobs/uploads/";
    let options = ["-times=20", "-method=POST", login];
    every_attempt_is_told("429 TOOMANYREQUESTS", &registry, path, &options);
    registry.kill();
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn a_go_client_in_the_middle_of_a_body_learns_that_its_manifest_is_too_large() {
    let registry = Settings::of(Program::Berth).start();
    every_attempt_is_told("413 ", &registry, "/v2/early/manifests/1", &["-method=PUT"]);
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn a_go_client_in_the_middle_of_a_body_learns_that_its_chunk_is_out_of_order() {
    let registry = Settings::of(Program::Berth).start();
    let chunk = format!("-header=Content-Range: 1000-{}", 1_000 + (200 << 20) - 1);
    every_attempt_is_told("416 ", &registry, "/v2/early/blobs/uploads/", &["-begin", &chunk]);
}

#[test]
#[ignore = "needs real clients: cargo xtask test"]
fn a_go_client_in_the_middle_of_a_body_learns_that_the_disk_is_full_and_pulls_go_on() {
    let disk = Disk::new("96M");
    let mut registry = Settings::of(Program::Berth).at(&disk.path().join("registry")).start();
    let client = clients::http::Client::new(&registry.url());
    let kept = clients::fixture::noise(5, 100_000);
    assert_eq!(client.push_blob("early", &kept).unwrap().status, 201);
    let path = "/v2/early/blobs/uploads/";
    every_attempt_is_told("507 ", &registry, path, &["-begin", "-times=40"]);
    let read = client.get(&format!("/v2/early/blobs/{}", clients::http::digest(&kept)));
    assert_eq!(read.body, kept);
    // The refused bytes are given back without a restart.
    let after = clients::fixture::noise(6, 5_000_000);
    assert_eq!(client.push_blob("early", &after).unwrap().status, 201);
    registry.stop();
}
