//! Moving a registry to the stores of another configuration, by whoever owns its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use indicatif::BinaryBytes;
use metastore::MetadataStore;
use serde::{Deserialize, Serialize};
use workers::import::{NeedsImport, needs_import};
use workers::transfer::{self, Side, Source, Transfer, TransferError, TransferReport};
use workers::{Observer, Shutdown, WorkError};

use crate::config::{Config, Source as ConfigSource, load};
use crate::process::lock::StoreLock;
use crate::process::owner;
use crate::wire::{self, Stores, UPLOAD_KEY, open_stores};

/// What the progress of a move is called.
pub(crate) const PHASE: &str = "move";

/// Where everything is to go.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Moving {
    /// The configuration that the target is served with; an absolute path.
    pub(crate) to: PathBuf,
    /// Whether the target may be one that an earlier move has filled.
    pub(crate) resume: bool,
}

/// Opens the target and fills it.
pub(crate) async fn into(
    from: &Stores,
    source: Source,
    moving: &Moving,
    observer: &dyn Observer,
    shutdown: &Shutdown,
) -> Result<String, String> {
    look_for_import(from, "source").await?;
    let target = target(&moving.to, observer)?;
    let in_target = |text: String| format!("{}: {text}", moving.to.display());
    let _lock = lock(&target, "a target must not be in use").map_err(in_target)?;
    let to = open_stores(&target, from.world.clone())
        .await
        .map_err(|error| in_target(error.to_string()))?;
    owner::own(&to).await.map_err(|error| in_target(error.to_string()))?;
    let done = match look_for_import(&to, "target").await {
        Ok(()) => {
            let plan = plan(from, &to, source, moving.resume);
            transfer::run(&plan, observer, shutdown).await.map_err(in_words)
        }
        Err(text) => Err(text),
    };
    to.metadata.close().await;
    done.map(|report| summary(&report))
}

/// The configuration of the target. The environment describes the source, so it has no say here.
fn target(path: &Path, observer: &dyn Observer) -> Result<Config, String> {
    let source = ConfigSource::Argument(path.to_owned());
    let loaded = load(&source, Vec::new(), false).map_err(|error| error.to_string())?;
    for warning in &loaded.warnings {
        observer.line(&format!("warning: {}: {warning}", path.display()));
    }
    Ok(loaded.config)
}

/// The lock of stores that one process has to own; `None` if replicas share them.
pub(crate) fn lock(config: &Config, otherwise: &str) -> Result<Option<StoreLock>, String> {
    let Some(home) = wire::home(config) else { return Ok(None) };
    let shown = home.display();
    match StoreLock::at(&home).map_err(|error| format!("{shown}: {error}"))? {
        Some(lock) => Ok(Some(lock)),
        None => Err(format!("a server owns {shown}; {otherwise}")),
    }
}

/// What lies in the tree of the original and is not in the metadata would stay behind.
async fn look_for_import(stores: &Stores, side: &str) -> Result<(), String> {
    let needs = needs_import(&*stores.tree, &*stores.metadata).await;
    match needs.map_err(|error| error.to_string())? {
        NeedsImport::FirstTime | NeedsImport::ChangedSince => Err(format!(
            "another registry has written to the storage of the {side}: `berth import` that first, \
             or choose another one"
        )),
        NeedsImport::Fresh | NeedsImport::UpToDate | NeedsImport::ExportUnfinished => Ok(()),
    }
}

fn plan(from: &Stores, to: &Stores, source: Source, resume: bool) -> Transfer {
    Transfer {
        from: side(from),
        to: side(to),
        source,
        resume,
        settings: vec![UPLOAD_KEY],
        clock: from.world.clock.clone(),
        random: from.world.random.clone(),
    }
}

fn side(stores: &Stores) -> Side {
    let metadata: &Arc<dyn MetadataStore> = &stores.metadata;
    Side {
        walk: metadata.clone(),
        content: metadata.clone(),
        import: metadata.clone(),
        counters: metadata.clone(),
        settings: metadata.clone(),
        blobs: stores.blobs.clone(),
    }
}

fn in_words(error: TransferError) -> String {
    match error {
        TransferError::Work(WorkError::Interrupted) => {
            "interrupted; run it again with --resume to go on".to_owned()
        }
        other => other.to_string(),
    }
}

fn summary(report: &TransferReport) -> String {
    let (moved, holds) = (&report.moved, &report.holds);
    let frozen = match report.frozen.as_secs() {
        0 => String::new(),
        seconds => format!("; the last {seconds} s frozen"),
    };
    format!(
        "source and target agree: {} repositories, {} manifests, {} tags, {} links of blobs; \
         {} blobs ({}) were copied{frozen}; {} findings",
        holds.repositories,
        holds.manifests,
        holds.tags,
        holds.links,
        moved.blobs,
        BinaryBytes(moved.bytes),
        report.findings.total()
    )
}
