//! The whole test, step by step, in the order in which a failure is cheapest to learn. Nothing is
//! skipped: what is missing is a failure.

use std::process::Command;

use crate::image;
use crate::shell::{self, Outcome};
use crate::{conformance, install, tools, workspace};

/// What the task `test` is asked for.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Fetches and builds the programs that are missing, with apt-get, go and cargo.
    #[arg(long)]
    install: bool,
    /// Runs only these steps.
    #[arg(long, value_delimiter = ',', value_enum)]
    only: Vec<Step>,
    /// Runs only the client tests whose name contains this.
    #[arg(long)]
    filter: Option<String>,
    /// Runs every everyday client also on files with PostgreSQL and on a bucket with PostgreSQL, which
    /// takes some eight minutes more. Without it the bucket sees those that ask different things of it.
    #[arg(long)]
    everywhere: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
enum Step {
    Format,
    Lints,
    Licences,
    Advisories,
    Unit,
    Timing,
    Build,
    Conformance,
    ConformanceOfPeer,
    Image,
    Postgres,
    Buckets,
    Replicas,
    Clients,
}

const STEPS: [Step; 14] = [
    Step::Format,
    Step::Lints,
    Step::Licences,
    Step::Advisories,
    Step::Unit,
    Step::Timing,
    Step::Build,
    Step::Conformance,
    Step::ConformanceOfPeer,
    Step::Image,
    Step::Postgres,
    Step::Buckets,
    Step::Replicas,
    Step::Clients,
];

/// The modules of the client tests that run by themselves, one test after the other: they start several
/// servers each, and some of them measure times.
const MATRIX: [&str; 2] = ["adapters::", "matrix::"];
const REPLICAS: [&str; 5] = ["faults::", "replicas::", "rolling::", "storm::", "upgrade::"];
/// The modules of everyday clients, which also run on the other stores. The rest is about files, images and
/// programs rather than about what is below.
const EVERYDAY: [&str; 13] = [
    "access::",
    "buildah::",
    "buildkit::",
    "containerd::",
    "cosign::",
    "crane::",
    "docker::",
    "helm::",
    "kill::",
    "oras::",
    "podman::",
    "regctl::",
    "skopeo::",
];
/// Those of them that ask different things of the stores: chunks and mounts, indexes, artifacts.
const SOME: [&str; 5] = ["crane::", "docker::", "oras::", "podman::", "skopeo::"];
/// How long the storm of faults lasts here; a person who runs it alone gets three minutes.
const STORM_SECONDS: &str = "60";

/// What all steps and the tests in them came to.
#[derive(Default)]
struct Tally {
    passed: u64,
    failed: u64,
    failures: Vec<String>,
    /// The steps that ran, with their seconds.
    took: Vec<(String, f32)>,
}

/// Runs every step, also after one failed, and ends with one line of counts.
pub(crate) fn run(options: &Options) -> Outcome<()> {
    if options.install {
        shell::heading("install");
        install::install(false)?;
    } else {
        install::require(false)?;
    }
    let mut tally = Tally::default();
    for step in STEPS {
        if options.only.is_empty() || options.only.contains(&step) {
            tally.step(step, options);
        }
    }
    shell::heading("result");
    for (step, seconds) in &tally.took {
        println!("{step:<18} {seconds:>5.0} s");
    }
    for failure in &tally.failures {
        println!("FAILED {failure}");
    }
    println!("{} passed, {} failed", tally.passed, tally.failed);
    if tally.failed == 0 { Ok(()) } else { Err(format!("{} failed", tally.failed)) }
}

