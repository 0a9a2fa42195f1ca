//! The commands' end of the control socket.

use std::io;
use std::path::Path;

use registry::accounts;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use workers::{Observer, Volume};

use super::{Answer, Request, socket_path};
use crate::moving;
use crate::terminal::Terminal;

/// What is said of an answer to another question.
const ODD: &str = "the server answered something else than was asked; is it of another version?";

/// Whether a server listens in this directory.
pub(crate) async fn answers(home: &Path) -> bool {
    UnixStream::connect(socket_path(home)).await.is_ok()
}

/// Asks the accounts of the server whose home this is.
pub(crate) async fn ask_accounts(
    home: &Path,
    command: accounts::Command,
) -> Result<accounts::Answer, String> {
    match ask(home, &Request::Access { access: Box::new(command) }).await? {
        Answer::Access { result } => Ok(*result),
        _ => Err(ODD.to_owned()),
    }
}

/// A question with one line for an answer.
async fn ask(home: &Path, request: &Request) -> Result<Answer, String> {
    let asked = async {
        let stream = UnixStream::connect(socket_path(home)).await?;
        let (reading, mut writing) = stream.into_split();
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        writing.write_all(&line).await?;
        let mut line = String::new();
        BufReader::new(reading).read_line(&mut line).await?;
        Ok::<Answer, io::Error>(serde_json::from_str(&line)?)
    };
    match asked.await {
        Ok(Answer::Failed { error }) => Err(error),
        Ok(answer) => Ok(answer),
        Err(error) => Err(format!("the server broke off: {error}; its log says more")),
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
            Answer::Access { .. } => {
                return Err(io::Error::from(io::ErrorKind::InvalidData));
            }
        }
    }
    Err(io::Error::from(io::ErrorKind::UnexpectedEof))
}
