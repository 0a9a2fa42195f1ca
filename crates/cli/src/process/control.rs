//! The control socket: commands beside a running server hand it their work.
//!
//! The server owns the store, so only it may change it. The socket lies in
//! Berth's own directory and belongs to the server's user; whoever can open it
//! could change the files anyway. One JSON line asks, JSON lines answer.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use workers::transfer::{Freeze, Source};
use workers::{Finding, Observer, Progress, Shutdown, Volume, WorkError};

use crate::moving::{self, Moving};
use crate::terminal::Terminal;
use crate::wire::Stores;
use crate::work::{Backlog, Others, Work, in_words, perform};

/// The pause after a failed accept (no descriptors left, most likely).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Longest line on the socket, in bytes.
const MAX_LINE: u64 = 64 << 10;
/// Answers waiting for a slow reader; progress beyond that is dropped.
const QUEUE: usize = 1024;
/// Longest path of a socket that the kernel takes.
const MAX_PATH: usize = 107;

/// The line that asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Request {
    /// Something within the stores.
    Work(Work),
    /// `berth move`.
    Move(Moving),
}

impl From<Work> for Request {
    fn from(work: Work) -> Self {
        Self::Work(work)
    }
}

impl From<Moving> for Request {
    fn from(moving: Moving) -> Self {
        Self::Move(moving)
    }
}

/// One line of an answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "answer")]
enum Answer {
    Progress { phase: String, done: u64, total: Option<u64>, message: String },
    Volume { objects: u64, total_objects: u64, bytes: u64, total_bytes: u64, rate: u64 },
    Line { text: String },
    Finding { text: String },
    Done { summary: String },
    Failed { error: String },
}

fn socket_path(home: &Path) -> PathBuf {
    home.join("control.sock")
}

/// Listens for work until the shutdown signal; one piece at a time.
pub(crate) async fn listen(
    home: PathBuf,
    stores: Stores,
    backlog: Arc<Backlog>,
    freeze: Arc<dyn Freeze>,
    shutdown: Shutdown,
) {
    let path = socket_path(&home);
    match bind(&path) {
        Ok(listener) => {
            tokio::select! {
                () = accept(listener, stores, backlog, freeze, shutdown.clone()) => {}
                () = shutdown.wait() => {}
            }
            let _ = std::fs::remove_file(&path);
        }
        Err(error) => tracing::warn!(
            %error,
            path = %path.display(),
            "no control socket: garbage-collect, import and export need the server stopped"
        ),
    }
}

fn bind(path: &Path) -> io::Result<UnixListener> {
    if path.as_os_str().len() > MAX_PATH {
        return Err(io::Error::other(format!("the path is longer than {MAX_PATH} bytes")));
    }
    // The store's lock is ours, so a socket that is there is a dead server's.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

async fn accept(
    listener: UnixListener,
    stores: Stores,
    backlog: Arc<Backlog>,
    freeze: Arc<dyn Freeze>,
    shutdown: Shutdown,
) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        if let Err(error) = answer(stream, &stores, &backlog, &freeze, &shutdown).await {
            tracing::warn!(%error, "a command beside the server was cut off");
        }
    }
}

async fn answer(
    stream: UnixStream,
    stores: &Stores,
    backlog: &Backlog,
    freeze: &Arc<dyn Freeze>,
    shutdown: &Shutdown,
) -> io::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut line = String::new();
    BufReader::new(reading.take(MAX_LINE)).read_line(&mut line).await?;
    let request: Request = serde_json::from_str(&line)?;
    tracing::info!(?request, "work was handed over");
    let (sender, mut receiver) = mpsc::channel(QUEUE);
    let relay = Relay { sender };
    let worker = async move {
        let done = match request {
            Request::Work(work) => {
                let done = carry_out(work, stores, backlog, &relay, shutdown).await;
                done.map_err(|error| error.to_string())
            }
            Request::Move(moving) => {
                let source = Source::Serving(freeze.clone());
                Box::pin(moving::into(stores, source, &moving, &relay, shutdown)).await
            }
        };
        let last = match done {
            Ok(summary) => Answer::Done { summary },
            Err(error) => Answer::Failed { error },
        };
        let _ = relay.sender.send(last).await;
    };
    let writer = async {
        while let Some(answer) = receiver.recv().await {
            let mut line = serde_json::to_vec(&answer)?;
            line.push(b'\n');
            // The work goes on when the command is gone.
            if writing.write_all(&line).await.is_err() {
                while receiver.recv().await.is_some() {}
            }
        }
        Ok::<(), io::Error>(())
    };
    let ((), written) = tokio::join!(worker, writer);
    written
}

