//! Opening the metadata that the configuration names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use metastore::{MetadataStore, OpenOptions, Postgres, PostgresOptions, Sqlite};
use store::StoreError;

use super::World;
use crate::config::Config;
use crate::config::berth::Metadata;
use crate::config::berth::metadata::{MetadataAt, Password};
use crate::config::berth::postgres::PostgresUrl;
use crate::process::lock::own_directory;

/// Opens it, making or migrating what is there.
pub(super) async fn open(
    config: &Config,
    world: &World,
) -> Result<Arc<dyn MetadataStore>, StoreError> {
    let metadata = &config.berth.metadata;
    match &metadata.at {
        MetadataAt::Beside => {
            let root = config.storage.local_root().map_err(StoreError::Failed)?;
            sqlite(own_directory(root)).await
        }
        MetadataAt::Sqlite(directory) => sqlite(directory.clone()).await,
        MetadataAt::Postgres(url) => {
            let options = options(metadata, url, world).map_err(StoreError::Failed)?;
            Ok(Postgres::open(options).await?)
        }
    }
}

async fn sqlite(path: PathBuf) -> Result<Arc<dyn MetadataStore>, StoreError> {
    let options = OpenOptions { path, synchronous_off: false };
    let opening = tokio::task::spawn_blocking(move || Sqlite::open(options));
    let opened = opening.await.map_err(|error| StoreError::Failed(error.to_string()))?;
    Ok(opened?)
}

pub(super) fn options(
    metadata: &Metadata,
    url: &PostgresUrl,
    world: &World,
) -> Result<PostgresOptions, String> {
    let parsed = PostgresOptions::from_url(url.reveal());
    let parsed = parsed.map_err(|error| format!("berth.metadata.url: {error}"))?;
    let password = match &metadata.password {
        None => parsed.password.clone(),
        Some(Password::Given(password)) => Some(password.reveal().to_owned()),
        Some(Password::File(path)) => Some(password_in(path)?),
    };
    Ok(PostgresOptions {
        password,
        max_connections: metadata.max_connections as usize,
        prepared: metadata.prepared_statements,
        random: world.random.clone(),
        ..parsed
    })
}

fn password_in(path: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        format!("berth.metadata.password_file: {}: {error}; name a readable file", path.display())
    })?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
