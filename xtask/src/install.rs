//! Finding and fetching what the tests call: packages with apt, Go programs and cargo subcommands built
//! once per machine, Node programs installed beside them, and older versions of Berth itself.

mod older;

use std::path::Path;
use std::process::Command;

use crate::shell::{self, Outcome};
use crate::tools::{
    self, CARGO_PROGRAMS, CargoProgram, GO_PEERS, GO_PROGRAMS, GoProgram, NPM_PROGRAMS, NpmProgram,
    OLDER_BERTHS, PACKAGED,
};

/// What the task `tools` is asked for.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Fetches and builds what is missing.
    #[arg(long)]
    install: bool,
    /// Includes the peers that only the benchmark runs.
    #[arg(long)]
    peers: bool,
    /// Prints one line for a shell that puts the built programs on PATH.
    #[arg(long)]
    env: bool,
}

/// Lists every program of the inventory with its place.
pub(crate) fn run(options: &Options) -> Outcome<()> {
    if options.env {
        println!("export PATH={}", tools::path_with_tools().display());
        return Ok(());
    }
    if options.install {
        install(options.peers)?;
    }
    println!("built programs live in {}", tools::cache().display());
    for tool in PACKAGED {
        show(tool.program, tool.package, tool.find().as_deref());
    }
    for tool in go_programs(options.peers) {
        show(tool.program, &format!("{}@{}", tool.module, tool.version), tool.find().as_deref());
    }
    for tool in NPM_PROGRAMS {
        show(tool.program, tool.version, tool.find().as_deref());
    }
    for tool in CARGO_PROGRAMS {
        show(tool.program, tool.version, tool.find().as_deref());
    }
    for tool in OLDER_BERTHS {
        show(tool.program, tool.short(), tool.find().as_deref());
    }
    require(options.peers)
}

/// Fails with every missing program by name and the way to get it.
pub(crate) fn require(peers: bool) -> Outcome<()> {
    let missing = missing(peers);
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!(
        "missing: {}\n       `cargo xtask tools --install{}` fetches them; it needs apt-get (as root), go, npm, cargo and a clone with its history",
        missing.join(", "),
        if peers { " --peers" } else { "" },
    ))
}

/// Fetches and builds what is missing, and names what is missing still.
pub(crate) fn install(peers: bool) -> Outcome<()> {
    install_packages()?;
    for tool in go_programs(peers).filter(|tool| tool.find().is_none()) {
        timed(tool.program, || build_go(tool))?;
    }
    for tool in NPM_PROGRAMS.iter().filter(|tool| tool.find().is_none()) {
        timed(tool.program, || install_npm(tool))?;
    }
    for tool in CARGO_PROGRAMS.iter().filter(|tool| tool.find().is_none()) {
        timed(tool.program, || build_cargo(tool))?;
    }
    build_older()?;
    require(peers)
}

fn build_older() -> Outcome<()> {
    let mut missing = OLDER_BERTHS.iter().filter(|tool| tool.find().is_none()).peekable();
    if missing.peek().is_none() {
        return Ok(());
    }
    let yard = older::Yard::open()?;
    for tool in missing {
        timed(tool.program, || yard.build(tool))?;
    }
    yard.close()
}

fn go_programs(peers: bool) -> impl Iterator<Item = &'static GoProgram> {
    GO_PROGRAMS.iter().chain(GO_PEERS.iter().filter(move |_| peers))
}

fn missing(peers: bool) -> Vec<String> {
    let packaged = PACKAGED.iter().filter(|tool| tool.find().is_none());
    let go = go_programs(peers).filter(|tool| tool.find().is_none());
    let npm = NPM_PROGRAMS.iter().filter(|tool| tool.find().is_none());
    let cargo = CARGO_PROGRAMS.iter().filter(|tool| tool.find().is_none());
    let older = OLDER_BERTHS.iter().filter(|tool| tool.find().is_none());
    packaged
        .map(|tool| format!("{} (package {})", tool.program, tool.package))
        .chain(go.map(|tool| format!("{} ({} {})", tool.program, tool.module, tool.version)))
        .chain(npm.map(|tool| format!("{} {}", tool.program, tool.version)))
        .chain(cargo.map(|tool| format!("{} {}", tool.program, tool.version)))
        .chain(older.map(|tool| format!("{} (commit {})", tool.program, tool.short())))
        .collect()
}