/// Does the work. What an import leaves to be re-hashed is the server's own duty, which is called.
async fn carry_out(
    work: Work,
    stores: &Stores,
    backlog: &Backlog,
    relay: &Relay,
    shutdown: &Shutdown,
) -> Result<String, WorkError> {
    let done = perform(work, stores, Others::Present, relay, shutdown).await;
    if work != Work::Import {
        return done;
    }
    // Also after a failure: what was imported until then is to be hashed as well.
    let left = stores.metadata.unverified_total().await?;
    backlog.note(left);
    backlog.call.notify_one();
    Ok(match (done?, in_words(left)) {
        (summary, Some(left)) => format!("{summary}; {left} will be re-hashed by the server"),
        (summary, None) => summary,
    })
}

/// Passes on what the work tells.
struct Relay {
    sender: mpsc::Sender<Answer>,
}

impl Observer for Relay {
    fn progress(&self, progress: &Progress) {
        let Progress { phase, done, total, message, .. } = progress.clone();
        let _ = self.sender.try_send(Answer::Progress {
            phase: phase.to_owned(),
            done,
            total,
            message,
        });
    }

    fn volume(&self, volume: &Volume) {
        let Volume { objects, total_objects, bytes, total_bytes, rate, .. } = *volume;
        let answer = Answer::Volume { objects, total_objects, bytes, total_bytes, rate };
        let _ = self.sender.try_send(answer);
    }

    fn line(&self, line: &str) {
        let _ = self.sender.try_send(Answer::Line { text: line.to_owned() });
    }

    fn finding(&self, finding: &Finding) {
        let _ = self.sender.try_send(Answer::Finding { text: finding.to_string() });
    }
}

/// Hands work to the server whose home this is and shows its answers. `None` if
/// there is no server to talk to.
pub(crate) async fn hand_over(
    home: &Path,
    request: Request,
    terminal: &Terminal,
) -> Option<Result<String, String>> {
    let stream = UnixStream::connect(socket_path(home)).await.ok()?;
    Some(
        converse(stream, request, terminal).await.unwrap_or_else(|error| {
            Err(format!("the server broke off: {error}; its log says more"))
        }),
    )
}

async fn converse(
    stream: UnixStream,
    request: Request,
    terminal: &Terminal,
) -> io::Result<Result<String, String>> {
    let (reading, mut writing) = stream.into_split();
    let mut line = serde_json::to_vec(&request)?;
    line.push(b'\n');
    writing.write_all(&line).await?;
    let mut lines = BufReader::new(reading).lines();
    while let Some(line) = lines.next_line().await? {
        match serde_json::from_str(&line)? {
            Answer::Progress { phase, done, total, message } => {
                terminal.advance(&phase, done, total, &message);
            }
            Answer::Volume { objects, total_objects, bytes, total_bytes, rate } => {
                let phase = moving::PHASE;
                let volume = Volume { phase, objects, total_objects, bytes, total_bytes, rate };
                terminal.volume(&volume);
            }
            Answer::Line { text } => terminal.say(&text),
            Answer::Finding { text } => terminal.complain(&text),
            Answer::Done { summary } => return Ok(Ok(summary)),
            Answer::Failed { error } => return Ok(Err(error)),
        }
    }
    Err(io::Error::from(io::ErrorKind::UnexpectedEof))
}
