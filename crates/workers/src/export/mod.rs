//! Export: writing the links back, so that the original registry can serve the directory again.
//!
//! The metadata is the truth and the tree becomes its copy: what is missing is written, what is
//! gone from the metadata is removed, what is right already is not touched. Bytes that do not lie at
//! their digest's own place get a second name there, in a directory; a bucket copies them by itself,
//! and how many these are is said before. Blobs and manifests that live in the metadata are written
//! out.
//!
//! It runs repository by repository, also beside a serving registry. Within one, names are read
//! before what they name and written after it (blob, layer link, revision link, tag index link,
//! tag current link), so whatever is pushed meanwhile, the tree never holds a name whose content
//! it lacks; a push during the export waits for the next one.
//!
//! An export refuses to run over a tree that another registry has written since the last import:
//! it would remove what it does not know. It can be interrupted and run again.

mod foretell;
mod repository;
mod unheld;

use std::collections::HashSet;
use std::sync::Arc;

use oci::RepositoryName;
use store::{ContentStore, Page, SettingsStore, WalkStore};

use crate::import::{NeedsImport, begin_export, end_export, needs_import};
use crate::tree::TreeWriter;
use crate::{Findings, Observer, Progress, Shutdown, WorkError};

pub use repository::Exported;

/// Repositories in one page.
const PAGE: usize = 500;

/// What an export needs.
#[derive(Clone)]
pub struct Export {
    /// Where to write.
    pub tree: Arc<dyn TreeWriter>,
    /// Lists what there is.
    pub walk: Arc<dyn WalkStore>,
    /// Says where the bytes of a blob are.
    pub content: Arc<dyn ContentStore>,
    /// Where the stamp is kept.
    pub settings: Arc<dyn SettingsStore>,
}

/// What an export did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportReport {
    /// What the tree now holds and what was changed for that.
    pub exported: Exported,
    /// Repositories of the tree that were removed, being gone from the metadata.
    pub repositories_removed: u64,
    /// What the original cannot serve, and bytes that are missing.
    pub findings: Findings,
}

/// Makes the tree say what the metadata says.
///
/// # Errors
/// [`WorkError::NotImported`] when the tree holds what was never imported; a failure of tree or
/// store; the shutdown signal. The tree is sound at every moment, if not complete.
pub async fn run(
    export: &Export,
    observer: &dyn Observer,
    shutdown: &Shutdown,
) -> Result<ExportReport, WorkError> {
    let tree: &dyn crate::tree::Tree = export.tree.as_ref();
    match needs_import(tree, export.settings.as_ref()).await? {
        NeedsImport::FirstTime | NeedsImport::ChangedSince => return Err(WorkError::NotImported),
        NeedsImport::Fresh | NeedsImport::UpToDate | NeedsImport::ExportUnfinished => {}
    }
    begin_export(export.settings.as_ref()).await?;
    foretell::copies(export, observer, shutdown).await?;
    let mut report = ExportReport::default();
    let names = repositories(export).await?;
    let total = names.len() as u64;
    for (name, done) in names.iter().zip(1..) {
        if shutdown.requested() {
            return Err(WorkError::Interrupted);
        }
        let (exported, findings) = repository::export(export, name).await?;
        findings.iter().for_each(|finding| observer.finding(finding));
        report.findings.extend(findings);
        report.exported.add(&exported);
        let message = name.as_str().to_owned();
        observer.progress(&Progress {
            phase: "export",
            done,
            total: Some(total),
            bytes: 0,
            message,
        });
    }
    report.repositories_removed = remove_gone(export, &names, observer).await?;
    export.tree.sync().await?;
    end_export(export.settings.as_ref(), &export.tree.stamp().await?).await?;
    Ok(report)
}

async fn repositories(export: &Export) -> Result<Vec<RepositoryName>, WorkError> {
    let mut names = Vec::new();
    let mut page = Page::first(PAGE);
    loop {
        let some = export.walk.walk_repositories(page).await?;
        let Some(last) = some.last() else { return Ok(names) };
        page = Page::after(last.as_str().to_owned(), PAGE);
        names.extend(some);
    }
}

/// Removes repositories that the metadata does not have, not even those made a moment ago.
async fn remove_gone(
    export: &Export,
    names: &[RepositoryName],
    observer: &dyn Observer,
) -> Result<u64, WorkError> {
    let known: HashSet<_> = names.iter().collect();
    let in_tree = export.tree.repositories().await?;
    let mut removed = 0;
    for name in in_tree.items.iter().filter(|name| !known.contains(name)) {
        if export.content.repository_exists(name).await? {
            continue;
        }
        export.tree.remove_repository(name).await?;
        observer.line(&format!("{name}: removed from the tree"));
        removed += 1;
    }
    Ok(removed)
}
