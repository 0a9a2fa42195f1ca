//! The command line, in three dresses.
//!
//! Called as `berth` it has all commands. Called as `registry` it answers as
//! the original does, so that scripts and `docker exec registry bin/registry …`
//! go on working. Called as `entrypoint.sh` it does what the original image's
//! shell script does, in an image that has no shell.

pub(crate) mod access;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

/// Our own name.
const OWN: &str = "berth";
/// The original's name.
const ORIGINAL: &str = "registry";
/// The name of the script in the original's image.
const SCRIPT: &str = "entrypoint.sh";

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Invocation {
    /// One of our commands.
    Command(Command),
    /// Another program, with its arguments.
    Execute(Vec<OsString>),
    /// Nothing but words on standard error.
    Words {
        /// What is said.
        text: String,
        /// The exit status.
        status: u8,
    },
}

/// A container registry: docker's registry:2 and :3, faster and safer.
#[derive(Debug, Parser)]
#[command(name = "berth", version, disable_version_flag = true, arg_required_else_help = true)]
struct Berth {
    /// Print the version.
    #[arg(short = 'v', long, global = false)]
    version: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the registry.
    Serve(Serve),
    /// Remove content that nothing needs. Beside a running server, it does the work.
    #[command(name = "garbage-collect")]
    GarbageCollect(GarbageCollect),
    /// Take over, or merge, a storage directory that the original wrote.
    Import(Import),
    /// Write the storage directory so that the original can serve it.
    Export(ConfigPath),
    /// Move everything to the stores of another configuration. Beside a running server, it does
    /// the work and serves on.
    Move(Move),
    #[command(flatten)]
    Access(Box<access::AccessCommand>),
    /// Look at the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look for trouble: configuration, storage, network, accounts.
    Doctor(ConfigPath),
    /// Hand the storage directory to the user of `berth.run_as`.
    Adopt(ConfigPath),
    /// Make a line for an htpasswd file, as Apache's `htpasswd -Bbn` does.
    Htpasswd(Htpasswd),
    /// Print a completion script for a shell.
    #[command(visible_alias = "completion")]
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Print the version.
    Version,
}

/// Where the configuration is.
#[derive(Debug, Args)]
pub(crate) struct ConfigPath {
    /// The configuration file. Without it: REGISTRY_CONFIGURATION_PATH,
    /// /etc/distribution/config.yml, /etc/docker/registry/config.yml, defaults.
    pub(crate) config: Option<PathBuf>,
}

/// How to serve.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Which part of the work to do, instead of berth.role; other than all only where replicas
    /// share a PostgreSQL database.
    #[arg(long, value_parser = ["all", "http", "workers"])]
    pub(crate) role: Option<String>,
    #[command(flatten)]
    pub(crate) at: ConfigPath,
}

/// How to check.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Only read the configuration: do not try the stores that it names.
    #[arg(long)]
    pub(crate) offline: bool,
    #[command(flatten)]
    pub(crate) at: ConfigPath,
}

/// How to collect.
#[derive(Debug, Args)]
pub(crate) struct GarbageCollect {
    /// Only say what would be removed.
    #[arg(short = 'd', long)]
    pub(crate) dry_run: bool,
    /// Also remove manifests that no tag, index or subject keeps.
    #[arg(short = 'm', long)]
    pub(crate) delete_untagged: bool,
    /// Say nothing but errors.
    #[arg(short, long)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) at: ConfigPath,
}

/// How to import.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// End when links and manifests are taken over: leave the re-hashing of blobs to the server.
    #[arg(long)]
    pub(crate) no_verify: bool,
    #[command(flatten)]
    pub(crate) at: ConfigPath,
}

/// How to move.
#[derive(Debug, Args)]
pub(crate) struct Move {
    /// The configuration file of the target. Variables of the environment do not count for it.
    #[arg(long, value_name = "NEW-CONFIG", required_unless_present = "thaw")]
    pub(crate) to: Option<PathBuf>,
    /// Go on with an earlier move between the two: only what differs is copied, and what the
    /// source no longer has is removed from the target.
    #[arg(long)]
    pub(crate) resume: bool,
    /// Move nothing: let the replicas of CONFIG take writes again, which a move has frozen.
    #[arg(long, conflicts_with_all = ["to", "resume"])]
    pub(crate) thaw: bool,
    #[command(flatten)]
    pub(crate) at: ConfigPath,
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Report every mistake, unknown keys included, and what the stores can do.
    Check(Check),
    /// Print the settings in force, without secrets.
    Show(ConfigPath),
    /// Print the default configuration.
    Default,
}

/// How to make the line.
#[derive(Debug, Args)]
pub(crate) struct Htpasswd {
    /// Use bcrypt. Always so; accepted because it is customary.
    #[arg(short = 'B')]
    pub(crate) bcrypt: bool,
    /// Take the password from the command line instead of standard input.
    #[arg(short = 'b')]
    pub(crate) batch: bool,
    /// Take the password from standard input. The default; accepted because it is customary.
    #[arg(short = 'i')]
    pub(crate) stdin: bool,
    /// Print the line. Always so; accepted because it is customary.
    #[arg(short = 'n')]
    pub(crate) print: bool,
    /// The bcrypt cost, 4 to 17.
    #[arg(short = 'C', value_name = "COST", default_value_t = 10, value_parser = clap::value_parser!(u32).range(4..=17))]
    pub(crate) cost: u32,
    /// The user.
    pub(crate) user: String,
    /// The password, with -b.
    pub(crate) password: Option<String>,
}

