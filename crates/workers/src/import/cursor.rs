//! What an import keeps between runs: how far it came, and the stamp of the tree that it read.

use oci::RepositoryName;
use serde::{Deserialize, Serialize};
use store::{SettingsStore, StoreError};

use crate::WorkError;
use crate::tree::Stamp;

/// Setting that holds the stamp of the tree as of the last whole import or export.
const STAMP: &str = "tree.stamp";
/// Setting that holds the place where an interrupted import goes on; empty if there is none.
const CURSOR: &str = "import.cursor";
/// Setting that is empty unless an export is under way or was interrupted.
const EXPORT: &str = "export.state";

#[derive(Debug, Serialize, Deserialize)]
struct Cursor {
    /// The last repository of which all before are finished too.
    after: String,
    /// The tree as it was when the import began.
    stamp: Stamp,
}

/// The repository after which to go on; `None` begins at the front, also when the tree has changed
/// since the interrupted run began.
pub(super) async fn resume(
    settings: &dyn SettingsStore,
    now: &Stamp,
) -> Result<Option<String>, WorkError> {
    let kept: Option<Cursor> = read(settings, CURSOR).await?;
    Ok(kept.filter(|cursor| cursor.stamp == *now).map(|cursor| cursor.after))
}

/// Notes that everything up to `last` is finished.
pub(super) async fn keep(
    settings: &dyn SettingsStore,
    last: &RepositoryName,
    stamp: &Stamp,
) -> Result<(), WorkError> {
    let cursor = Cursor { after: last.as_str().to_owned(), stamp: stamp.clone() };
    write(settings, CURSOR, &cursor).await
}

/// Notes that the whole tree, as it was at `stamp`, is imported.
pub(super) async fn finish(settings: &dyn SettingsStore, stamp: &Stamp) -> Result<(), WorkError> {
    write(settings, STAMP, stamp).await?;
    settings.set_setting(CURSOR, Vec::new()).await?;
    Ok(())
}

/// Notes that from now on it is Berth that changes the tree.
pub(crate) async fn begin_export(settings: &dyn SettingsStore) -> Result<(), WorkError> {
    settings.set_setting(EXPORT, b"open".to_vec()).await?;
    Ok(())
}

/// Notes that the tree, as it is at `stamp`, says what the metadata says.
pub(crate) async fn end_export(
    settings: &dyn SettingsStore,
    stamp: &Stamp,
) -> Result<(), WorkError> {
    write(settings, STAMP, stamp).await?;
    settings.set_setting(EXPORT, Vec::new()).await?;
    Ok(())
}

/// Whether an export began and did not end.
pub(super) async fn export_is_open(settings: &dyn SettingsStore) -> Result<bool, WorkError> {
    Ok(settings.setting(EXPORT).await?.is_some_and(|value| !value.is_empty()))
}

/// The stamp of the last whole import or export.
pub(super) async fn stamp(settings: &dyn SettingsStore) -> Result<Option<Stamp>, WorkError> {
    read(settings, STAMP).await
}

/// A setting that is empty, or that another version wrote in another form, counts as none: the
/// import then does more than it must, never less.
async fn read<T: for<'a> Deserialize<'a>>(
    settings: &dyn SettingsStore,
    key: &str,
) -> Result<Option<T>, WorkError> {
    let value = settings.setting(key).await?;
    Ok(value.and_then(|value| serde_json::from_slice(&value).ok()))
}

async fn write<T: Serialize>(
    settings: &dyn SettingsStore,
    key: &str,
    value: &T,
) -> Result<(), WorkError> {
    let text = serde_json::to_vec(value)
        .map_err(|error| StoreError::Failed(format!("writing setting {key}: {error}")))?;
    settings.set_setting(key, text).await?;
    Ok(())
}
