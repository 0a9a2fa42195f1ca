//! Tasks of this repository, one file each: `cargo xtask --help` lists them.

mod bench;
mod conformance;
mod image;
mod install;
mod shell;
mod test;
mod tools;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tasks of this repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Everything: format, lints, licences, advisories, tests, conformance, real clients.
    Test(test::Options),
    /// Lists the programs that the tests need, where they stand, and what is missing.
    Tools(install::Options),
    /// Runs the conformance suite against a registry: `cargo xtask conformance http://HOST:PORT`.
    Conformance(conformance::Options),
    /// Builds the container image and leaves an archive for `docker load` under target/image/.
    Image(image::Options),
    /// Measures Berth beside its peers.
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Test(options) => test::run(&options),
        Task::Tools(options) => install::run(&options),
        Task::Conformance(options) => conformance::run(&options),
        Task::Image(options) => image::run(&options),
        Task::Bench(options) => bench::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}
