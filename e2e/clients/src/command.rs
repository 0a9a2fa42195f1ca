//! Running a client to its end, within a bound, with everything it said in the failure.

use std::ffi::OsStr;
use std::process::{Command, Output};

/// How long one call of a client may take, in seconds, before it counts as hanging.
const LONGEST: &str = "600";

/// A client's command line, to be filled in and then run with [`ok`] or [`refused`].
pub fn command(program: &str) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", LONGEST]).arg(program);
    command
}

/// Runs `program` with `arguments`, which must succeed, and answers its standard output, trimmed.
pub fn run(program: &str, arguments: &[&str]) -> String {
    ok(command(program).args(arguments))
}

/// Runs `command`, which must succeed, and answers its standard output, trimmed.
pub fn ok(command: &mut Command) -> String {
    let output = output(command);
    assert!(output.status.success(), "{}", told(command, &output));
    text(&output.stdout)
}

/// Runs `command`, which must fail by itself, and answers everything it said.
pub fn refused(command: &mut Command) -> String {
    let output = output(command);
    assert!(!output.status.success(), "must fail: {}", told(command, &output));
    // 124 and 137 are `timeout` speaking: the client hung instead of giving up.
    assert!(!matches!(output.status.code(), Some(124 | 137)), "{}", told(command, &output));
    text(&output.stdout) + "\n" + &text(&output.stderr)
}

fn output(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

fn told(command: &Command, output: &Output) -> String {
    let arguments: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
    format!(
        "{}\n{}\n--- stdout\n{}\n--- stderr\n{}",
        arguments.join(" "),
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    )
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end().to_owned()
}
