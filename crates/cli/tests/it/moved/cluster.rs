//! The same to a bucket and PostgreSQL, and back.
//!
//! Starts servers of its own, so it runs only when asked:
//! `cargo test -p berth --test it moved::cluster -- --ignored`, with `minio` and `curl` in the `PATH`.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::accounts::{Secrets, pushes, said};
use super::*;
use crate::database::PostgresServer;

const REGION: &str = "eu-central-1";
const USER: &str = "tester";
const SECRET: &str = "a secret of the tests";

/// Waits a minute or so.
fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..600 {
        if done() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("{what}");
}

/// An S3 server with an empty bucket.
struct Minio {
    process: Child,
    endpoint: String,
    _folder: TempDir,
}

impl Minio {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut server = Command::new("setpriv");
        server.args(["--pdeathsig", "KILL", "minio", "server", "--quiet", "--address"]);
        server.arg(free.to_string()).arg(folder.path().join("data"));
        server.env("HOME", folder.path()).env("MINIO_REGION", REGION).env("MINIO_BROWSER", "off");
        server.env("MINIO_ROOT_USER", USER).env("MINIO_ROOT_PASSWORD", SECRET);
        server.env("MINIO_UPDATE", "off").stdout(Stdio::null()).stderr(Stdio::null());
        let process = server.spawn().unwrap();
        let endpoint = format!("http://{free}");
        let store = Self { process, endpoint, _folder: folder };
        eventually("minio does not start", || store.makes_bucket());
        store
    }

    fn makes_bucket(&self) -> bool {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--fail", "--request", "PUT"]);
        curl.arg("--user").arg(format!("{USER}:{SECRET}"));
        curl.arg("--aws-sigv4").arg(format!("aws:amz:{REGION}:s3"));
        curl.arg(format!("{}/registry", self.endpoint)).output().unwrap().status.success()
    }
}

impl Drop for Minio {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A folder with the configuration of a replica.
fn replica(store: &Minio, database: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = &store.endpoint;
    let text = format!(
        "version: 0.1\nstorage:\n  s3:\n    accesskey: {USER}\n    secretkey: {SECRET}\n    \
         region: {REGION}\n    regionendpoint: {endpoint}\n    bucket: registry\n    \
         forcepathstyle: true\n    secure: false\n  delete:\n    enabled: true\nhttp:\n  \
         addr: 127.0.0.1:0\n  secret: shared\nauth: berth\nberth:\n  metadata:\n    \
         url: '{database}'\n"
    );
    std::fs::write(folder.path().join("config.yml"), text).unwrap();
    folder
}

/// Waits until lines of the record are sealed; how many are, at least.
fn sealed(place: &Path) -> u64 {
    let mut count = 0;
    eventually("no lines are sealed", || {
        let checked = said(place, &["audit", "verify"], "");
        assert!(checked.contains("as they were sealed"), "{checked}");
        count = checked.split(' ').next().unwrap().parse().unwrap();
        count > 4
    });
    count
}

#[test]
#[ignore = "needs MinIO and PostgreSQL"]
fn accounts_move_to_a_bucket_and_postgresql_and_back() {
    let (store, database) = (Minio::start(), PostgresServer::start());
    let (files, cluster) = (folder("auth: berth\n"), replica(&store, &database.url()));
    let mut secrets = Secrets::made_in(files.path());
    let server = Server::start(files.path());
    assert_eq!(secrets.push(&server, "team/app", "v1"), 201);
    secrets.fetch(&server);
    secrets.work(&server);
    let before = sealed(files.path());
    let (done, out, error) = move_to(&files, &cluster, &[]);
    assert!(done, "{out}{error}");
    stop(server);

    let (server, other) = (Server::start(cluster.path()), Server::start(cluster.path()));
    for server in [&server, &other] {
        secrets.work(server);
    }
    assert!(sealed(cluster.path()) >= before);
    assert_eq!(pushes(cluster.path()).len(), 1);
    assert_eq!(secrets.push(&server, "team/app", "v2"), 201);
    assert_eq!(secrets.push(&other, "other/app", "v1"), 403);
    said(cluster.path(), &["user", "add", "carol"], "correct horse battery");
    let (done, out, error) = move_to(&cluster, &files, &["--resume"]);
    assert!(done, "{out}{error}");
    // The database keeps its replicas from changing anything.
    let refused = accounts::access(cluster.path(), &["user", "remove", "carol"], "");
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && error.contains("try again"), "{error}");
    stop(server);
    stop(other);

    let server = Server::start(files.path());
    secrets.work(&server);
    assert_eq!(server.ask_with("GET /v2/team/app/manifests/v2", "", b"").0, 401);
    assert!(said(files.path(), &["user", "list"], "").contains("carol"));
    assert_eq!(pushes(files.path()).len(), 2);
    assert!(sealed(files.path()) >= before);
}
