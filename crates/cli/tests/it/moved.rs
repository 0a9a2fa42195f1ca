//! A registry that moves to another storage directory: from a stopped server, and from a running one.

use std::fs;
use std::path::Path;
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};

use oci::Digest;
use tempfile::TempDir;

use crate::process::{Server, folder, run};

mod accounts;
mod cluster;

const CONFIG: &[u8] = b"{}";

fn layer() -> Vec<u8> {
    (0..2_000_000_u32).map(|number| b'a' + (number % 23).to_le_bytes()[0]).collect()
}

fn push_blob(server: &Server, repository: &str, bytes: &[u8]) -> Digest {
    let digest = Digest::sha256(bytes);
    let request = format!("POST /v2/{repository}/blobs/uploads/?digest={digest}");
    let (status, text) = server.ask(&request, bytes);
    assert_eq!(status, 201, "{text}");
    digest
}

fn manifest() -> String {
    let describe = |kind: &str, bytes: &[u8]| {
        let (digest, size) = (Digest::sha256(bytes), bytes.len());
        format!(r#"{{"mediaType":"{kind}","digest":"{digest}","size":{size}}}"#)
    };
    let config = describe("application/vnd.oci.image.config.v1+json", CONFIG);
    let layer = describe("application/vnd.oci.image.layer.v1.tar", &layer());
    format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{config},"layers":[{layer}]}}"#
    )
}

fn push(server: &Server, repository: &str, tag: &str) {
    push_blob(server, repository, CONFIG);
    push_blob(server, repository, &layer());
    let (status, text) = server.ask(&put(repository, tag), manifest().as_bytes());
    assert_eq!(status, 201, "{text}");
}

fn put(repository: &str, tag: &str) -> String {
    format!("PUT /v2/{repository}/manifests/{tag}")
}

fn pulls(server: &Server, repository: &str, tag: &str) {
    let (status, text) = server.ask(&format!("GET /v2/{repository}/manifests/{tag}"), b"");
    assert_eq!((status, text), (200, manifest()));
    let blob = |bytes: &[u8]| {
        server.ask(&format!("GET /v2/{repository}/blobs/{}", Digest::sha256(bytes)), b"")
    };
    assert_eq!(blob(CONFIG), (200, "{}".to_owned()));
    let (status, text) = blob(&layer());
    assert_eq!((status, text.as_bytes()), (200, &*layer()));
}

fn move_to(from: &TempDir, to: &TempDir, more: &[&str]) -> (bool, String, String) {
    let path = |folder: &TempDir| folder.path().join("config.yml").to_str().unwrap().to_owned();
    let (from, to) = (path(from), path(to));
    let Output { status, stdout, stderr } =
        run(&[&["move", "--to", to.as_str(), from.as_str()], more].concat());
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.success(), text(stdout), text(stderr))
}

fn stop(mut server: Server) {
    server.signal("TERM");
    assert!(server.ended().success());
}

#[test]
fn a_stopped_registry_moves_and_serves_the_same_and_moves_back() {
    let (first, second) = (folder(""), folder(""));
    let server = Server::start(first.path());
    push(&server, "a/b", "one");
    push(&server, "c", "two");
    stop(server);
    let (done, out, error) = move_to(&first, &second, &[]);
    assert!(done, "{out}{error}");
    let agree = "source and target agree: 2 repositories, 2 manifests, 2 tags, 4 links of blobs; \
                 2 blobs (1.91 MiB) were copied; 0 findings\n";
    assert!(out.contains(agree), "{out}");
    assert!(out.contains("move: 0 B of 1.91 MiB, 0 of 2 blobs"), "{out}");
    let (to, from) = (second.path().join("config.yml"), first.path().join("config.yml"));
    let (to, from) = (to.display(), from.display());
    assert!(out.contains(&format!("next: start the server with {to};")), "{out}");
    assert!(out.ends_with(&format!("berth move --resume --to {from} {to}\n")), "{out}");
    let server = Server::start(second.path());
    pulls(&server, "a/b", "one");
    pulls(&server, "c", "two");
    push(&server, "c", "three");
    assert_eq!(server.ask("DELETE /v2/a/b/manifests/one", b"").0, 202);
    stop(server);
    let (done, out, error) = move_to(&second, &first, &["--resume"]);
    assert!(done, "{out}{error}");
    let server = Server::start(first.path());
    pulls(&server, "c", "three");
    assert_eq!(server.ask("GET /v2/a/b/manifests/one", b"").0, 404);
    let by_digest = format!("GET /v2/a/b/manifests/{}", Digest::sha256(manifest().as_bytes()));
    assert_eq!(server.ask(&by_digest, b"").0, 200);
}

