//! Commands beside a server and without one.

use std::net::TcpListener;
use std::path::Path;

use crate::process::{Server, folder, run};

const CONFIG: &[u8] = b"{}";
const CONFIG_DIGEST: &str =
    "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

/// Pushes an image of nothing but a configuration.
fn push(server: &Server, tag: &str) {
    let upload = format!("POST /v2/team/app/blobs/uploads/?digest={CONFIG_DIGEST}");
    assert_eq!(server.ask(&upload, CONFIG).0, 201);
    let manifest = format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\
         \"config\":{{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\
         \"digest\":\"{CONFIG_DIGEST}\",\"size\":2}},\"layers\":[]}}"
    );
    let (status, text) =
        server.ask(&format!("PUT /v2/team/app/manifests/{tag}"), manifest.as_bytes());
    assert_eq!(status, 201, "{text}");
}

#[test]
fn work_is_handed_to_a_running_server() {
    let folder = folder("");
    let config = folder.path().join("config.yml");
    let config = config.to_str().unwrap();
    let mut server = Server::start(folder.path());
    push(&server, "v1");
    for command in ["garbage-collect", "export", "import"] {
        let done = run(&[command, config]);
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{command}: {said}");
        server.wait_for("work was handed over");
    }
    let tree = folder.path().join("data/docker/registry/v2/repositories/team/app");
    let link = std::fs::read_to_string(tree.join("_manifests/tags/v1/current/link")).unwrap();
    assert!(link.starts_with("sha256:"), "{link}");
    assert_eq!(server.ask("GET /v2/team/app/manifests/v1", b"").0, 200);
}

#[test]
fn what_was_exported_is_imported_by_a_server_without_metadata() {
    let folder = folder("");
    let config = folder.path().join("config.yml");
    let mut server = Server::start(folder.path());
    push(&server, "v1");
    server.signal("TERM");
    assert!(server.ended().success());
    assert!(run(&["export", config.to_str().unwrap()]).status.success());
    std::fs::remove_dir_all(folder.path().join("data/berth")).unwrap();
    let server = Server::start(folder.path());
    assert_eq!(server.ask("GET /v2/team/app/manifests/v1", b"").0, 200);
    let (status, body) = server.ask(&format!("GET /v2/team/app/blobs/{CONFIG_DIGEST}"), b"");
    assert_eq!((status, body.as_str()), (200, "{}"));
}

#[test]
fn a_check_names_the_unknown_key_and_fails() {
    let folder = folder("lgo:\n  level: info\n");
    let checked = run(&["config", "check", folder.path().join("config.yml").to_str().unwrap()]);
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(!checked.status.success() && said.contains("lgo") && said.contains("log"), "{said}");
}

/// Whether a check was content, what it printed, and what it complained of.
fn check(folder: &Path, more: &[&str]) -> (bool, String, String) {
    let config = folder.join("config.yml");
    let done = run(&[&["config", "check"], more, &[config.to_str().unwrap()]].concat());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (done.status.success(), text(&done.stdout), text(&done.stderr))
}

#[test]
fn a_check_of_files_and_sqlite_says_what_both_can_do_and_makes_nothing() {
    let folder = folder("");
    let data = folder.path().join("data");
    let files = format!("storage.filesystem: {}", data.display());
    let (content, said, complained) = check(folder.path(), &[]);
    assert!(content && said.contains(&format!("{files} will be made")), "{said}{complained}");
    assert!(said.contains("berth.metadata.url: SQLite in the storage directory"), "{said}");
    assert!(!data.exists());
    std::fs::create_dir(&data).unwrap();
    let (content, said, complained) = check(folder.path(), &[]);
    assert!(content && said.contains(&format!("{files} is writable")), "{said}{complained}");
    assert_eq!(std::fs::read_dir(&data).unwrap().count(), 0);
}

#[test]
fn a_check_names_the_store_that_is_not_there_and_still_describes_the_other() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("postgres://berth:hunter2@{closed}/berth?sslmode=disable");
    let folder = folder(&format!("berth:\n  metadata:\n    url: {url}\n"));
    let (content, said, complained) = check(folder.path(), &[]);
    assert!(!content && said.contains("data will be made"), "{said}{complained}");
    assert!(
        complained.contains("berth.metadata.url: ") && complained.contains(&closed.to_string()),
        "{complained}"
    );
    assert!(!said.contains("hunter2") && !complained.contains("hunter2"), "{said}{complained}");
    let (content, said, complained) = check(folder.path(), &["--offline"]);
    assert!(content && !said.contains("data will be made"), "{said}{complained}");
    // Both stores are tried, also when the first one is of no use.
    std::fs::write(folder.path().join("data"), "a file").unwrap();
    let (content, _, complained) = check(folder.path(), &[]);
    assert!(!content && complained.contains("berth.metadata.url: "), "{complained}");
    assert!(
        complained.contains("storage.filesystem: ") && complained.contains("is no directory"),
        "{complained}"
    );
}

#[test]
fn the_htpasswd_line_is_one_that_signs_in() {
    let made = run(&["htpasswd", "-Bbn", "-C", "4", "ann", "secret"]);
    let line = String::from_utf8(made.stdout).unwrap();
    let hash = line.trim().strip_prefix("ann:").unwrap();
    assert!(bcrypt::verify("secret", hash).unwrap());
}
