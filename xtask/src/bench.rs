//! The benchmark: the release build of Berth and of the bench program, with every peer on PATH.

use crate::shell::{self, Outcome};
use crate::{tools, workspace};

/// What is handed to the benchmark as it stands.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The benchmark's own options.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Builds, then measures.
pub(crate) fn run(options: &Options) -> Outcome<()> {
    shell::run(shell::cargo().args(["build", "--release", "--package", "berth"]))?;
    let mut bench = shell::cargo();
    bench
        .env("PATH", tools::path_with_tools())
        .env("BERTH_BIN", workspace::berth())
        .args(["run", "--quiet", "--release", "--package", "bench", "--"])
        .args(&options.arguments);
    shell::run(&mut bench)
}
