//! A PostgreSQL server of a test's own, in a temporary directory.
//!
//! Needs Debian's `postgresql` or another one whose `pg_ctl` is in the `PATH`.
//! The server refuses to run as root; then it runs as the user `postgres`.

use std::ffi::OsStr;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A running server. It goes with this value, and with the process.
#[derive(Debug)]
pub struct PostgresServer {
    directory: PathBuf,
    programs: PathBuf,
    port: u16,
    /// Waits for the end of this process, then stops the server.
    keeper: Child,
}

impl PostgresServer {
    /// Starts a server that syncs nothing: fast, and nothing survives a crash
    /// of the machine. The superuser `berth` needs no password.
    ///
    /// # Panics
    /// If there is no PostgreSQL here or it does not start.
    pub fn start() -> Self {
        Self::with("fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n")
    }

    /// Starts a server that keeps what it has acknowledged.
    ///
    /// # Panics
    /// As [`PostgresServer::start`].
    pub fn durable() -> Self {
        Self::with("")
    }

    /// Starts a server with lines of its configuration file.
    ///
    /// # Panics
    /// As [`PostgresServer::start`].
    pub fn with(settings: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("berth-postgres-{}-{count}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir(&directory).expect("a new directory for PostgreSQL");
        let programs = programs();
        let port = free_port();
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(&directory));
        }
        let data = directory.join("data");
        let initdb = ["--username=berth", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"];
        run(plainly(&programs.join("initdb")).args(initdb).arg("--no-sync").arg(&data));
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{}'\n\
             max_connections = 200\n{settings}",
            directory.display()
        );
        let file = data.join("postgresql.conf");
        let old = fs::read_to_string(&file).expect("the configuration that initdb wrote");
        fs::write(&file, old + &settings).expect("the configuration");
        let keeper = keep(&programs, &directory);
        let server = Self { directory, programs, port, keeper };
        server.pg_ctl(&["start", "-w", "-t", "60"]);
        server
    }

    /// The URL of the database `postgres` over TCP.
    pub fn url(&self) -> String {
        self.database_url("postgres")
    }

    /// The URL of a database of this server.
    pub fn database_url(&self, database: &str) -> String {
        format!("postgres://berth@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }

    /// The TCP port on the loopback address.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The directory of the Unix socket; the data lie in `data` below it.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Makes an empty database; its URL.
    ///
    /// # Panics
    /// If there is one of that name.
    pub fn create_database(&self, name: &str) -> String {
        self.sql("postgres", &format!("CREATE DATABASE \"{name}\""));
        self.database_url(name)
    }

    /// Runs SQL as the superuser; what it answers, without headings.
    ///
    /// # Panics
    /// If the server says no.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.arg("-h").arg(&self.directory).args(["-p", &self.port.to_string()]);
        psql.args(["-U", "berth", "-d", database, "-X", "-q", "-A", "-t"]);
        run(psql.args(["-v", "ON_ERROR_STOP=1", "-c", sql]))
    }

    /// Kills the server as a crash would and starts it again.
    ///
    /// # Panics
    /// If it does not come back.
    pub fn restart(&self) {
        self.pg_ctl(&["restart", "-w", "-t", "60", "-m", "immediate"]);
    }

    /// Kills the server as a crash would.
    ///
    /// # Panics
    /// If it is not running.
    pub fn stop(&self) {
        self.pg_ctl(&["stop", "-w", "-t", "60", "-m", "immediate"]);
    }

    /// Starts a server that was stopped.
    ///
    /// # Panics
    /// If it does not come back.
    pub fn start_again(&self) {
        self.pg_ctl(&["start", "-w", "-t", "60"]);
    }

    fn pg_ctl(&self, arguments: &[&str]) {
        let mut command = plainly(&self.programs.join("pg_ctl"));
        command.arg("-D").arg(self.directory.join("data"));
        // The server inherits these; a pipe would stay open for its life.
        let log = self.directory.join("log");
        run_quietly(command.arg("-l").arg(log).args(arguments));
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        drop(self.keeper.wait());
    }
}

/// Stops the server and removes its files once our end of the pipe is closed,
/// however this process ends.
fn keep(programs: &Path, directory: &Path) -> Child {
    // A signal to the whole group of processes must not end the one that tidies up.
    let script = "trap '' HUP INT TERM; cat > /dev/null; \
                  \"$0\" -D \"$1/data\" stop -s -m immediate; rm -rf \"$1\"";
    let mut command = plainly(Path::new("sh"));
    command.arg("-c").arg(script).arg(programs.join("pg_ctl")).arg(directory);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("a process that looks after the server")
}

/// A command that does not run as root.
fn plainly(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
    command.current_dir("/");
    command
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

/// The newest version that Debian installed, or whatever the `PATH` has.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions
        .map(|entry| entry.path().join("bin"))
        .filter(|path| path.join("initdb").is_file())
        .max_by_key(|path| {
            let version = path.parent().and_then(Path::file_name).and_then(OsStr::to_str);
            version.and_then(|version| version.parse::<u32>().ok())
        });
    newest.unwrap_or_else(|| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path).find(|path| path.join("initdb").is_file());
        found.expect("PostgreSQL: apt-get install postgresql")
    })
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its number").port()
}

fn run(command: &mut Command) -> String {
    let done = command.stdin(Stdio::null()).output().expect("a program of PostgreSQL");
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{command:?}: {text}{errors}");
    text.trim_end().to_owned()
}

fn run_quietly(command: &mut Command) {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.status().expect("a program of PostgreSQL");
    assert!(status.success(), "{command:?}: {status}");
}