fn show(program: &str, source: &str, place: Option<&Path>) {
    let place = place.map_or_else(|| "MISSING".to_owned(), |path| path.display().to_string());
    println!("{program:<18} {source:<50} {place}");
}

fn install_packages() -> Outcome<()> {
    let mut packages: Vec<_> =
        PACKAGED.iter().filter(|tool| tool.find().is_none()).map(|tool| tool.package).collect();
    packages.dedup();
    if packages.is_empty() {
        return Ok(());
    }
    timed("packages", || {
        if packages.contains(&"postgresql") {
            leave_postgres_alone()?;
        }
        let apt = |arguments: &[&str]| {
            let mut command = Command::new("apt-get");
            // Some of these packages would start a service on a port that the tests use.
            command.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1");
            shell::run(command.arg("-q").args(arguments))
        };
        apt(&["update"])?;
        let install = ["install", "--yes", "--no-install-recommends"];
        apt(&install.into_iter().chain(packages.iter().copied()).collect::<Vec<_>>())
    })
}

/// Without this the package makes a database of its own, which takes port 5432 after the next boot; the
/// tests make theirs. A machine that has PostgreSQL keeps what it has.
fn leave_postgres_alone() -> Outcome<()> {
    let folder = Path::new("/etc/postgresql-common/createcluster.d");
    let file = folder.join("berth-tests.conf");
    let failed = |error: std::io::Error| format!("{}: {error}", file.display());
    std::fs::create_dir_all(folder).map_err(failed)?;
    std::fs::write(&file, "create_main_cluster = false\n").map_err(failed)
}

/// Builds through a module of a few lines: that also works where a module replaces others or nests its
/// path, which `go install` refuses. The `go` line makes go read only the modules that the build needs.
fn build_go(tool: &GoProgram) -> Outcome<()> {
    let folder = tool.folder();
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let module = folder.join("module");
    std::fs::create_dir_all(&module).map_err(failed)?;
    let lines = format!("module tool\ngo 1.24\nrequire {} {}\n", tool.module, tool.version);
    std::fs::write(module.join("go.mod"), lines).map_err(failed)?;
    // Built beside its place and renamed, so that an interrupted build leaves nothing that looks whole.
    let unfinished = module.join(tool.program);
    let mut go = Command::new("go");
    go.current_dir(&module)
        .env("CGO_ENABLED", "0")
        .args(["build", "-mod=mod", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o"])
        .arg(&unfinished)
        .arg(format!("{}/{}", tool.module, tool.package).trim_end_matches('/'));
    shell::run(&mut go)?;
    std::fs::rename(&unfinished, folder.join(tool.program)).map_err(failed)?;
    std::fs::remove_dir_all(&module).map_err(failed)
}

/// Installed beside its place and renamed, for an interrupted installation has its command already. The
/// scripts of packages are not run; none of these needs one.
fn install_npm(tool: &NpmProgram) -> Outcome<()> {
    let folder = tool.folder();
    let unfinished = folder.with_extension("unfinished");
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    for leftover in [&folder, &unfinished].into_iter().filter(|folder| folder.exists()) {
        std::fs::remove_dir_all(leftover).map_err(failed)?;
    }
    std::fs::create_dir_all(&unfinished).map_err(failed)?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"])
        .arg(&unfinished)
        .arg(format!("{}@{}", tool.program, tool.version));
    shell::run(&mut npm)?;
    std::fs::rename(&unfinished, &folder).map_err(failed)
}

/// Without optimisation: these run for seconds, and building them costs minutes.
fn build_cargo(tool: &CargoProgram) -> Outcome<()> {
    let mut cargo = shell::cargo();
    cargo
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .args(["install", "--quiet", "--locked", "--debug", "--no-default-features", "--root"])
        .arg(tool.folder())
        .arg(format!("{}@{}", tool.program, tool.version));
    shell::run(&mut cargo)
}

fn timed(what: &str, work: impl FnOnce() -> Outcome<()>) -> Outcome<()> {
    let begun = shell::now();
    work()?;
    println!("{what}: {:.0} s", begun.elapsed().as_secs_f32());
    Ok(())
}
