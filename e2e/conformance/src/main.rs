//! The suite as a command. It only reads arguments and prints; the library does the work.

use clap::Parser;
use conformance::{Expectations, Report, Target};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Tests a registry against the distribution protocol and prints a table.
///
/// With --expect, tests that fail as listed count as passed in the last line.
#[derive(Debug, Parser)]
#[command(name = "conformance")]
struct Arguments {
    /// The registry, as http://host:port
    url: String,
    /// Only tests whose name contains this, or whose group, rule or pitfall is this
    #[arg(long, default_value = "")]
    filter: String,
    /// User name for Basic credentials
    #[arg(long)]
    user: Option<String>,
    /// Password for Basic credentials
    #[arg(long, requires = "user")]
    password: Option<String>,
    /// File that lists the tests that are expected to fail
    #[arg(long)]
    expect: Option<PathBuf>,
    /// File to write the table to, in Markdown
    #[arg(long)]
    markdown: Option<PathBuf>,
}

fn main() -> ExitCode {
    match test(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("conformance: {message}");
            ExitCode::from(2)
        }
    }
}

/// True when the run went as it should.
fn test(arguments: &Arguments) -> Result<bool, String> {
    let expectations = arguments.expect.as_deref().map(read_expectations).transpose()?;
    let mut target = Target::new(&arguments.url);
    target.username.clone_from(&arguments.user);
    target.password.clone_from(&arguments.password);
    let report = conformance::run(&target, &arguments.filter);
    let table = report.markdown();
    println!("{table}");
    if let Some(path) = &arguments.markdown {
        std::fs::write(path, &table).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    if report.results.is_empty() {
        return Err(format!("no test matches the filter {:?}", arguments.filter));
    }
    Ok(print_end(&report, expectations.as_ref()))
}

fn read_expectations(path: &Path) -> Result<Expectations, String> {
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Expectations::parse(&text))
}

fn print_end(report: &Report, expectations: Option<&Expectations>) -> bool {
    let (passed, failed) = match expectations {
        None => (report.count("pass"), report.count("fail")),
        Some(expectations) => {
            let surprises = expectations.surprises(report);
            for surprise in &surprises {
                println!("SURPRISE {surprise}");
            }
            let ran = report.count("pass") + report.count("fail");
            (ran.saturating_sub(surprises.len()), surprises.len())
        }
    };
    println!("{} on {}", report.summary(), report.url);
    println!("{passed} passed, {failed} failed");
    failed == 0
}
