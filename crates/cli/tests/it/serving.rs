//! How a server begins, shares a directory and ends.

use crate::process::{Server, berth, folder};

#[test]
fn sigterm_ends_a_server_with_success() {
    let folder = folder("");
    let mut server = Server::start(folder.path());
    assert_eq!(server.ask("GET /v2/", b"").0, 200);
    server.signal("TERM");
    assert!(server.ended().success());
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
