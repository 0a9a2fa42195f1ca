//! Whether a tree has to be imported, asked when the registry starts.

use store::SettingsStore;

use super::cursor;
use crate::WorkError;
use crate::tree::Tree;

/// What the tree is to the metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NeedsImport {
    /// There is no repository in the tree, and there never was an import or export.
    Fresh,
    /// The tree holds repositories and no import was ever finished: import before serving.
    FirstTime,
    /// Another registry has written since the last import or export: `berth import` merges that.
    ChangedSince,
    /// An export was interrupted, so the tree is Berth's work in part: run `berth export` again.
    ExportUnfinished,
    /// Nothing to do.
    UpToDate,
}

/// Whether an import or export was ever finished. Costs one look-up.
///
/// # Errors
/// When the settings cannot be read.
pub async fn was_imported(settings: &dyn SettingsStore) -> Result<bool, WorkError> {
    Ok(cursor::stamp(settings).await?.is_some())
}

/// Compares the tree with what was imported or exported last. Until the first import is finished
/// this ends at the first repository; after that it takes the tree's stamp, which costs some
/// directory reads per repository and one file time per tag, or a list of all links of a bucket, so
/// ask beside serving.
///
/// # Errors
/// When the tree or the settings cannot be read.
pub async fn needs_import(
    tree: &dyn Tree,
    settings: &dyn SettingsStore,
) -> Result<NeedsImport, WorkError> {
    if cursor::export_is_open(settings).await? {
        return Ok(NeedsImport::ExportUnfinished);
    }
    let Some(known) = cursor::stamp(settings).await? else {
        return Ok(match tree.holds_repositories().await? {
            true => NeedsImport::FirstTime,
            false => NeedsImport::Fresh,
        });
    };
    Ok(match tree.stamp().await? == known {
        true => NeedsImport::UpToDate,
        false => NeedsImport::ChangedSince,
    })
}
