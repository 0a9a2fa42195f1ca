//! PostgreSQL on a folder of its own, which tests may restart as an operator would not dare to.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::command;
use crate::daemon::Daemon;
use crate::registry::free_port;

/// The account that the package makes; the server refuses to run as root.
const SYSTEM_USER: &str = "postgres";
const DATABASE: &str = "postgres";

/// A running server with an empty database.
#[derive(Debug)]
pub struct Postgres {
    daemon: Daemon,
    command: Command,
    log: PathBuf,
    port: u16,
    _folder: TempDir,
}

impl Postgres {
    /// Starts it. It listens on the loopback address alone and asks nobody there for a password.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        command::run("chown", &[SYSTEM_USER, folder.path().to_str().unwrap()]);
        let data = folder.path().join("data");
        let options = ["--auth=trust", "--no-locale", "--encoding=UTF8", "--no-sync", "--pgdata"];
        let mut initdb = command::command("setpriv");
        initdb.args(AS_USER).arg("initdb").args(options).arg(&data).current_dir(folder.path());
        command::ok(&mut initdb);
        let port = free_port();
        let command = server(&data, folder.path(), port);
        let log = folder.path().join("log");
        let daemon = Daemon::start(&command, &log, "QUIT");
        let server = Self { daemon, command, log, port, _folder: folder };
        server.wait_until_ready();
        server
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `postgres://…`, as it stands in `berth.metadata.url`.
    pub fn url(&self) -> String {
        format!("postgres://{SYSTEM_USER}@{}/{DATABASE}?sslmode=disable", self.host())
    }

    /// Runs a statement, as an operator would by hand; answers its rows, columns parted by `|`.
    pub fn query(&self, sql: &str) -> String {
        let quiet = ["--no-psqlrc", "--quiet", "--no-align", "--tuples-only"];
        command::ok(command::command("psql").args(quiet).args([&self.url(), "--command", sql]))
    }

    /// Ends it at once ("immediate": no goodbye to clients, recovery at the next start).
    pub fn stop(&mut self) {
        self.daemon.end("QUIT");
    }

    /// Starts it again on the same port and data; returns while it may still recover.
    pub fn start_again(&mut self) {
        self.daemon = Daemon::start(&self.command, &self.log, "QUIT");
    }

    /// Waits until it takes connections.
    pub fn wait_until_ready(&self) {
        let port = self.port.to_string();
        self.daemon.wait_until("postgres", || {
            let mut ready = Command::new("pg_isready");
            ready.args(["--quiet", "--host", "127.0.0.1", "--port", &port]);
            ready.status().is_ok_and(|status| status.success())
        });
    }

    /// Everything that it wrote so far.
    pub fn log(&self) -> String {
        self.daemon.log()
    }
}

const AS_USER: [&str; 4] =
    ["--reuid=postgres", "--regid=postgres", "--clear-groups", "--inh-caps=-all"];

/// `Daemon` sets the signal at its parent's death, which a change of the user would take away again; so
/// the user is changed first and the signal set after it.
fn server(data: &Path, sockets: &Path, port: u16) -> Command {
    let mut server = Command::new("setpriv");
    server
        .args(AS_USER)
        .args(["setpriv", "--pdeathsig", "QUIT", "postgres", "-D"])
        .arg(data)
        .arg("-k")
        .arg(sockets)
        .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-c", "max_connections=200"])
        .args(["-c", "shared_buffers=64MB", "-c", "log_min_messages=warning"]);
    server
}