/// Reads the command line; the error says what is wrong and how to exit.
/// `configured` is true if `REGISTRY_CONFIGURATION_PATH` names a file.
pub(crate) fn read(arguments: Vec<OsString>, configured: bool) -> Result<Invocation, clap::Error> {
    match arguments.first().map(|first| file_name(first)).as_deref() {
        Some(SCRIPT) => entrypoint(arguments, configured),
        Some(ORIGINAL) => registry(arguments, configured),
        _ => parse(OWN, arguments).map(Invocation::Command),
    }
}

/// What the original says to nothing, and to a command that needs a configuration and was given
/// none. Everything else it does under our rules.
fn registry(arguments: Vec<OsString>, configured: bool) -> Result<Invocation, clap::Error> {
    if arguments.len() <= 1 {
        let text = definition(ORIGINAL).render_help().to_string();
        return Ok(Invocation::Words { text, status: 0 });
    }
    let command = parse(ORIGINAL, arguments)?;
    match &command {
        Command::Serve(Serve { at: ConfigPath { config: None }, .. }) if !configured => {
            Ok(unspecified("serve"))
        }
        Command::GarbageCollect(GarbageCollect { at: ConfigPath { config: None }, .. })
            if !configured =>
        {
            Ok(unspecified("garbage-collect"))
        }
        _ => Ok(Invocation::Command(command)),
    }
}

fn unspecified(command: &str) -> Invocation {
    let text = format!(
        "configuration error: configuration path unspecified; \
         name a file or set REGISTRY_CONFIGURATION_PATH\n\
         Usage:\n  {ORIGINAL} {command} <config> [flags]\n"
    );
    Invocation::Words { text, status: 1 }
}

/// The rules of the original image's script.
fn entrypoint(arguments: Vec<OsString>, configured: bool) -> Result<Invocation, clap::Error> {
    let rest: Vec<OsString> = arguments.into_iter().skip(1).collect();
    let first = rest.first().map(|first| first.to_string_lossy().into_owned()).unwrap_or_default();
    let registry = |rest: Vec<OsString>| {
        let arguments = std::iter::once(OsString::from(ORIGINAL)).chain(rest).collect();
        registry(arguments, configured)
    };
    if first.ends_with(".yml") || first.ends_with(".yaml") {
        registry(std::iter::once(OsString::from("serve")).chain(rest).collect())
    } else if matches!(first.as_str(), "serve" | "garbage-collect" | "help" | "")
        || first.starts_with('-')
    {
        registry(rest)
    } else {
        Ok(Invocation::Execute(rest))
    }
}

fn parse(name: &'static str, arguments: Vec<OsString>) -> Result<Command, clap::Error> {
    let matches = definition(name).try_get_matches_from(arguments)?;
    let parsed = Berth::from_arg_matches(&matches)?;
    match parsed.command {
        Some(command) => Ok(command),
        None if parsed.version => Ok(Command::Version),
        None => Err(definition(name)
            .error(clap::error::ErrorKind::MissingSubcommand, "a command is needed; see --help")),
    }
}

/// What this program is called now: the script of the original image calls `registry`.
pub(crate) fn own_name() -> String {
    let called = std::env::args_os().next().unwrap_or_else(|| "berth".into());
    if file_name(&called) == SCRIPT {
        ORIGINAL.to_owned()
    } else {
        called.to_string_lossy().into_owned()
    }
}

/// The program that completions are for: the one that is asked.
pub(crate) fn completed_name() -> &'static str {
    if file_name(OsStr::new(&own_name())) == ORIGINAL { ORIGINAL } else { OWN }
}

/// The definition under a name, for help and completions.
pub(crate) fn definition(name: &'static str) -> clap::Command {
    Berth::command().name(name).bin_name(name)
}

fn file_name(path: &OsStr) -> String {
    Path::new(path).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(arguments: &[&str]) -> Result<Invocation, clap::Error> {
        read(arguments.iter().map(OsString::from).collect(), false)
    }

    #[test]
    fn the_definition_is_sound() {
        definition(OWN).debug_assert();
    }

    #[test]
    fn the_entrypoint_follows_the_rules_of_the_original_image() {
        let serve = reads(&["/entrypoint.sh", "/etc/docker/registry/config.yml"]).unwrap();
        assert!(matches!(
            serve,
            Invocation::Command(Command::Serve(Serve { at: ConfigPath { config: Some(_) }, .. }))
        ));
        let collect = reads(&["/entrypoint.sh", "garbage-collect", "-m", "x.yml"]).unwrap();
        assert!(matches!(
            collect,
            Invocation::Command(Command::GarbageCollect(GarbageCollect {
                delete_untagged: true,
                ..
            }))
        ));
        let version = reads(&["/entrypoint.sh", "--version"]).unwrap();
        assert!(matches!(version, Invocation::Command(Command::Version)));
        let other = reads(&["/entrypoint.sh", "du", "-sh", "/x"]).unwrap();
        assert!(matches!(other, Invocation::Execute(program) if program == ["du", "-sh", "/x"]));
    }

    #[test]
    fn the_tutorial_s_htpasswd_line_is_understood() {
        let made = reads(&["berth", "htpasswd", "-Bbn", "testuser", "testpassword"]).unwrap();
        let Invocation::Command(Command::Htpasswd(made)) = made else { panic!("{made:?}") };
        assert_eq!(
            (made.user.as_str(), made.password.as_deref()),
            ("testuser", Some("testpassword"))
        );
    }
}
