//! A registry under test: Berth, or the distribution's `docker-registry` with the very same
//! configuration file, which shows that a test tests the client's way and not our own habits.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::command;
use crate::daemon::Daemon;
use crate::stores::{Servers, Stores};

/// The user that [`Settings::with_password`] lets in.
pub const USER: &str = "ada";
/// The password of [`USER`].
pub const PASSWORD: &str = "correct horse";

/// Which program answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Program {
    /// The build under test.
    Berth,
    /// The last version before buckets and PostgreSQL.
    BerthCore,
    /// The last version before accounts.
    BerthCluster,
    /// The original, version 2.8.2, as packaged.
    DockerRegistry,
}

/// How a registry is to be started.
#[derive(Clone, Debug)]
pub struct Settings {
    program: Program,
    stores: Option<Stores>,
    root: Option<PathBuf>,
    storage: Option<String>,
    port: Option<u16>,
    secret: Option<String>,
    password: bool,
    role: Option<&'static str>,
    environment: Vec<(String, String)>,
    more: String,
}

/// A running registry on a free loopback port.
#[derive(Debug)]
pub struct Registry {
    daemon: Daemon,
    command: Command,
    log: PathBuf,
    host: String,
    root: PathBuf,
    config: PathBuf,
    program: Program,
    _servers: Option<Servers>,
    _folder: TempDir,
}

impl Default for Settings {
    /// Berth on a fresh folder, deletion on, nobody asked for a password. With `CLIENTS_AGAINST` set
    /// to `docker-registry` the original takes its place, to prove a test that both must pass; with
    /// `CLIENTS_STORES` set to `files+postgres` or `minio+postgres` Berth has these below it.
    fn default() -> Self {
        let original = std::env::var("CLIENTS_AGAINST").is_ok_and(|name| name == "docker-registry");
        if original {
            return Self::of(Program::DockerRegistry);
        }
        Self { stores: Stores::asked_for(), ..Self::of(Program::Berth) }
    }
}

impl Settings {
    /// The defaults, for this program.
    pub fn of(program: Program) -> Self {
        Self {
            program,
            stores: None,
            root: None,
            storage: None,
            port: None,
            secret: None,
            password: false,
            role: None,
            environment: Vec::new(),
            more: String::new(),
        }
    }

    /// Asks everybody for the password of [`USER`].
    pub fn with_password(mut self) -> Self {
        self.password = true;
        self
    }

    /// Keeps all data here instead of in a fresh folder, whatever the run asks for.
    pub fn at(mut self, root: &Path) -> Self {
        self.stores = None;
        self.root = Some(root.to_path_buf());
        self
    }

    /// Keeps blobs where this says instead of in a folder: a driver's lines of `storage`, two spaces in.
    pub fn with_storage(mut self, yaml: &str) -> Self {
        self.storage = Some(yaml.to_owned());
        self
    }

    /// Listens on this port instead of any free one.
    pub fn on_port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Keeps the metadata where this URL says: `sqlite:PATH` or `postgres://…`.
    pub fn with_metadata(self, url: &str) -> Self {
        self.with_section(&format!("berth:\n  metadata:\n    url: '{url}'\n"))
    }

    /// Gives it the `http.secret` that replicas share.
    pub fn with_secret(mut self, secret: &str) -> Self {
        self.secret = Some(secret.to_owned());
        self
    }

    /// Starts it with `--role`, for this part of the work.
    pub fn with_role(mut self, role: &'static str) -> Self {
        self.role = Some(role);
        self
    }

    /// Sets an environment variable of the server.
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a top-level section to the configuration file.
    pub fn with_section(mut self, yaml: &str) -> Self {
        self.more += yaml;
        self
    }

    /// Starts it and waits until it is ready.
    pub fn start(mut self) -> Registry {
        let servers = self.stores.map(Stores::start);
        if let Some(servers) = &servers {
            self.storage = servers.storage();
            self = self.with_metadata(&servers.metadata());
        }
        let folder = tempfile::tempdir().unwrap();
        let port = self.port.unwrap_or_else(free_port);
        let elsewhere = servers.as_ref().and_then(Servers::root).map(Path::to_path_buf);
        let root = self.root.clone().or(elsewhere).unwrap_or_else(|| folder.path().join("data"));
        let config = self.write(&root, port, folder.path());
        let mut command = Command::new(binary(self.program));
        without_settings(&mut command);
        let role = self.role.iter().flat_map(|role| ["--role", role]);
        command.arg("serve").args(role).arg(&config).envs(self.environment);
        let log = folder.path().join("log");
        let daemon = Daemon::start(&command, &log, "KILL");
        let host = format!("127.0.0.1:{port}");
        let program = self.program;
        let registry = Registry {
            daemon,
            command,
            log,
            host,
            root,
            config,
            program,
            _servers: servers,
            _folder: folder,
        };
        registry.wait_until_ready();
        registry
    }

