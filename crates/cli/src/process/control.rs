//! The control socket: commands beside a running server hand it their work.
//!
//! The server owns the store, so only it may change it. The socket lies in
//! Berth's own directory and belongs to the server's user; whoever can open it
//! could change the files anyway. One JSON line asks, JSON lines answer.
//! Work on the content is done one piece at a time; questions about accounts
//! wait for nothing.

mod asking;

use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use registry::accounts::{self, Accounts, Actor};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use workers::transfer::{Freeze, Source};
use workers::{Finding, Observer, Progress, Shutdown, Volume, WorkError};

use crate::moving::{self, Moving};
use crate::wire::Stores;
use crate::work::{Backlog, Others, Work, in_words, perform};

pub(crate) use asking::{answers, ask_accounts, hand_over};

/// The pause after a failed accept (no descriptors left, most likely).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Longest line that asks, in bytes: a file with the accounts of a large company.
const MAX_LINE: u64 = 16 << 20;
/// How long a line that asks may take to come.
const PATIENCE: Duration = Duration::from_secs(30);
/// Commands that are answered at one time; more wait at the door.
const MAX_ASKING: usize = 64;
/// Answers waiting for a slow reader; progress beyond that is dropped.
const QUEUE: usize = 1024;
/// Longest path of a socket that the kernel takes.
const MAX_PATH: usize = 107;
/// Where a socket is made, and what it is called there: no longer than its name
/// at last, which [`MAX_PATH`] is about.
const BEHIND: &str = ".making";
const MADE: &str = "s";

/// The line that asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Request {
    /// Something within the stores.
    Work(Work),
    /// `berth move`.
    Move(Moving),
    /// `berth user`, `grant` and their like.
    Access {
        /// What is asked of the accounts. May hold secrets, which it does not print.
        access: Box<accounts::Command>,
    },
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
    Access { result: Box<accounts::Answer> },
}

/// What a server works with on behalf of commands.
pub(crate) struct Desk {
    /// What it is done to.
    pub(crate) stores: Stores,
    /// What an import leaves to be done.
    pub(crate) backlog: Arc<Backlog>,
    /// Stops the server's own writes while everything is moved.
    pub(crate) freeze: Arc<dyn Freeze>,
    /// The accounts, if the server keeps any.
    pub(crate) accounts: Option<Arc<Accounts>>,
    /// Whose turn it is to work on the content.
    pub(crate) turn: Mutex<()>,
    pub(crate) shutdown: Shutdown,
}

fn socket_path(home: &Path) -> PathBuf {
    home.join("control.sock")
}

/// Listens for work until the shutdown signal. The socket is there when this
/// returns: a server that says that it is ready can be asked.
pub(crate) fn listen(home: &Path, desk: Desk) {
    let path = socket_path(home);
    match bind(&path) {
        Ok(listener) => drop(tokio::spawn(async move {
            let shutdown = desk.shutdown.clone();
            tokio::select! {
                () = accept(listener, Arc::new(desk)) => {}
                () = shutdown.wait() => {}
            }
            let _ = std::fs::remove_file(&path);
        })),
        Err(error) => tracing::warn!(
            %error,
            path = %path.display(),
            "no control socket: garbage-collect, import, export and the commands about accounts need the server stopped"
        ),
    }
}

fn bind(path: &Path) -> io::Result<UnixListener> {
    if path.as_os_str().len() > MAX_PATH {
        return Err(io::Error::other(format!("the path is longer than {MAX_PATH} bytes")));
    }
    // A socket is born with what the umask leaves. Behind a door that only we
    // can open nobody reaches it before it has its own permissions.
    let behind = path.with_file_name(BEHIND);
    clear_away(&behind)?;
    std::fs::DirBuilder::new().mode(0o700).create(&behind)?;
    let made = behind.join(MADE);
    let listener = UnixListener::bind(&made)?;
    std::fs::set_permissions(&made, std::fs::Permissions::from_mode(0o600))?;
    // The store's lock is ours, so a socket that is there is a dead server's.
    std::fs::rename(&made, path)?;
    clear_away(&behind)?;
    Ok(listener)
}

