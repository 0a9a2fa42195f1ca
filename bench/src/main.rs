//! Measures Berth beside other registries and nginx in one run, with one client program for all, and
//! prints a Markdown table of medians and ratios. `docs/benchmark.md` says how to read it.

mod access;
mod backing;
mod clock;
mod content;
mod drive;
mod folder;
mod http;
mod machine;
mod options;
mod process;
mod random;
mod report;
mod run;
mod running;
mod seed;
mod servers;
mod table;
mod works;

use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

/// What a step yields, or a sentence for the person at the terminal.
type Outcome<T> = Result<T, String>;

fn main() -> ExitCode {
    let options = options::Options::parse();
    // One thread: the other cores belong to the server under measurement, and the client must never
    // take more than one.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = runtime
        .map_err(|error| format!("the client's runtime: {error}"))
        .and_then(|runtime| runtime.block_on(until_stopped(measure(&options))));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(options: &options::Options) -> Outcome<()> {
    if options.access { access::run(options).await } else { run::run(options).await }
}

/// Lets go of a run on a signal, which ends its servers and deletes its folder.
async fn until_stopped(run: impl Future<Output = Outcome<()>>) -> Outcome<()> {
    let failed = |error| format!("listening for signals: {error}");
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    tokio::select! {
        done = run => done,
        _ = interrupt.recv() => Err("interrupted".into()),
        _ = terminate.recv() => Err("terminated".into()),
    }
}