#[test]
fn a_target_with_content_of_its_own_is_refused() {
    let (first, second) = (folder(""), folder(""));
    for place in [&first, &second] {
        let server = Server::start(place.path());
        push(&server, "own", "one");
        stop(server);
    }
    let (done, out, error) = move_to(&first, &second, &[]);
    assert!(!done && error.contains("already holds repositories, own for one"), "{out}{error}");
    let (done, out, error) = move_to(&first, &second, &["--resume"]);
    assert!(!done && error.contains("did not come from this source"), "{out}{error}");
    let (done, out, error) = move_to(&first, &first, &[]);
    assert!(!done && error.contains("a server owns"), "{out}{error}");
}

#[test]
fn a_target_in_use_is_refused() {
    let (first, second) = (folder(""), folder(""));
    let server_of_target = Server::start(second.path());
    let (done, out, error) = move_to(&first, &second, &[]);
    assert!(!done && error.contains("rootdirectory"), "{out}{error}");
    fs::create_dir(first.path().join("data")).unwrap();
    let (done, out, error) = move_to(&first, &second, &[]);
    assert!(!done && error.contains("a target must not be in use"), "{out}{error}");
    stop(server_of_target);
}

#[test]
fn nothing_that_was_acknowledged_is_lost_by_a_move_beside_the_server() {
    let (first, second) = (folder(""), folder(""));
    let server = Server::start(first.path());
    for number in 0..20 {
        push(&server, "a", &format!("before-{number}"));
    }
    let pushing = AtomicBool::new(false);
    let acknowledged = std::thread::scope(|scope| {
        let pusher = scope.spawn(|| {
            let mut acknowledged = Vec::new();
            loop {
                let tag = format!("tag-{}", acknowledged.len());
                match server.ask(&put("a", &tag), manifest().as_bytes()).0 {
                    201 => acknowledged.push(tag),
                    // Stopped before it began, or at the last moment.
                    405 | 503 => return acknowledged,
                    other => panic!("{other}"),
                }
                pushing.store(true, Ordering::Release);
            }
        });
        while !pushing.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
        let (done, out, error) = move_to(&first, &second, &[]);
        assert!(done, "{out}{error}");
        assert!(out.contains("the source takes no more writes\n"), "{out}");
        assert!(out.contains("\nnext: stop the server, which takes no more writes,"), "{out}");
        pusher.join().unwrap()
    });
    assert!(!acknowledged.is_empty());
    // It serves on, and says what it is.
    pulls(&server, "a", "before-0");
    assert_eq!(server.ask("DELETE /v2/a/manifests/before-0", b"").0, 405);
    let (status, text) = server.ask("GET /readyz", b"");
    assert!(status == 200 && text.contains("frozen"), "{status} {text}");
    stop(server);
    let server = Server::start(second.path());
    for tag in &acknowledged {
        assert_eq!(server.ask(&format!("HEAD /v2/a/manifests/{tag}"), b"").0, 200, "{tag}");
    }
    pulls(&server, "a", "before-19");
    // The next start takes writes again; the target has seen none, so it is filled up.
    stop(server);
    let server = Server::start(first.path());
    push(&server, "a", "after");
    let (done, out, error) = move_to(&first, &second, &["--resume"]);
    assert!(done, "{out}{error}");
}

#[test]
fn a_move_that_is_refused_leaves_the_server_as_it_was() {
    let (first, second) = (folder(""), folder(""));
    let server = Server::start(second.path());
    push(&server, "own", "one");
    stop(server);
    let server = Server::start(first.path());
    let (done, out, error) = move_to(&first, &second, &[]);
    assert!(!done && error.contains("already holds repositories, own for one"), "{out}{error}");
    push(&server, "a", "one");
}

/// An image as the original leaves it.
fn plant(root: &Path) {
    let digest = Digest::sha256(b"layer");
    let write = |path: String, text: &str| {
        let path = root.join("docker/registry/v2").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let hex = digest.hex();
    write(format!("blobs/sha256/{}/{hex}/data", &hex[..2]), "layer");
    write(format!("repositories/a/_layers/sha256/{hex}/link"), &digest.to_string());
}

#[test]
fn what_the_original_left_is_imported_before_it_moves() {
    let (first, second) = (folder(""), folder(""));
    plant(&first.path().join("data"));
    let (done, out, error) = move_to(&first, &second, &[]);
    assert!(!done && error.contains("`berth import` that first"), "{out}{error}");
    let config = first.path().join("config.yml");
    assert!(run(&["import", "--no-verify", config.to_str().unwrap()]).status.success());
    let (done, out, error) = move_to(&first, &second, &[]);
    assert!(done && out.contains("1 blobs (5 B) were copied; 0 findings"), "{out}{error}");
}

#[test]
fn a_thaw_where_one_server_owns_everything_names_the_setting_and_the_way_out() {
    let place = folder("");
    let config = place.path().join("config.yml");
    let done = run(&["move", "--thaw", config.to_str().unwrap()]);
    let error = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(!done.status.success());
    let setting = format!("storage.filesystem.rootdirectory: {}/data", place.path().display());
    assert!(error.contains(&setting) && error.contains("restart it"), "{error}");
}
