//! A server process that ends with the test that started it, also when the test run itself is killed.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub struct Daemon {
    pid: u32,
    log: PathBuf,
    /// Waits for the process. The kernel's "signal at the parent's death" means the parent *thread*, so
    /// the thread that starts a server must live as long as the server.
    keeper: Option<JoinHandle<ExitStatus>>,
}

impl Daemon {
    /// Starts `command` with its output appended to `log`. Should this process die, the server gets the
    /// signal named `at_death`.
    pub fn start(command: &Command, log: &Path, at_death: &str) -> Self {
        let mut kept = Command::new("setpriv");
        kept.args(["--pdeathsig", at_death, "--"]);
        kept.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => kept.env(name, value),
                None => kept.env_remove(name),
            };
        }
        let file = File::options().create(true).append(true).open(log).unwrap();
        kept.stdout(file.try_clone().unwrap()).stderr(file);
        let (started, pid) = mpsc::channel();
        let keeper = std::thread::spawn(move || {
            let mut child: Child = kept.spawn().expect("setpriv");
            started.send(child.id()).unwrap();
            child.wait().unwrap()
        });
        let pid = pid.recv().expect("the server starts");
        Self { pid, log: log.to_path_buf(), keeper: Some(keeper) }
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Everything that the server wrote so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// What is worth reading of its log: the end, without the lines of single requests.
    pub fn last_words(&self) -> String {
        let log = self.log();
        let lines = log.lines().filter(|line| !line.contains("msg=\"response "));
        let lines: Vec<_> = lines.collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    /// Polls `ready` until it is true; a server that ends or never gets there fails the test.
    pub fn wait_until(&self, what: &str, ready: impl Fn() -> bool) {
        let begun = Instant::now();
        while !ready() {
            let ended = self.keeper.as_ref().is_none_or(JoinHandle::is_finished);
            assert!(!ended, "{what}: the server ended\n{}", self.last_words());
            let late = begun.elapsed() > Duration::from_secs(60);
            assert!(!late, "{what}: not within 60 s\n{}", self.last_words());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends the signal of this name.
    pub fn signal(&self, name: &str) {
        let signal = format!("-{name}");
        // A process that has ended already is what every caller wants.
        let _ = Command::new("kill").args([&signal, &self.pid.to_string()]).output();
    }

    /// Ends the server with the signal of this name and waits until it is gone.
    pub fn end(&mut self, signal: &str) -> Option<ExitStatus> {
        let keeper = self.keeper.take()?;
        self.signal(signal);
        keeper.join().ok()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.end("KILL");
    }
}
