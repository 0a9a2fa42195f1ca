//! Replicas on one bucket and one database, with a balancer before them: what an operator of several
//! machines runs, on one.

use crate::balancer::{Balancer, Retry};
use crate::minio::Minio;
use crate::postgres::Postgres;
use crate::registry::{Program, Registry, Settings};

/// Signs upload ids that any replica takes back.
const SECRET: &str = "shared-by-the-replicas-of-a-test";

/// A running cluster on MinIO and PostgreSQL.
#[derive(Debug)]
pub struct Cluster {
    /// Where clients go.
    pub balancer: Balancer,
    /// Every one knows the same.
    pub replicas: Vec<Registry>,
    /// Where the bytes are.
    pub store: Minio,
    /// Where everything else is.
    pub postgres: Postgres,
}

impl Cluster {
    /// Starts this many replicas.
    pub fn start(count: usize, retry: Retry) -> Self {
        Self::with(count, retry, "")
    }

    /// The same with this top-level section in every configuration.
    pub fn with(count: usize, retry: Retry, section: &str) -> Self {
        let (store, postgres) = (Minio::start(), Postgres::start());
        let (storage, metadata) = (store.section(), postgres.url());
        let one = |_| settings(&storage, &metadata).with_section(section).start();
        let replicas: Vec<_> = (0..count).map(one).collect();
        let balancer = Balancer::before(replicas.iter().map(Registry::host), retry);
        Self { balancer, replicas, store, postgres }
    }

    /// The log of every replica, for a failure's message.
    pub fn logs(&self) -> String {
        let logs = self.replicas.iter().map(Registry::last_words);
        logs.enumerate().map(|(number, log)| format!("--- replica {number}\n{log}\n")).collect()
    }
}

/// One more process on this store (a driver's lines of `storage`) and this database.
pub fn replica(storage: &str, metadata: &str) -> Registry {
    settings(storage, metadata).start()
}

/// The settings of such a process.
pub(crate) fn settings(storage: &str, metadata: &str) -> Settings {
    settings_of(Program::Berth, storage, metadata)
}

/// The settings of such a process of this version.
pub fn settings_of(program: Program, storage: &str, metadata: &str) -> Settings {
    let settings = Settings::of(program).with_storage(storage).with_metadata(metadata);
    settings.with_secret(SECRET)
}
