//! Running other programs: shown before they run, never through a shell, an error that names them.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

/// What went wrong, in words for the person at the terminal.
pub(crate) type Outcome<T> = Result<T, String>;

/// Runs `command` with its output on this terminal.
pub(crate) fn run(command: &mut Command) -> Outcome<()> {
    println!("$ {}", line(command));
    let status = command.status().map_err(|error| format!("{}: {error}", line(command)))?;
    if status.success() { Ok(()) } else { Err(format!("{}: {status}", line(command))) }
}

/// Runs `command` and hands each line of its standard output to `seen` after printing it.
pub(crate) fn run_watched(command: &mut Command, mut seen: impl FnMut(&str)) -> Outcome<()> {
    println!("$ {}", line(command));
    let failed = |error: std::io::Error| error.to_string();
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(failed)?;
    if let Some(stdout) = child.stdout.take() {
        for text in BufReader::new(stdout).lines() {
            // A test may print bytes that are no text; the line is shown as far as it can be.
            let text = text.unwrap_or_else(|error| format!("({error})"));
            println!("{text}");
            seen(&text);
        }
    }
    let status = child.wait().map_err(failed)?;
    if status.success() { Ok(()) } else { Err(format!("{}: {status}", line(command))) }
}

/// Runs `command` quietly and answers its standard output; its errors go to the terminal.
pub(crate) fn output(command: &mut Command) -> Outcome<String> {
    let done = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("{}: {error}", line(command)))?;
    if !done.status.success() {
        return Err(format!("{}: {}", line(command), done.status));
    }
    String::from_utf8(done.stdout).map_err(|error| format!("{}: {error}", line(command)))
}

/// The cargo that runs this task.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(crate::workspace::root());
    command
}

/// The real clock: a task of a person at a terminal has no other.
#[expect(clippy::disallowed_methods, reason = "nothing here is tested by its time")]
pub(crate) fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// A heading that stands out between two programs' output.
pub(crate) fn heading(text: &str) {
    println!("\n==== {text} ====");
    // The next program writes to the same terminal by itself.
    let _ = std::io::stdout().flush();
}

fn line(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let program = program.rsplit('/').next().unwrap_or_default().to_owned();
    command.get_args().fold(program, |line, part| line + " " + &part.to_string_lossy())
}
