//! The binary: configuration, commands, and the one page where everything meets.

mod args;
mod commands;
mod config;
mod logging;
mod moving;
mod process;
mod terminal;
mod wire;
mod work;

use std::ffi::OsString;
use std::process::ExitCode;

use args::Invocation;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let path = std::env::var_os("REGISTRY_CONFIGURATION_PATH");
    match args::read(arguments, path.is_some_and(|path| !path.is_empty())) {
        Ok(Invocation::Command(command)) => commands::run(command),
        Ok(Invocation::Execute(program)) => commands::execute(program),
        Ok(Invocation::Words { text, status }) => {
            commands::complain(text.trim_end());
            ExitCode::from(status)
        }
        Err(error) => error.exit(),
    }
}
