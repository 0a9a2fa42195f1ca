//! How a server begins, shares a directory and ends.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::process::{Server, berth, folder};

#[test]
fn sigterm_ends_a_server_with_success() {
    let folder = folder("");
    let mut server = Server::start(folder.path());
    assert_eq!(server.ask("GET /v2/", b"").0, 200);
    server.signal("TERM");
    assert!(server.ended().success());
}

/// Begins an upload whose body stops in the middle; returns once the server waits for the rest.
fn hang(server: &Server) -> TcpStream {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    let digest = format!("sha256:{}", "0".repeat(64));
    let head = format!(
        "POST /v2/slow/blobs/uploads/?digest={digest} HTTP/1.1\r\nHost: x\r\n\
         Expect: 100-continue\r\nContent-Length: 100\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut told = [0; 12];
    stream.read_exact(&mut told).unwrap();
    assert_eq!(&told, b"HTTP/1.1 100");
    stream
}

#[test]
fn a_second_sigterm_ends_a_server_at_once_that_still_waits_for_a_client() {
    // Without the second signal the server would wait this long, and then end with success.
    let folder = folder("  draintimeout: 60s\n");
    let mut server = Server::start(folder.path());
    let _slow = hang(&server);
    server.signal("TERM");
    server.wait_for("stopping");
    server.signal("TERM");
    server.wait_for("ended by a second signal");
    assert_eq!(server.ended().code(), Some(1));
}

#[test]
fn a_second_server_waits_for_the_first_and_says_why() {
    let folder = folder("");
    let mut first = Server::start(folder.path());
    let mut second = Server::launch(folder.path());
    second.wait_for("another server owns");
    assert_eq!(second.ask("GET /livez", b"").0, 200);
    let (status, text) = second.ask("GET /readyz", b"");
    assert_eq!(status, 503, "{text}");
    assert_eq!(second.ask("GET /v2/", b"").0, 503);
    first.signal("TERM");
    assert!(first.ended().success());
    second.wait_for("msg=ready");
    assert_eq!(second.ask("GET /v2/", b"").0, 200);
}

#[test]
fn an_unreadable_htpasswd_file_refuses_the_start_with_its_key() {
    let folder = folder("auth:\n  htpasswd:\n    realm: r\n    path: /\n");
    let ended = berth().arg("serve").arg(folder.path().join("config.yml")).output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(!ended.status.success());
    assert!(said.contains("auth.htpasswd.path"), "{said}");
}

#[test]
fn an_occupied_address_ends_the_start_also_in_the_log() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = folder("log:\n  formatter: json\n");
    let path = folder.path().join("config.yml");
    let text = std::fs::read_to_string(&path).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    std::fs::write(&path, text.replace("127.0.0.1:0", &address)).unwrap();
    let ended = berth().arg("serve").arg(&path).output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    let logged = said.lines().any(|line| line.starts_with('{') && line.contains("http.addr"));
    assert!(!ended.status.success() && logged, "{said}");
}

#[test]
fn strict_makes_an_unknown_key_an_error() {
    let folder = folder("lgo:\n  level: info\n");
    let ended = berth()
        .arg("serve")
        .arg(folder.path().join("config.yml"))
        .env("BERTH_STRICT", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(!ended.status.success() && said.contains("lgo"), "{said}");
}

/// Everything that a server logs until it is ready, listening at `address`.
fn said_at_start(address: &str, more: &str) -> String {
    let folder = folder(more);
    let path = folder.path().join("config.yml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("127.0.0.1:0", address)).unwrap();
    let mut serve = berth();
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    let mut child = serve.arg("serve").arg(&path).stderr(log).spawn().unwrap();
    let said = || std::fs::read_to_string(folder.path().join("log")).unwrap();
    while !said().contains("msg=ready") {
        assert!(child.try_wait().unwrap().is_none(), "{}", said());
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    said()
}

#[test]
fn an_open_address_is_warned_of_once() {
    let said = said_at_start("0.0.0.0:0", "");
    let lines: Vec<_> = said.lines().filter(|line| line.contains("may push and pull")).collect();
    assert!(matches!(lines.as_slice(), [line] if line.contains("http.addr")), "{said}");
}

#[test]
fn an_endpoint_that_will_hear_nothing_is_an_error_in_the_log() {
    let endpoints = "notifications:\n  endpoints:\n  - {name: ci, url: 'http://127.0.0.1:1/'}\n";
    let said = said_at_start("127.0.0.1:0", endpoints);
    let line = said.lines().find(|line| line.contains("NO EVENTS WILL BE SENT")).unwrap();
    assert!(line.contains("level=error"), "{line}");
}