impl Tally {
    fn step(&mut self, step: Step, options: &Options) {
        let name = format!("{step:?}").to_lowercase();
        shell::heading(&name);
        let failed_before = self.failed;
        let begun = shell::now();
        let done = match step {
            Step::Format => shell::run(shell::cargo().args(["fmt", "--all", "--check"])),
            Step::Lints => lints(),
            Step::Licences => licences(),
            Step::Advisories => advisories(),
            Step::Unit => unit(self),
            Step::Timing => timing(self),
            Step::Build => build(),
            Step::Conformance => conformance::against_berth(|line| self.count(line)),
            Step::ConformanceOfPeer => {
                conformance::against_docker_registry(|line| self.count(line))
            }
            Step::Image => image::build(),
            Step::Postgres => with_postgres(self).and_then(|()| match options.everywhere {
                true => everyday("files+postgres", &EVERYDAY, options, self),
                false => Ok(()),
            }),
            Step::Buckets => alone(&MATRIX, options, self).and_then(|()| {
                let modules = if options.everywhere { &EVERYDAY[..] } else { &SOME[..] };
                everyday("minio+postgres", modules, options, self)
            }),
            Step::Replicas => alone(&REPLICAS, options, self),
            Step::Clients => clients(options, self),
        };
        self.took.push((name.clone(), begun.elapsed().as_secs_f32()));
        match done {
            Ok(()) => self.passed += 1,
            Err(message) => {
                println!("{message}");
                // The tests of this step are counted already; the step itself counts where none were.
                self.failed += u64::from(self.failed == failed_before);
                self.failures.push(format!("{name}: {message}"));
            }
        }
    }

    /// Adds the counts of a closing line: `test result: ok. 3 passed; 0 failed; …` or `3 passed, 0 failed`.
    fn count(&mut self, line: &str) {
        let counts = line
            .strip_prefix("test result: ")
            .map_or(line, |rest| rest.trim_start_matches("ok. ").trim_start_matches("FAILED. "));
        let mut words = counts.split([' ', ',', ';']).filter(|word| !word.is_empty());
        let mut next = |name: &str| {
            let count = words.next()?.parse::<u64>().ok()?;
            (words.next()? == name).then_some(count)
        };
        if let (Some(passed), Some(failed)) = (next("passed"), next("failed")) {
            self.passed += passed;
            self.failed += failed;
        }
    }
}

fn lints() -> Outcome<()> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    shell::run(shell::cargo().args(arguments))
}

fn licences() -> Outcome<()> {
    let arguments = ["deny", "check", "bans", "licenses", "sources"];
    shell::run(shell::cargo().env("PATH", tools::path_with_tools()).args(arguments))
}

/// Advisories from a folder where there is one, so that the step also works without the network.
fn advisories() -> Outcome<()> {
    let beside = workspace::root().join("../shared/advisory-db");
    let folder = std::env::var_os("BERTH_ADVISORY_DB")
        .map(std::path::PathBuf::from)
        .or_else(|| Some(beside).filter(|folder| folder.is_dir()));
    let mut audit = shell::cargo();
    audit.env("PATH", tools::path_with_tools()).arg("audit");
    if let Some(folder) = folder {
        audit.args(["--no-fetch", "--stale", "--db"]).arg(folder);
    }
    shell::run(&mut audit)
}

fn unit(tally: &mut Tally) -> Outcome<()> {
    let mut test = shell::cargo();
    shell::run_watched(test.args(["test", "--workspace", "--no-fail-fast"]), |line| {
        tally.count(line);
    })
}

/// What a stopwatch tells somebody who may not know it. By itself: whatever runs beside it is noise.
fn timing(tally: &mut Tally) -> Outcome<()> {
    let mut test = shell::cargo();
    test.args(["test", "--workspace", "--test", "it", "--no-fail-fast", "--", "--ignored"]);
    shell::run_watched(test.args(["--test-threads=1", "timing::"]), |line| tally.count(line))
}

fn build() -> Outcome<()> {
    shell::run(shell::cargo().args(["build", "--release", "--package", "berth"]))
}

