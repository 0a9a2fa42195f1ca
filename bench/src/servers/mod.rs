//! The programs under measurement: where each is found, how it is configured and started. All keep
//! their data in the folder they are given, or in the store behind them, listen on loopback, and write
//! no access log.

mod nginx;
mod registries;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;
use crate::backing::{self, Backing, StoreKind};

pub(crate) use nginx::{BLOB_TARGET, MANIFEST_TARGET, text as nginx_text, write_blob};

/// A server under measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Server {
    Berth,
    /// On a bucket with SQLite, beside the one with PostgreSQL.
    BerthSqlite,
    /// The same with a local cache of hot blobs.
    BerthCached,
    DockerRegistry,
    Distribution,
    Olareg,
    Nginx,
    /// The store itself.
    Minio,
}

impl Server {
    /// Those that can be measured on a kind of store, in the order of the table.
    pub(crate) fn all(kind: StoreKind) -> &'static [Self] {
        use Server::{
            Berth, BerthCached, BerthSqlite, Distribution, DockerRegistry, Minio, Nginx, Olareg,
        };
        match kind {
            StoreKind::Files => &[Berth, DockerRegistry, Distribution, Olareg, Nginx],
            StoreKind::Minio => {
                &[Berth, BerthSqlite, BerthCached, DockerRegistry, Distribution, Minio]
            }
        }
    }

    /// True for every way in which Berth runs here.
    pub(crate) fn is_berth(self) -> bool {
        matches!(self, Self::Berth | Self::BerthSqlite | Self::BerthCached)
    }

    /// The name in the table and on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Berth => "berth",
            Self::BerthSqlite => "berth-sqlite",
            Self::BerthCached => "berth-cached",
            Self::DockerRegistry => "docker-registry",
            Self::Distribution => "distribution",
            Self::Olareg => "olareg",
            Self::Nginx => "nginx",
            Self::Minio => "minio",
        }
    }

    /// False for what only shows how fast the machine or the store is.
    pub(crate) fn is_registry(self) -> bool {
        !matches!(self, Self::Nginx | Self::Minio)
    }

    /// True for what Berth is compared with.
    pub(crate) fn is_peer(self) -> bool {
        self.is_registry() && !self.is_berth()
    }

    /// What answers 200 once the server is ready.
    pub(crate) fn ready_target(self) -> &'static str {
        if self == Self::Minio { backing::READY } else { "/v2/" }
    }

    /// The program, or how to get it.
    pub(crate) fn find(self) -> Outcome<PathBuf> {
        let (place, way) = match self {
            Self::Berth | Self::BerthSqlite | Self::BerthCached => {
                (berth(), "`cargo build --release -p berth`, or set BERTH_BIN")
            }
            Self::DockerRegistry => (on_path("docker-registry"), "package docker-registry"),
            Self::Distribution => (built("registry", "v3.1.2"), PEERS),
            Self::Olareg => (built("olareg", "v0.1.2"), PEERS),
            Self::Nginx => (on_path("nginx"), "package nginx-light"),
            Self::Minio => (on_path("minio"), "`cargo xtask tools --install`"),
        };
        place
            .filter(|place| place.is_file())
            .ok_or_else(|| format!("{} is missing ({way})", self.name()))
    }

    /// The version that the program states.
    pub(crate) fn version(self, program: &Path) -> String {
        let argument = match self {
            Self::Berth | Self::BerthSqlite | Self::BerthCached | Self::Olareg => "version",
            Self::DockerRegistry | Self::Distribution | Self::Minio => "--version",
            Self::Nginx => "-v",
        };
        let output = Command::new(program).arg(argument).output();
        let text = output.map(|output| [output.stdout, output.stderr].concat()).unwrap_or_default();
        match version_in(&String::from_utf8_lossy(&text)) {
            Some(version) => version,
            // Programs built from a module without its repository do not know their version.
            None if self == Self::Distribution => "3.1.2".into(),
            None if self == Self::Olareg => "0.1.2".into(),
            None if self == Self::Minio => built_version(program).unwrap_or_default(),
            None => "of unknown version".into(),
        }
    }

    /// Writes the configuration into `folder` and gives the command that serves it on `port`.
    pub(crate) fn command(
        self,
        program: &Path,
        folder: &Path,
        port: u16,
        backing: &Backing,
    ) -> Outcome<Command> {
        let mut command = Command::new(program);
        // Ours to read, and no setting of the registry, which would refuse it.
        command.env_remove("BERTH_BIN").env_remove("BERTH_TOOLS_DIR");
        // What somebody set up for Amazon is not for this store; docker-registry does not even start
        // with a bundle of authorities.
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("AWS_")) {
                command.env_remove(name);
            }
        }
        match self {
            Self::Berth
            | Self::BerthSqlite
            | Self::BerthCached
            | Self::DockerRegistry
            | Self::Distribution => {
                let config = registries::write_config(self, folder, port, backing)?;
                command.arg("serve").arg(config).env("OTEL_TRACES_EXPORTER", "none");
            }
            Self::Olareg => registries::olareg(&mut command, folder, port)?,
            Self::Nginx => nginx::configure(&mut command, folder, port)?,
            Self::Minio => return backing::minio_command(program, folder, port),
        }
        Ok(command)
    }
}

const PEERS: &str = "`cargo xtask tools --install --peers`";

fn berth() -> Option<PathBuf> {
    set("BERTH_BIN").or_else(|| {
        let own = std::env::current_exe().ok()?;
        Some(own.parent()?.join("berth"))
    })
}

/// A program of the tools cache, one folder for each version.
fn built(program: &str, version: &str) -> Option<PathBuf> {
    let cache = set("BERTH_TOOLS_DIR")
        .or_else(|| set("XDG_CACHE_HOME").map(|folder| folder.join("berth-tools")))
        .or_else(|| set("HOME").map(|folder| folder.join(".cache/berth-tools")))
        .unwrap_or_else(|| std::env::temp_dir().join("berth-tools"));
    Some(cache.join(format!("{program}-{version}")).join(program))
}

fn set(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// The day in the name of the folder of a program that was built from a module without versions.
fn built_version(program: &Path) -> Option<String> {
    let folder = program.parent()?.file_name()?.to_str()?;
    folder.rsplit('-').nth(1)?.get(..8).map(str::to_owned)
}

/// The first word that looks like a version.
fn version_in(text: &str) -> Option<String> {
    text.split(|character: char| character.is_whitespace() || "/\",".contains(character))
        .map(|word| word.strip_prefix('v').unwrap_or(word))
        .find(|word| word.starts_with(|first: char| first.is_ascii_digit()) && word.contains('.'))
        .map(|word| word.split(['+', '~']).next().unwrap_or(word).to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{built_version, version_in};

    #[test]
    fn a_program_without_versions_is_named_by_its_day() {
        let program = Path::new("/tools/minio-v0.0.0-20260212201848-7aac2a2c5b7c/minio");
        assert_eq!(built_version(program).as_deref(), Some("20260212"));
        assert_eq!(built_version(Path::new("/usr/bin/minio")), None);
    }

    #[test]
    fn versions_are_found_in_what_programs_print() {
        let found = |text| version_in(text).unwrap_or_default();
        assert_eq!(found("nginx version: nginx/1.22.1\n"), "1.22.1");
        assert_eq!(found("docker-registry github.com/docker/distribution 2.8.2+ds1"), "2.8.2");
        assert_eq!(found("berth 0.1.0 (linux)"), "0.1.0");
        assert_eq!(found("registry github.com/distribution/distribution/v3 v3.1.2"), "3.1.2");
        assert_eq!(found("no number"), "");
    }
}