/// Removes the folder in which a socket is made, also one that a dead server left.
fn clear_away(behind: &Path) -> io::Result<()> {
    for removed in [std::fs::remove_file(behind.join(MADE)), std::fs::remove_dir(behind)] {
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

async fn accept(listener: UnixListener, desk: Arc<Desk>) {
    // What is being answered ends with this.
    let mut asking = JoinSet::new();
    loop {
        while asking.len() >= MAX_ASKING {
            asking.join_next().await;
        }
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = asking.join_next() => continue,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let desk = desk.clone();
        asking.spawn(async move {
            if let Err(error) = answer(stream, &desk).await {
                tracing::warn!(%error, "a command beside the server was cut off");
            }
        });
    }
}

async fn answer(stream: UnixStream, desk: &Desk) -> io::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut line = String::new();
    let mut reading = BufReader::new(reading.take(MAX_LINE));
    let read = tokio::time::timeout(PATIENCE, reading.read_line(&mut line)).await;
    // Somebody only looked whether we are here.
    if read.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?? == 0 {
        return Ok(());
    }
    let request: Request = serde_json::from_str(&line)?;
    drop(line);
    let request = match request {
        Request::Access { access } => {
            let line = line_of(&of_accounts(*access, desk).await)?;
            return writing.write_all(&line).await;
        }
        other => other,
    };
    tracing::info!(?request, "work was handed over");
    let (sender, mut receiver) = mpsc::channel(QUEUE);
    let relay = Relay { sender };
    let worker = async move {
        let _turn = desk.turn.lock().await;
        let shutdown = &desk.shutdown;
        let done = match request {
            Request::Work(work) => {
                let done = carry_out(work, &desk.stores, &desk.backlog, &relay, shutdown).await;
                done.map_err(|error| error.to_string())
            }
            Request::Move(moving) => {
                let source = Source::Serving(desk.freeze.clone());
                Box::pin(moving::into(&desk.stores, source, &moving, &relay, shutdown)).await
            }
            Request::Access { .. } => return,
        };
        let last = match done {
            Ok(summary) => Answer::Done { summary },
            Err(error) => Answer::Failed { error },
        };
        let _ = relay.sender.send(last).await;
    };
    let writer = async {
        while let Some(answer) = receiver.recv().await {
            let line = line_of(&answer)?;
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

fn line_of(answer: &Answer) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    Ok(line)
}

async fn of_accounts(command: accounts::Command, desk: &Desk) -> Answer {
    let Some(accounts) = &desk.accounts else {
        let error =
            "the server that runs here keeps no accounts; it was started without auth: berth";
        return Answer::Failed { error: error.to_owned() };
    };
    let actor = Actor::Operator { via: "control-socket" };
    match accounts.execute(&actor, command).await {
        Ok(result) => Answer::Access { result: Box::new(result) },
        Err(error) => Answer::Failed { error: error.to_string() },
    }
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

#[cfg(test)]
mod tests {
    use store::StoreError;
    use tokio::sync::watch;

    use super::*;
    use crate::config::{Source, load};
    use crate::wire::{World, open_stores};

    struct Never;

    #[async_trait::async_trait]
    impl Freeze for Never {
        async fn freeze(&self) -> Result<(), StoreError> {
            Err(StoreError::Failed("no move".to_owned()))
        }

        async fn thaw(&self) {}
    }

    async fn desk(folder: &Path) -> Desk {
        let file = folder.join("config.yml");
        let root = folder.join("data");
        std::fs::create_dir_all(root.join("berth")).unwrap();
        let text = format!("version: 0.1\nstorage: {{filesystem: {{rootdirectory: {root:?}}}}}\n");
        std::fs::write(&file, text).unwrap();
        let config = load(&Source::Argument(file), Vec::new(), false).unwrap().config;
        let (_, stopping) = watch::channel(false);
        Desk {
            stores: open_stores(&config, World::real()).await.unwrap(),
            backlog: Arc::default(),
            freeze: Arc::new(Never),
            accounts: None,
            turn: Mutex::default(),
            shutdown: Shutdown::new(stopping),
        }
    }

    async fn ask(desk: &Desk, line: &str) -> String {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (reading, mut writing) = ours.into_split();
        writing.write_all(line.as_bytes()).await.unwrap();
        let asked = async {
            let mut answer = String::new();
            BufReader::new(reading).read_line(&mut answer).await.unwrap();
            answer
        };
        let (answered, text) = tokio::join!(answer(theirs, desk), asked);
        answered.unwrap();
        text
    }

    #[tokio::test]
    async fn a_question_about_accounts_does_not_wait_for_work_on_the_content() {
        let folder = tempfile::tempdir().unwrap();
        let desk = desk(folder.path()).await;
        let busy = desk.turn.lock().await;
        let told = ask(&desk, "{\"access\":{\"command\":\"whoami\"}}\n").await;
        assert!(told.contains("keeps no accounts"), "{told}");
        let work = "{\"work\":\"export\"}\n";
        let mut waiting = std::pin::pin!(ask(&desk, work));
        assert!(tokio::time::timeout(Duration::from_millis(50), &mut waiting).await.is_err());
        drop(busy);
        let told = waiting.await;
        assert!(told.contains("exported 0 repositories") || told.contains("progress"), "{told}");
    }

    #[tokio::test]
    async fn somebody_who_only_looks_whether_a_server_is_there_is_no_trouble() {
        let folder = tempfile::tempdir().unwrap();
        let desk = desk(folder.path()).await;
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(ours);
        answer(theirs, &desk).await.unwrap();
    }

    #[tokio::test]
    async fn a_socket_is_made_where_only_the_server_gets_and_takes_the_place_of_a_dead_one() {
        let home = tempfile::tempdir().unwrap();
        let path = socket_path(home.path());
        // A server that was killed half-way left all that there can be.
        drop(UnixListener::bind(&path).unwrap());
        std::fs::create_dir(home.path().join(BEHIND)).unwrap();
        drop(UnixListener::bind(home.path().join(BEHIND).join(MADE)).unwrap());
        let listener = bind(&path).unwrap();
        let made = listener.local_addr().unwrap();
        assert_eq!(made.as_pathname(), Some(&*home.path().join(BEHIND).join(MADE)));
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let left: Vec<_> = std::fs::read_dir(home.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
        let (asked, accepted) = tokio::join!(UnixStream::connect(&path), listener.accept());
        assert!(asked.is_ok() && accepted.is_ok());
    }

    #[test]
    fn a_secret_on_its_way_is_not_printed() {
        let line =
            "{\"access\":{\"command\":\"user-add\",\"name\":\"a\",\"password\":\"hunter22\"}}";
        let request: Request = serde_json::from_str(line).unwrap();
        assert!(!format!("{request:?}").contains("hunter22"));
    }
}
