//! A container engine of the tests' own: its data, its socket and its login file stand in one temporary
//! folder, so it neither sees nor touches an engine that runs on the machine.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use tempfile::TempDir;

use crate::command;
use crate::daemon::Daemon;

/// The engine that the tests of one run share, and how many of them hold it. It ends with the last.
static SHARED: Mutex<(usize, Option<Engine>)> = Mutex::new((0, None));

#[derive(Debug)]
struct Engine {
    daemon: Daemon,
    folder: TempDir,
}

/// A share in the running engine.
#[derive(Debug)]
pub struct Docker {
    socket: PathBuf,
    /// Each test logs in for itself.
    config: TempDir,
}

impl Engine {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let mut dockerd = Command::new("dockerd");
        dockerd
            .arg("--data-root")
            .arg(at("data"))
            .arg("--exec-root")
            .arg(at("exec"))
            .arg("--pidfile")
            .arg(at("pid"))
            .arg("--host")
            .arg(format!("unix://{}", at("docker.sock").display()))
            .args(["--insecure-registry", "127.0.0.0/8", "--experimental"]);
        // At its end it stops its containers and unmounts their layers, so it must not be killed.
        let daemon = Daemon::start(&dockerd, &at("log"), "TERM");
        let socket = at("docker.sock");
        daemon.wait_until("dockerd", || {
            docker(&socket).arg("info").output().is_ok_and(|info| info.status.success())
        });
        Self { daemon, folder }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.daemon.end("TERM");
    }
}

impl Docker {
    /// The shared engine, started if no other test holds it.
    pub fn shared() -> Self {
        let mut shared = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let engine = shared.1.get_or_insert_with(Engine::start);
        let socket = engine.folder.path().join("docker.sock");
        shared.0 += 1;
        Self { socket, config: tempfile::tempdir().unwrap() }
    }

    /// A `docker` command line for this engine, to be filled in.
    pub fn command(&self) -> Command {
        let mut command = docker(&self.socket);
        command.env("DOCKER_CONFIG", self.config.path());
        command
    }

    /// Runs `docker` with these arguments, which must succeed, and answers its standard output.
    pub fn run(&self, arguments: &[&str]) -> String {
        command::ok(self.command().args(arguments))
    }

    /// Builds the context in `folder` under this name. Each build is new: the layers that a build might
    /// share with another test's are gone once that test removes its image.
    pub fn build(&self, name: &str, folder: &Path) {
        self.run(&["build", "--no-cache", "--tag", name, folder.to_str().unwrap()]);
    }

    /// Runs `docker` with these arguments, which must fail, and answers what it said.
    pub fn refused(&self, arguments: &[&str]) -> String {
        command::refused(self.command().args(arguments))
    }

    /// The folder of the client's login file.
    pub fn config(&self) -> &Path {
        self.config.path()
    }

    /// `unix://…`, for clients that speak to the engine by themselves.
    pub fn address(&self) -> String {
        format!("unix://{}", self.socket.display())
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        let mut shared = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        shared.0 -= 1;
        if shared.0 == 0 {
            shared.1 = None;
        }
    }
}

fn docker(socket: &Path) -> Command {
    let mut command = command::command("docker");
    command.env("DOCKER_HOST", format!("unix://{}", socket.display()));
    // The classic builder: buildx has tests of its own and is no part of every engine.
    command.env("DOCKER_BUILDKIT", "0");
    command
}