/// The tests that need a PostgreSQL or an LDAP server, which a plain `cargo test` passes over. As
/// part of the workspace, so that nothing is compiled a second time.
fn with_postgres(tally: &mut Tally) -> Outcome<()> {
    let mut test = shell::cargo();
    test.args(["test", "--workspace", "--lib", "--no-fail-fast", "--", "--ignored"]);
    test.args(["--test-threads=2", "postgres::", "directory::"]);
    shell::run_watched(&mut test, |line| tally.count(line))?;
    let mut moved = shell::cargo();
    moved.env("PATH", tools::path_with_tools());
    moved.args(["test", "--workspace", "--test", "it", "--no-fail-fast", "--", "--ignored"]);
    shell::run_watched(
        moved.args(["--test-threads=1", "moved::", "directory::", "doctor::"]),
        |line| {
            tally.count(line);
        },
    )
}

/// The client tests of these modules, one after the other. With a filter the last step runs what it names.
fn alone(modules: &[&str], options: &Options, tally: &mut Tally) -> Outcome<()> {
    if options.filter.is_some() {
        return Ok(());
    }
    let arguments: Vec<_> = ["--test-threads=1"].iter().chain(modules).copied().collect();
    client_tests("", &arguments, tally)
}

/// The everyday clients with these stores below the registry.
fn everyday(stores: &str, modules: &[&str], options: &Options, tally: &mut Tally) -> Outcome<()> {
    if options.filter.is_some() {
        return Ok(());
    }
    let arguments: Vec<_> = ["--test-threads=2"].iter().chain(modules).copied().collect();
    client_tests(stores, &arguments, tally)
}

/// All other client tests, or those that the filter names.
fn clients(options: &Options, tally: &mut Tally) -> Outcome<()> {
    let mut arguments = vec!["--test-threads=2"];
    match &options.filter {
        Some(filter) => arguments.push(filter),
        None => arguments.extend(MATRIX.iter().chain(&REPLICAS).flat_map(|one| ["--skip", one])),
    }
    client_tests("", &arguments, tally)
}

/// The real clients, in namespaces of their own: port 5000 is free there, the engine's bridge and
/// firewall rules stay there, and nothing outlives the run, not even a mount.
fn client_tests(stores: &str, arguments: &[&str], tally: &mut Tally) -> Outcome<()> {
    let build = ["test", "--workspace", "--test", "clients", "--no-run"];
    shell::run(shell::cargo().args(build))?;
    let mut apart = Command::new("unshare");
    apart
        .current_dir(workspace::root())
        .env("PATH", tools::path_with_tools())
        .env("BERTH_BIN", workspace::berth())
        .env("BERTH_IMAGE", image::archive())
        .env("CLIENTS_STORM_SECONDS", STORM_SECONDS)
        .env("CARGO_NET_OFFLINE", "true")
        .args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"])
        .args(["sh", "-c", "ip link set lo up && exec \"$@\"", "sh"])
        .args(["cargo", "test", "--workspace", "--test", "clients", "--", "--include-ignored"])
        .args(arguments);
    if !stores.is_empty() {
        apart.env("CLIENTS_STORES", stores);
    }
    shell::run_watched(&mut apart, |line| tally.count(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(line: &str) -> (u64, u64) {
        let mut tally = Tally::default();
        tally.count(line);
        (tally.passed, tally.failed)
    }

    #[test]
    fn closing_lines_of_cargo_test_and_of_the_suite_are_counted() {
        let ok = "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out";
        assert_eq!(counted(ok), (12, 0));
        assert_eq!(counted("test result: FAILED. 3 passed; 2 failed; 0 ignored"), (3, 2));
        assert_eq!(counted("151 passed, 4 failed"), (151, 4));
    }

    #[test]
    fn other_lines_count_nothing() {
        assert_eq!(counted("test push_by_tag_moves_the_tag ... ok"), (0, 0));
        assert_eq!(counted("2 passed the door"), (0, 0));
        assert_eq!(counted(""), (0, 0));
    }
}
