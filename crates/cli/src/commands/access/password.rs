//! New passwords: typed unseen, or from standard input. Never from an argument,
//! which every process of the machine can read.

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Read};
use std::path::Path;

use identity::Secret;
use rustix::termios::{self, LocalModes, OptionalActions};

use crate::args::access::PasswordFrom;

/// Longest password that is read, in bytes.
const MAX: u64 = 4096;

/// The new password, unless one is to be made.
pub(super) fn new(from: PasswordFrom, of: &str) -> Result<Option<Secret>, String> {
    if from.generate {
        return Ok(None);
    }
    if from.password_stdin || !std::io::stdin().is_terminal() {
        let password = first_line(&mut std::io::stdin().lock())
            .map_err(|error| format!("standard input: {error}"))?;
        return given(password).map(Some);
    }
    let first = given(typed(&format!("New password for {of}: "))?)?;
    let again = typed("The same again: ")?;
    if first.reveal() != again.reveal() {
        return Err("the two differ; nothing was changed".to_owned());
    }
    Ok(Some(first))
}

/// The first line of a file.
pub(super) fn in_file(path: &Path) -> Result<Secret, String> {
    let shown = path.display();
    let read = File::open(path).and_then(|file| first_line(&mut BufReader::new(file)));
    let secret = read.map_err(|error| format!("{shown}: {error}; name a readable file"))?;
    if secret.is_empty() {
        return Err(format!("{shown}: its first line is empty"));
    }
    Ok(secret)
}

fn given(password: Secret) -> Result<Secret, String> {
    if password.is_empty() {
        return Err(
            "the password is empty; write it into standard input, or let --generate make one"
                .to_owned(),
        );
    }
    Ok(password)
}

fn first_line(input: &mut impl BufRead) -> std::io::Result<Secret> {
    let mut line = String::new();
    input.take(MAX + 2).read_line(&mut line)?;
    let line = line.trim_end_matches(['\r', '\n']);
    if line.len() as u64 > MAX {
        return Err(std::io::Error::other(format!("its first line has more than {MAX} bytes")));
    }
    Ok(Secret::new(line))
}

/// What is typed at the terminal, which does not show it meanwhile.
fn typed(prompt: &str) -> Result<Secret, String> {
    use std::io::Write as _;
    let terminal = std::io::stdin();
    let unseen = |error: rustix::io::Errno| {
        format!("the terminal cannot hide a password: {error}; use --password-stdin")
    };
    let before = termios::tcgetattr(&terminal).map_err(unseen)?;
    let mut hidden = before.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    termios::tcsetattr(&terminal, OptionalActions::Flush, &hidden).map_err(unseen)?;
    let _ = write!(std::io::stderr(), "{prompt}");
    let read = first_line(&mut terminal.lock());
    let _ = termios::tcsetattr(&terminal, OptionalActions::Flush, &before);
    let _ = writeln!(std::io::stderr());
    read.map_err(|error| format!("standard input: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_line_is_the_password() {
        for (text, password) in [("a b\r\nc\n", "a b"), ("x", "x"), ("\n", "")] {
            assert_eq!(first_line(&mut text.as_bytes()).unwrap().reveal(), password);
        }
        let long = "x".repeat(5000);
        assert!(first_line(&mut long.as_bytes()).is_err());
    }
}
