//! Taking over a tree: by command, at the start of a server, and the re-hashing afterwards.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use oci::Digest;
use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::process::{Server, berth, folder, run};

fn link_of(folder: &Path, repository: &str, digest: &Digest) -> PathBuf {
    let tree = folder.join("data/docker/registry/v2/repositories");
    tree.join(repository).join("_layers/sha256").join(digest.hex()).join("link")
}

fn data_of(folder: &Path, digest: &Digest) -> PathBuf {
    let (blobs, hex) = (folder.join("data/docker/registry/v2/blobs/sha256"), digest.hex());
    blobs.join(&hex[..2]).join(hex).join("data")
}

fn create(path: &Path) -> File {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    File::create(path).unwrap()
}

/// A blob of `size` zeros under a digest, right or wrong, as the original keeps it.
fn plant(folder: &Path, repository: &str, digest: &Digest, size: u64) {
    create(&data_of(folder, digest)).set_len(size).unwrap();
    create(&link_of(folder, repository, digest)).write_all(digest.to_string().as_bytes()).unwrap();
}

/// The same with its own digest.
fn plant_zeros(folder: &Path, repository: &str, size: u64) -> Digest {
    let digest = Digest::sha256(&vec![0; usize::try_from(size).unwrap()]);
    plant(folder, repository, &digest, size);
    digest
}

fn import(folder: &Path, more: &[&str]) -> Output {
    let config = folder.join("config.yml");
    run(&[&["import", config.to_str().unwrap()], more].concat())
}

