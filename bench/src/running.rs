//! A server under measurement that has answered, with the servers behind it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;

use crate::backing::{Backing, StoreKind};
use crate::clock::now;
use crate::process::{Memory, Process, answers, free_port};
use crate::servers::Server;
use crate::{Outcome, folder};

/// A server that has answered. Fields are dropped in this order: the server first.
pub(crate) struct Running {
    pub(crate) server: Server,
    pub(crate) address: SocketAddr,
    pub(crate) folder: PathBuf,
    process: Process,
    pub(crate) backing: Backing,
}

impl Running {
    /// Starts a server on a folder, after what it stands on; yields it with the time from the call
    /// that starts it to its first 200.
    pub(crate) fn start(
        server: Server,
        kind: StoreKind,
        program: &Path,
        folder: &Path,
    ) -> Outcome<(Self, Duration)> {
        folder::create(folder)?;
        let backing = Backing::start(kind, server, folder)?;
        let port = free_port()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut command = server.command(program, folder, port, &backing)?;
        let begun = now();
        let mut process =
            Process::spawn(server.name(), &mut command, folder.join("log"), Signal::TERM)?;
        process.wait_until(|| answers(address, server.ready_target()))?;
        let elapsed = now() - begun;
        Ok((Self { server, address, folder: folder.to_owned(), process, backing }, elapsed))
    }

    /// CPU seconds of the server and of everything behind it since their start.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        self.process.cpu_seconds() + self.backing.cpu_seconds()
    }

    /// The server's own, without what stands behind it.
    pub(crate) fn memory(&self) -> Memory {
        self.process.memory()
    }
}
