//! One command, one file.

mod access;
mod adopt;
mod config;
mod doctor;
mod htpasswd;
mod offline;
mod serve;
mod transfer;

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::ExitCode;

use crate::args::{self, Command, ConfigPath};
use crate::config::{Config, ConfigError, Loaded, Source, load};
use crate::logging;
use crate::process::privileges::follow_owner;

/// Runs a command to its end.
pub(crate) fn run(command: Command) -> ExitCode {
    if !matches!(command, Command::Serve(_)) {
        logging::start_plain();
    }
    let result = match command {
        Command::Serve(options) => serve::run(&options),
        Command::GarbageCollect(options) => offline::garbage_collect(&options),
        Command::Import(options) => offline::import(&options),
        Command::Export(at) => offline::export(&at),
        Command::Move(options) => transfer::run(&options),
        Command::Access(command) => match access::run(*command) {
            Ok(true) => Ok(()),
            Ok(false) => return ExitCode::FAILURE,
            Err(text) => Err(text),
        },
        Command::Config(command) => config::run(&command),
        Command::Doctor(at) => doctor::run(&at),
        Command::Adopt(at) => adopt::run(&at),
        Command::Htpasswd(options) => htpasswd::run(options),
        Command::Completions { shell } => {
            let name = args::completed_name();
            let mut definition = args::definition(name);
            clap_complete::generate(shell, &mut definition, name, &mut std::io::stdout());
            Ok(())
        }
        Command::Version => {
            say(&format!("{} berth v{}", args::own_name(), env!("CARGO_PKG_VERSION")));
            Ok(())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            complain(&text);
            ExitCode::FAILURE
        }
    }
}

/// Becomes another program.
pub(crate) fn execute(program: Vec<OsString>) -> ExitCode {
    let Some((name, arguments)) = program.split_first() else { return ExitCode::FAILURE };
    let error = std::process::Command::new(name).args(arguments).exec();
    complain(&format!("{}: {error}", name.to_string_lossy()));
    ExitCode::from(127)
}

/// The runtime of a command that waits for stores, signals or clients.
fn runtime() -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime cannot start: {error}"))
}

/// Becomes the owner of the storage directory, if there is one: files of root in
/// it would lock the server out.
fn follow_storage_owner(config: &Config) -> Result<(), String> {
    let Some(root) = config.storage.root_directory() else { return Ok(()) };
    if !root.is_dir() {
        let shown = root.display();
        return Err(format!("storage.filesystem.rootdirectory: {shown} is no directory"));
    }
    follow_owner(root)
}

/// A line for people on standard output; a closed pipe is their business.
fn say(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A line for people on standard error.
pub(crate) fn complain(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Reads the configuration that a command was pointed at.
fn configuration(at: &ConfigPath, strict: bool) -> Result<Loaded, ConfigError> {
    configuration_with(at, environment(), strict)
}

/// The same under other variables than those of the environment.
fn configuration_with(
    at: &ConfigPath,
    variables: Vec<(String, String)>,
    strict: bool,
) -> Result<Loaded, ConfigError> {
    let source = at.config.clone().map_or(Source::Search, Source::Argument);
    load(&source, variables, strict)
}

/// The settings, with warnings on standard error.
fn settings(at: &ConfigPath) -> Result<Config, String> {
    let loaded = configuration(at, false).map_err(|error| error.to_string())?;
    for warning in &loaded.warnings {
        complain(&format!("warning: {warning}"));
    }
    Ok(loaded.config)
}

/// Variables that are text; others cannot name a setting.
fn environment() -> Vec<(String, String)> {
    let pair = |(name, value): (OsString, OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(pair).collect()
}
