//! The binary: configuration, commands, and the one page where everything meets.

mod args;
mod commands;
mod config;
mod logging;
mod process;
mod terminal;
mod wire;
mod work;

use std::ffi::OsString;
use std::process::ExitCode;

use args::Invocation;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    match args::read(arguments) {
        Ok(Invocation::Command(command)) => commands::run(command),
        Ok(Invocation::Execute(program)) => commands::execute(program),
        Err(error) => error.exit(),
    }
}
