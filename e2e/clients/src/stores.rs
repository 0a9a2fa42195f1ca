//! The stores below a registry under test, when a run asks for others than the default.

use std::path::Path;

use crate::minio::Minio;
use crate::postgres::Postgres;

/// What `CLIENTS_STORES` may ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stores {
    /// A folder, and what is known of it in PostgreSQL: `files+postgres`.
    FilesAndPostgres,
    /// A bucket and PostgreSQL: `minio+postgres`.
    MinioAndPostgres,
}

impl Stores {
    /// What this run asks for; nothing is the registry's own default.
    pub(crate) fn asked_for() -> Option<Self> {
        match std::env::var("CLIENTS_STORES").ok()?.as_str() {
            "" | "files+sqlite" => None,
            "files+postgres" => Some(Self::FilesAndPostgres),
            "minio+postgres" => Some(Self::MinioAndPostgres),
            other => panic!("CLIENTS_STORES={other}: files+sqlite, files+postgres, minio+postgres"),
        }
    }

    /// Starts what it takes, for one registry alone.
    pub(crate) fn start(self) -> Servers {
        let store = (self == Self::MinioAndPostgres).then(Minio::start);
        Servers { store, postgres: Postgres::start() }
    }
}

/// Servers that live as long as their registry.
#[derive(Debug)]
pub(crate) struct Servers {
    store: Option<Minio>,
    postgres: Postgres,
}

impl Servers {
    /// The driver's lines of `storage`, where it is not a folder.
    pub(crate) fn storage(&self) -> Option<String> {
        self.store.as_ref().map(Minio::section)
    }

    /// `berth.metadata.url`.
    pub(crate) fn metadata(&self) -> String {
        self.postgres.url()
    }

    /// Where the bytes are in the end, where that is not the folder of `storage`.
    pub(crate) fn root(&self) -> Option<&Path> {
        self.store.as_ref().map(Minio::root)
    }
}