    /// Starts it, which must fail, and answers what it said.
    pub fn refused(self) -> String {
        let folder = tempfile::tempdir().unwrap();
        let root = self.root.clone().unwrap_or_else(|| folder.path().join("data"));
        let config = self.write(&root, free_port(), folder.path());
        let mut command = command::command(binary(self.program).to_str().unwrap());
        without_settings(&mut command);
        let role = self.role.iter().flat_map(|role| ["--role", role]);
        command::refused(command.arg("serve").args(role).arg(&config).envs(self.environment))
    }

    /// Writes the configuration file and answers where.
    fn write(&self, root: &Path, port: u16, folder: &Path) -> PathBuf {
        let path = folder.join("config.yml");
        std::fs::write(&path, self.config(root, port, folder)).unwrap();
        path
    }

    fn config(&self, root: &Path, port: u16, folder: &Path) -> String {
        let files = || format!("  filesystem:\n    rootdirectory: {}\n", root.display());
        let storage = self.storage.clone().unwrap_or_else(files);
        let mut text = format!(
            "version: 0.1\nlog:\n  level: info\nstorage:\n{storage}  delete:\n    enabled: true\nhttp:\n  addr: 127.0.0.1:{port}\n",
        );
        if let Some(secret) = &self.secret {
            text += &format!("  secret: {secret}\n");
        }
        if self.password {
            let file = folder.join("htpasswd");
            let line = command::run("htpasswd", &["-Bbn", USER, PASSWORD]);
            std::fs::write(&file, line + "\n").unwrap();
            let path = file.display();
            text += &format!("auth:\n  htpasswd:\n    realm: test\n    path: {path}\n");
        }
        text + &self.more
    }
}

impl Registry {
    /// The registry under test with default settings.
    pub fn start() -> Self {
        Settings::default().start()
    }

    /// `127.0.0.1:PORT`, as it stands in image names.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.host)
    }

    /// `127.0.0.1:PORT/name`.
    pub fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.host)
    }

    /// Where the bytes are: the `rootdirectory`, or the folder of a store's server.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The configuration file that it was started with.
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// Everything that it logged, over all its starts.
    pub fn log(&self) -> String {
        self.daemon.log()
    }

    /// The end of its log, without the lines of single requests.
    pub fn last_words(&self) -> String {
        self.daemon.last_words()
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.daemon.pid()
    }

    /// Ends it without a chance to clean up.
    pub fn kill(&mut self) {
        self.daemon.end("KILL");
    }

    /// Ends it as an operator would.
    pub fn stop(&mut self) {
        self.daemon.end("TERM");
    }

    /// Starts it again on the same port and folder.
    pub fn restart(&mut self) {
        self.daemon.end("KILL");
        self.daemon = Daemon::start(&self.command, &self.log, "KILL");
        self.wait_until_ready();
    }

    fn wait_until_ready(&self) {
        // The original has no /readyz; it is ready once it answers at all.
        let path = if self.program == Program::DockerRegistry { "/v2/" } else { "/readyz" };
        let url = self.url() + path;
        self.daemon.wait_until(&url, || {
            let answer = ureq::get(&url).config().http_status_as_error(false).build().call();
            answer.is_ok_and(|answer| answer.status() != 503 && answer.status() != 404)
        });
    }
}

/// The binary of `program`: for Berth `$BERTH_BIN`, else the newest build of this checkout; for all others
/// the one on PATH.
pub fn binary(program: Program) -> PathBuf {
    match program {
        Program::Berth => under_test(),
        Program::BerthCore => PathBuf::from("berth-core"),
        Program::BerthCluster => PathBuf::from("berth-cluster"),
        Program::DockerRegistry => PathBuf::from("docker-registry"),
    }
}

fn under_test() -> PathBuf {
    if let Some(set) = std::env::var_os("BERTH_BIN") {
        return PathBuf::from(set);
    }
    let target = repository().join("target");
    let builds = ["release/berth", "debug/berth"].map(|build| target.join(build));
    let found = builds.iter().find(|build| build.is_file());
    found.expect("no build of berth: cargo build --release -p berth").clone()
}

/// A command line of Berth, to be filled in and run to its end.
pub fn berth() -> Command {
    let mut berth = command::command(binary(Program::Berth).to_str().unwrap());
    without_settings(&mut berth);
    berth
}

/// What begins like this is read by a registry or by the library of its object store.
const SETTINGS: [&str; 5] = ["BERTH_", "REGISTRY_", "AWS_", "AZURE_", "GOOGLE_"];

/// A variable of the test run must not become a setting of the server.
pub fn without_settings(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if SETTINGS.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
}

/// The root of this checkout.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A loopback port that nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}
