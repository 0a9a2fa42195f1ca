//! Trying the stores of a configuration without opening a registry on them.

use std::path::Path;

use blobstore::Bucket;
use metastore::{MetadataStore as _, Postgres, PostgresLook};
use store::{AccountKind, AccountStore as _};

use super::{World, bucket, metadata};
use crate::config::Config;
use crate::config::berth::metadata::MetadataAt;

/// Users that are read at once.
const PAGE: usize = 1_000;

/// What became of one store.
pub(crate) struct Tried {
    /// The setting that names it.
    pub(crate) setting: String,
    /// What it can do, or why it cannot be used.
    pub(crate) outcome: Result<String, String>,
}

/// Tries both stores, and the folder of the local cache. In a bucket some objects are written and removed again;
/// nothing else is changed.
pub(crate) async fn trial(config: &Config, world: &World) -> Vec<Tried> {
    let mut tried = vec![bytes(config, world).await, database(config, world).await];
    if let Some(cache) = &config.berth.storage.cache {
        let setting = "berth.storage.cache.directory".to_owned();
        tried.push(Tried { setting, outcome: writable(&cache.directory) });
    }
    tried
}

async fn bytes(config: &Config, world: &World) -> Tried {
    let setting = format!("storage.{}", config.storage.driver.name());
    let outcome = match (bucket::settings(&config.storage.driver), config.storage.local_root()) {
        (None, Ok(root)) => writable(root),
        (None, Err(error)) => Err(error),
        (Some(settings), _) => {
            let tried = async {
                let bucket = Bucket::connect(&settings)?;
                let probe = bucket.probe(&*world.random).await?;
                Ok::<_, store::StoreError>((bucket.name().to_owned(), probe))
            };
            tried.await.map_err(|error| error.to_string()).map(|(name, probe)| {
                let can = |can, what| if can { what } else { "" };
                format!(
                    "{name} keeps what it is given{}{}",
                    can(probe.creates, ", writes under conditions"),
                    can(probe.signs, ", signs addresses for clients"),
                )
            })
        }
    };
    Tried { setting, outcome }
}

/// Tries the database alone.
pub(crate) async fn database(config: &Config, world: &World) -> Tried {
    let settings = &config.berth.metadata;
    let outcome = match &settings.at {
        MetadataAt::Beside => Ok("SQLite in the storage directory, for one process".to_owned()),
        MetadataAt::Sqlite(directory) => {
            writable(directory).map(|text| format!("SQLite for one process; {text}"))
        }
        MetadataAt::Postgres(url) => match metadata::options(settings, url, world) {
            Ok(options) => match Postgres::look(options).await {
                Ok(look) => Ok(described(&look)),
                // Without its password, which no text of an address shows.
                Err(error) => Err(format!("{url}: {error}")),
            },
            Err(error) => Err(error),
        },
    };
    Tried { setting: "berth.metadata.url".to_owned(), outcome }
}

/// How many enabled administrators a database server knows, on the first page of
/// its users; `None` if there is none, it cannot be asked, or opening it would
/// change its tables.
pub(crate) async fn administrators(config: &Config, world: &World) -> Option<usize> {
    let settings = &config.berth.metadata;
    let MetadataAt::Postgres(url) = &settings.at else { return None };
    let options = || metadata::options(settings, url, world).ok();
    let look = Postgres::look(options()?).await.ok()?;
    if look.schema != look.newest {
        return None;
    }
    let database = Postgres::open(options()?).await.ok()?;
    let users = database.accounts(AccountKind::User, None, PAGE).await;
    database.close().await;
    let users = users.ok()?;
    let admins = users.iter().filter(|user| user.is_admin && !user.is_disabled).count();
    (admins > 0 || users.len() < PAGE).then_some(admins)
}

fn described(look: &PostgresLook) -> String {
    let PostgresLook { version, schema, newest } = look;
    let tables = match *schema {
        0 => "no tables yet".to_owned(),
        schema if schema < *newest => format!("tables of schema {schema}, to become {newest}"),
        schema => format!("tables of schema {schema}"),
    };
    format!("PostgreSQL {version} for any number of replicas; {tables}")
}

/// Whether a file could be made there, or in the first folder above that is there already.
fn writable(directory: &Path) -> Result<String, String> {
    let shown = directory.display();
    let nearest = directory.ancestors().find(|folder| folder.exists());
    let Some(nearest) = nearest else { return Err(format!("{shown} has no folder above it")) };
    if !nearest.is_dir() {
        return Err(format!("{} is no directory", nearest.display()));
    }
    let access = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    match rustix::fs::access(nearest, access) {
        Ok(()) if nearest == directory => Ok(format!("{shown} is writable")),
        Ok(()) => Ok(format!("{shown} will be made")),
        Err(error) => {
            Err(format!("{}: {error}; make it writable for this user", nearest.display()))
        }
    }
}