fn said(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn an_import_without_a_server_rehashes_what_it_took_over() {
    let folder = folder("");
    plant_zeros(folder.path(), "a", 2 << 20);
    let damaged = Digest::sha256(b"something else");
    plant(folder.path(), "b", &damaged, 1 << 20);
    let done = import(folder.path(), &[]);
    let (out, error) = said(&done);
    assert!(done.status.success(), "{out}{error}");
    assert!(out.contains("2 blobs (3.00 MiB) are re-hashed now"), "{out}");
    assert!(out.contains("\nverify: 0 B of 3.00 MiB, 0 of 2 blobs"), "{out}");
    assert!(out.ends_with("re-hashed 2 blobs (3.00 MiB); 1 findings\n"), "{out}");
    assert!(error.contains(&damaged.hex()) && error.contains("push it again"), "{error}");
    // Nothing is left for the next one.
    let (out, _) = said(&import(folder.path(), &[]));
    assert!(!out.contains("re-hash"), "{out}");
}

#[test]
fn without_verification_an_import_leaves_the_blobs_to_the_server() {
    let folder = folder("");
    plant_zeros(folder.path(), "a", 2 << 20);
    let (out, _) = said(&import(folder.path(), &["--no-verify"]));
    assert!(out.ends_with("; 1 blobs (2.00 MiB) are left for the server to re-hash\n"), "{out}");
    let (out, _) = said(&import(folder.path(), &[]));
    assert!(out.contains("re-hashed 1 blobs (2.00 MiB); 0 findings"), "{out}");
}

#[test]
fn an_interrupted_rehash_says_what_is_left_and_who_goes_on() {
    let folder = folder("");
    // Large enough that nobody hashes it before the signal comes.
    plant(folder.path(), "a", &Digest::sha256(b"large"), 1 << 40);
    let mut child = berth()
        .args(["import", folder.path().join("config.yml").to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    assert!(out.lines().map_while(Result::ok).any(|line| line.starts_with("verify: ")));
    let sent = Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let done = child.wait_with_output().unwrap();
    let (_, error) = said(&done);
    assert!(!done.status.success(), "{error}");
    assert!(error.contains("interrupted: 1 blobs (1.00 TiB) are left to re-hash"), "{error}");
    assert!(error.contains("the next `berth import` goes on"), "{error}");
}

#[test]
fn a_server_is_not_ready_while_it_imports_and_says_how_far_it_is() {
    let folder = folder("");
    plant_zeros(folder.path(), "a", 10);
    // The import waits for whoever writes into this pipe.
    let digest = plant_zeros(folder.path(), "b", 20);
    let link = link_of(folder.path(), "b", &digest);
    fs::remove_file(&link).unwrap();
    mknodat(CWD, &link, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    let mut server = Server::launch(folder.path());
    let mut pipe = File::options().write(true).open(&link).unwrap();
    let progress = "import: 1 of 2 repositories";
    let seen = until(|| {
        let (status, text) = server.ask("GET /readyz", b"");
        assert_eq!(status, 503, "{text}");
        text.contains(progress).then_some(())
    });
    assert!(seen.is_some(), "/readyz never says {progress:?}");
    assert_eq!(server.ask("GET /startupz", b"").0, 503);
    assert_eq!(server.ask("GET /livez", b"").0, 200);
    assert_eq!(server.ask("GET /v2/", b"").0, 503);
    pipe.write_all(digest.to_string().as_bytes()).unwrap();
    drop(pipe);
    server.wait_for("msg=ready");
    assert_eq!(server.ask("GET /readyz", b"").0, 200);
    assert_eq!(server.ask(&format!("HEAD /v2/b/blobs/{digest}"), b"").0, 200);
}

#[test]
fn an_import_beside_a_server_is_told_that_the_server_rehashes() {
    let folder = folder("");
    let _server = Server::start(folder.path());
    plant_zeros(folder.path(), "a", 2 << 20);
    let (out, error) = said(&import(folder.path(), &[]));
    let expected = "; 1 blobs (2.00 MiB) will be re-hashed by the server\n";
    assert!(out.ends_with(expected), "{out}{error}");
}

#[test]
fn each_import_beside_a_server_calls_the_rehashing_at_once() {
    let folder = folder("");
    let mut server = Server::start(folder.path());
    // The second would have to wait for an hour; the first perhaps only for the first run.
    for (repository, size) in [("a", 1), ("b", 2)] {
        plant_zeros(folder.path(), repository, size << 20);
        let (out, error) = said(&import(folder.path(), &[]));
        assert!(out.contains("will be re-hashed by the server"), "{out}{error}");
        server.wait_for("imported blobs were re-hashed");
    }
}

#[test]
fn the_metrics_say_what_is_left_to_rehash_and_what_the_process_needs() {
    let metrics = "  debug:\n    addr: 127.0.0.1:0\n    prometheus:\n      enabled: true\n";
    // So slow that a blob of some megabytes is not done before the end of the test.
    let folder = folder(&format!("{metrics}berth:\n  import:\n    verify_rate: 1KiB\n"));
    let mut server = Server::launch(folder.path());
    let line = server.wait_for("the debug listener");
    let (_, address) = line.split_once("address=\"").unwrap();
    let debug = address.split('"').next().unwrap().to_owned();
    server.wait_for("msg=ready");
    plant_zeros(folder.path(), "a", 3 << 20);
    plant_zeros(folder.path(), "a", 5 << 20);
    import(folder.path(), &[]);
    server.address = debug;
    let text = server.ask("GET /metrics", b"").1;
    assert!(text.contains("\nberth_unverified_blobs 2\n"), "{text}");
    let left = until(|| {
        let text = server.ask("GET /metrics", b"").1;
        let (_, rest) = text.split_once("\nberth_unverified_bytes ").unwrap();
        let left: u64 = rest.lines().next().unwrap().parse().unwrap();
        (left < 8 << 20).then_some(left)
    });
    assert!(left.unwrap() > 0);
    for name in ["cpu_seconds_total", "start_time_seconds", "resident_memory_bytes", "max_fds"] {
        assert!(text.contains(&format!("\nprocess_{name} ")), "{name} is not in {text}");
    }
}

/// Asks again and again, for a minute at most.
fn until<T>(mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    for _ in 0..3000 {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    None
}
