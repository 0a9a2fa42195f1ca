//! A PostgreSQL server on a folder of its own, with the settings that it comes with: what it has
//! acknowledged is on the disk.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::process::{Process, free_port};
use crate::servers::on_path;
use crate::{Outcome, folder};

/// The account that the package makes: the server refuses to run as root.
const ACCOUNT: &str = "postgres";

/// A running server.
pub(super) struct Postgres {
    process: Process,
    port: u16,
}

/// Where its programs are.
pub(super) struct Programs {
    server: PathBuf,
    initdb: PathBuf,
}

impl Postgres {
    pub(super) fn start(folder: &Path) -> Outcome<Self> {
        let programs = programs()?;
        let data = folder.join("data");
        if !data.is_dir() {
            folder::create(folder)?;
            make(&programs, folder, &data)?;
        }
        let port = free_port()?;
        let mut server = plainly(&programs.server);
        server.arg("-D").arg(&data).args(["-h", "127.0.0.1", "-p", &port.to_string()]);
        // No socket in a folder of the system.
        server.args(["-c", "unix_socket_directories="]);
        // SIGINT ends sessions instead of waiting for them.
        let log = folder.join("log");
        let mut process = Process::spawn("postgres", &mut server, log.clone(), Signal::INT)?;
        process.wait_until(|| {
            let log = std::fs::read_to_string(&log).unwrap_or_default();
            log.contains("database system is ready to accept connections")
        })?;
        Ok(Self { process, port })
    }

    pub(super) fn process(&self) -> &Process {
        &self.process
    }

    pub(super) fn url(&self) -> String {
        format!("postgres://berth@127.0.0.1:{}/postgres?sslmode=disable", self.port)
    }
}

/// Makes the files of an empty server.
fn make(programs: &Programs, folder: &Path, data: &Path) -> Outcome<()> {
    if is_root() {
        succeed(Command::new("chown").arg(ACCOUNT).arg(folder))?;
    }
    let options = ["--username=berth", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"];
    succeed(plainly(&programs.initdb).args(options).arg("--pgdata").arg(data)).map_err(|error| {
        format!(
            "{error}\n       PostgreSQL runs as the user {ACCOUNT}, which must reach the folder that \
             --dir names"
        )
    })
}

fn succeed(command: &mut Command) -> Outcome<()> {
    let done = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    if done.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&done.stderr).trim()))
}

/// A command that does not run as root.
fn plainly(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let user = format!("--reuid={ACCOUNT}");
    let group = format!("--regid={ACCOUNT}");
    let mut command = Command::new("setpriv");
    command.args([&user, &group, "--clear-groups"]).arg(program).current_dir("/");
    command
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

pub(super) fn programs() -> Outcome<Programs> {
    let find = |program: &str| {
        on_path(program).ok_or_else(|| {
            format!("{program} is missing (package postgresql; `cargo xtask bench` finds it there)")
        })
    };
    Ok(Programs { server: find("postgres")?, initdb: find("initdb")? })
}
