//! A child process: started with its log in a file, awaited, watched through /proc with all its
//! children, stopped when dropped.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::Outcome;
use crate::clock::now;
use crate::http;

/// Ticks per second in /proc on every Linux this runs on.
const TICKS: f64 = 100.0;
const START: Duration = Duration::from_secs(120);
const STOP: Duration = Duration::from_secs(20);

/// A process that was started.
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
    /// What asks it to end.
    signal: Signal,
}

/// What a process and its children hold, in bytes.
pub(crate) struct Memory {
    pub(crate) resident: u64,
    /// The highest resident size since the start.
    pub(crate) peak: u64,
}

impl Process {
    pub(crate) fn spawn(
        name: &'static str,
        command: &mut Command,
        log: PathBuf,
        signal: Signal,
    ) -> Outcome<Self> {
        let failed = |error| format!("starting {name}: {error}");
        let output = File::create(&log).map_err(failed)?;
        command.stdin(Stdio::null()).stderr(output.try_clone().map_err(failed)?).stdout(output);
        Ok(Self { name, child: command.spawn().map_err(failed)?, log, signal })
    }

    /// Asks every 0.3 ms until it is ready.
    pub(crate) fn wait_until(&mut self, ready: impl Fn() -> bool) -> Outcome<()> {
        let begun = now();
        while !ready() {
            let ended = self.child.try_wait();
            let ended = ended.map_err(|error| format!("starting {}: {error}", self.name))?;
            if ended.is_some() || now() - begun > START {
                let log = std::fs::read_to_string(&self.log).unwrap_or_default();
                return Err(format!("{} did not answer; its log:\n{log}", self.name));
            }
            std::thread::sleep(Duration::from_micros(300));
        }
        Ok(())
    }

    /// CPU seconds, user and system, of the process and its children since their start.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        family(self.child.id()).into_iter().map(cpu_seconds).sum()
    }

    pub(crate) fn memory(&self) -> Memory {
        let mut memory = Memory { resident: 0, peak: 0 };
        for process in family(self.child.id()) {
            let status = read(process, "status");
            memory.resident += kibibytes(&status, "VmRSS:") << 10;
            memory.peak += kibibytes(&status, "VmHWM:") << 10;
        }
        memory
    }
}

impl Drop for Process {
    /// Asks first, so that the store is left in order, and insists later.
    fn drop(&mut self) {
        let process = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(process) = process {
            // It may have ended by itself; then there is nobody to ask.
            let _ = kill_process(process, self.signal);
        }
        let begun = now();
        while now() - begun < STOP {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        eprintln!("{} does not end when it is asked to and is killed", self.name);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// CPU seconds of this program.
pub(crate) fn own_cpu_seconds() -> f64 {
    cpu_seconds(std::process::id())
}

/// True if a GET is answered with 200.
pub(crate) fn answers(address: SocketAddr, target: &str) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(http::request("GET", target, "Connection: close\r\n").as_bytes())?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer)?;
        Ok::<_, std::io::Error>(answer.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}

pub(crate) fn free_port() -> Outcome<u16> {
    let failed = |error| format!("finding a free port: {error}");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
    Ok(listener.local_addr().map_err(failed)?.port())
}

/// A process and all its living descendants.
fn family(process: u32) -> Vec<u32> {
    let all: Vec<(u32, u32)> = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|other| Some((other, stat(other, 1)?.try_into().ok()?)))
        .collect();
    let mut family = vec![process];
    let mut next = 0;
    while let Some(parent) = family.get(next).copied() {
        family.extend(all.iter().filter(|(_, of)| *of == parent).map(|(child, _)| *child));
        next += 1;
    }
    family
}

/// User and system time, with that of children which have ended.
fn cpu_seconds(process: u32) -> f64 {
    let ticks: u64 = (11..=14).filter_map(|field| stat(process, field)).sum();
    ticks as f64 / TICKS
}

/// A number of /proc/PID/stat, counted from 0 after the name, which may hold spaces.
fn stat(process: u32, field: usize) -> Option<u64> {
    let text = read(process, "stat");
    text.rsplit_once(") ")?.1.split_whitespace().nth(field)?.parse().ok()
}

fn kibibytes(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn read(process: u32, file: &str) -> String {
    std::fs::read_to_string(format!("/proc/{process}/{file}")).unwrap_or_default()
}
