//! What a registry keeps its data in when that is more than a folder: an object store of its own, and
//! for Berth a database server of its own.

mod calls;
mod minio;
mod postgres;
mod signature;

use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::process::Process;
use crate::servers::Server;

pub(crate) use calls::Calls;
pub(crate) use minio::{Minio, READY, command as minio_command};
pub(crate) use signature::signed;

/// Where all registries of a run keep their blobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum StoreKind {
    /// A folder on the disk.
    Files,
    /// A bucket, each registry with a MinIO of its own.
    Minio,
}

/// The servers behind one registry; they end after it.
#[derive(Default)]
pub(crate) struct Backing {
    /// The object store, unless blobs lie in files.
    pub(crate) minio: Option<Minio>,
    postgres: Option<postgres::Postgres>,
    /// A folder for SQLite, where a setting must name it.
    sqlite: Option<PathBuf>,
    /// A folder for the local cache of hot blobs, where there is one.
    pub(crate) cache: Option<PathBuf>,
}

impl Backing {
    /// Starts on `folder` what `server` needs; the folder may hold the data of an earlier start.
    pub(crate) fn start(kind: StoreKind, server: Server, folder: &Path) -> Outcome<Self> {
        if kind == StoreKind::Files || !server.is_registry() {
            return Ok(Self::default());
        }
        let minio = Some(Minio::start(&folder.join("minio"))?);
        let postgres = match server {
            Server::Berth => Some(postgres::Postgres::start(&folder.join("postgres"))?),
            _ => None,
        };
        let is_cached = server == Server::BerthCached;
        let cache = is_cached.then(|| folder.join("cache"));
        let sqlite = (is_cached || server == Server::BerthSqlite).then(|| folder.join("sqlite"));
        Ok(Self { minio, postgres, sqlite, cache })
    }

    /// The address of the database, as it stands in `berth.metadata.url`.
    pub(crate) fn metadata_url(&self) -> Option<String> {
        let sqlite = || self.sqlite.as_ref().map(|folder| format!("sqlite:{}", folder.display()));
        self.postgres.as_ref().map(postgres::Postgres::url).or_else(sqlite)
    }

    /// CPU seconds of all of them.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let minio = self.minio.as_ref().map(Minio::process);
        let postgres = self.postgres.as_ref().map(postgres::Postgres::process);
        [minio, postgres].into_iter().flatten().map(Process::cpu_seconds).sum()
    }
}

/// Names every program that is missing for what `servers` need.
pub(crate) fn require(kind: StoreKind, servers: &[Server]) -> Outcome<()> {
    if kind == StoreKind::Files {
        return Ok(());
    }
    minio::program()?;
    if servers.contains(&Server::Berth) {
        postgres::programs()?;
    }
    Ok(())
}
