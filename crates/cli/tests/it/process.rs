//! A started `berth serve` and what it says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio};

use tempfile::TempDir;

/// The binary under test, without settings of this environment.
pub(crate) fn berth() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_berth"));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if ["BERTH_", "REGISTRY_", "OTEL_"].iter().any(|prefix| name.starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    berth().args(arguments).output().unwrap()
}

/// A folder with a configuration and a storage directory.
pub(crate) fn folder(more: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let text = format!(
        "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\n  delete:\n    enabled: true\n\
         http:\n  addr: 127.0.0.1:0\n{more}",
        data.display()
    );
    std::fs::write(folder.path().join("config.yml"), text).unwrap();
    folder
}

/// A server on a port of the system's choice.
pub(crate) struct Server {
    child: Child,
    log: BufReader<ChildStderr>,
    pub(crate) address: String,
}

impl Server {
    /// Starts the server of `folder` without waiting for it.
    pub(crate) fn launch(folder: &Path) -> Self {
        Self::launch_with(folder, &[])
    }

    /// The same under variables.
    pub(crate) fn launch_with(folder: &Path, variables: &[(&str, &str)]) -> Self {
        let mut child = berth()
            .envs(variables.iter().copied())
            .arg("serve")
            .arg(folder.join("config.yml"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let mut server = Self { child, log, address: String::new() };
        let line = server.wait_for("listening");
        let (_, rest) = line.split_once("address=\"").unwrap();
        server.address = rest.split('"').next().unwrap().to_owned();
        server
    }

    /// Starts the server and waits until it is ready.
    pub(crate) fn start(folder: &Path) -> Self {
        let mut server = Self::launch(folder);
        server.wait_for("msg=ready");
        server
    }

    /// Reads the log up to a line that holds `text`.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        let mut all = String::new();
        loop {
            let mut line = String::new();
            let read = self.log.read_line(&mut line).unwrap();
            assert!(read > 0, "the log ended before {text:?}:\n{all}");
            if line.contains(text) {
                return line;
            }
            all.push_str(&line);
        }
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for the end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        // The log must be read, or a full pipe would hold the process.
        std::io::copy(&mut self.log, &mut std::io::sink()).unwrap();
        self.child.wait().unwrap()
    }

    /// The status and body of one request.
    pub(crate) fn ask(&self, request: &str, body: &[u8]) -> (u16, String) {
        let (status, answer) = self.ask_with(request, "", body);
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
        (status, body.unwrap_or_default())
    }

    /// The status and the whole answer of one request with more headers, each with its line end.
    /// 0 if the server closes the connection without an answer.
    pub(crate) fn ask_with(&self, request: &str, headers: &str, body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let head = format!(
            "{request} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        let mut answer = String::new();
        let asked = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        let told = asked.and_then(|()| stream.read_to_string(&mut answer));
        assert!(told.is_ok() || answer.is_empty(), "{request}: {told:?} after {answer}");
        let status = answer.split(' ').nth(1).map_or(0, |status| status.parse().unwrap());
        (status, answer)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
