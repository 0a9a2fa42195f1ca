//! The conformance suite, built once and run against any registry by URL; and the two runs of the whole
//! test: against Berth, where everything passes, and against the distribution's `docker-registry`,
//! whose known failures are listed, which shows that the suite can fail.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use crate::shell::{self, Outcome};
use crate::workspace;

/// What is handed to the suite as it stands.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The registry's URL, then the suite's own options (`--filter`, `--user`, `--markdown` …).
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    arguments: Vec<String>,
}

/// Runs the suite against the registry that the caller names.
pub(crate) fn run(options: &Options) -> Outcome<()> {
    shell::run(suite().args(&options.arguments))
}

fn suite() -> Command {
    let mut cargo = shell::cargo();
    cargo.args(["run", "--quiet", "--release", "--package", "conformance", "--"]);
    cargo
}

/// Runs the suite against the release build of Berth, started for it on a fresh directory.
pub(crate) fn against_berth(seen: impl FnMut(&str)) -> Outcome<()> {
    let place = Place::fresh("berth")?;
    let registry = Started::start(Command::new(workspace::berth()), &place)?;
    shell::run_watched(suite().arg(&registry.url), seen)
}

/// Runs the suite against the distribution's `docker-registry` with the list of what fails there.
pub(crate) fn against_docker_registry(seen: impl FnMut(&str)) -> Outcome<()> {
    let place = Place::fresh("docker-registry")?;
    let registry = Started::start(Command::new("docker-registry"), &place)?;
    let expected = workspace::root().join("e2e/conformance/expected/docker-registry-2.8.2.txt");
    shell::run_watched(suite().arg(&registry.url).arg("--expect").arg(expected), seen)
}

/// The folder and the port of one run.
struct Place {
    folder: PathBuf,
    port: u16,
}

impl Place {
    fn fresh(name: &str) -> Outcome<Self> {
        let failed = |error: std::io::Error| format!("a place for {name}: {error}");
        let folder = workspace::target().join("conformance").join(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(failed)?;
        }
        std::fs::create_dir_all(&folder).map_err(failed)?;
        let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        let port = probe.local_addr().map_err(failed)?.port();
        Ok(Self { folder, port })
    }

    /// One configuration for both: that is what a drop-in means.
    fn config(&self) -> Outcome<PathBuf> {
        let path = self.folder.join("config.yml");
        let text = format!(
            "version: 0.1\nlog:\n  level: error\n  accesslog:\n    disabled: true\nstorage:\n  filesystem:\n    rootdirectory: {}\n  delete:\n    enabled: true\nhttp:\n  addr: 127.0.0.1:{}\n",
            self.folder.join("data").display(),
            self.port,
        );
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path)
    }
}

/// A registry that lives as long as this value.
struct Started {
    child: Child,
    url: String,
}

impl Started {
    fn start(mut command: Command, place: &Place) -> Outcome<Self> {
        let log = place.folder.join("log");
        let failed = |error: std::io::Error| format!("starting the registry: {error}");
        let file = std::fs::File::create(&log).map_err(failed)?;
        let child = command
            // Settings of the test run are none of the server's.
            .env_remove("BERTH_ADVISORY_DB")
            .env_remove("BERTH_TOOLS_DIR")
            .arg("serve")
            .arg(place.config()?)
            .stdout(file.try_clone().map_err(failed)?)
            .stderr(file)
            .spawn()
            .map_err(failed)?;
        let mut started = Self { child, url: format!("http://127.0.0.1:{}", place.port) };
        started.wait_until_it_listens(place.port, &log)?;
        Ok(started)
    }

    fn wait_until_it_listens(&mut self, port: u16, log: &Path) -> Outcome<()> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        for _ in 0..200 {
            if TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok() {
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                let said = std::fs::read_to_string(log).unwrap_or_default();
                return Err(format!("the registry ended with {status}:\n{said}"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(format!(
            "the registry does not listen on port {port} after 10 s; see {}",
            log.display()
        ))
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
