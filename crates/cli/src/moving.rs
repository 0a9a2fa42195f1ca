//! Moving a registry to the stores of another configuration, by whoever owns its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use indicatif::BinaryBytes;
use metastore::{Frozen, MetadataStore};
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

/// What a registry knows of itself that moves along: what signs the ids of uploads and the tokens of
/// accounts, and the hash of what makes the first administrator.
const SETTINGS: [&str; 4] = [UPLOAD_KEY, "token-keys", "token-keys-before", "setup-secret"];

/// For the moment between a freeze and its staying.
const FREEZE_AGAIN: Duration = Duration::from_secs(60);

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
            let refrozen = thaw(&to, moving.resume).await.map_err(in_target);
            match refrozen {
                Ok(was_frozen) => {
                    let done = transfer::run(&plan, observer, shutdown).await;
                    if was_frozen && done.as_ref().is_err_and(is_refusal) {
                        freeze_again(&to).await;
                    }
                    done.map_err(in_words)
                }
                Err(text) => Err(text),
            }
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

/// A target that was moved away takes writes again when it is moved back to; whether it was one.
async fn thaw(target: &Stores, resume: bool) -> Result<bool, String> {
    let Some(freezing) = target.metadata.freezing() else { return Ok(false) };
    let text = |error: store::StoreError| error.to_string();
    match freezing.frozen_content().await.map_err(text)? {
        None => Ok(false),
        Some(Frozen::ForNow) => Err("its content is being moved away just now".to_owned()),
        Some(Frozen::ForGood) if !resume => Err("its content has moved away, so it is frozen; \
             --resume moves back to it, berth move --thaw lets it take writes again"
            .to_owned()),
        Some(Frozen::ForGood) => {
            freezing.thaw_content().await.map_err(text)?;
            Ok(true)
        }
    }
}

/// Whether nothing was written to the target.
fn is_refusal(error: &TransferError) -> bool {
    use TransferError as Error;
    matches!(
        error,
        Error::Same
            | Error::TargetHolds(_)
            | Error::TargetHasAccounts(_)
            | Error::NotATwin
            | Error::Changed
    )
}

/// A target that was not moved back to stays as it was.
async fn freeze_again(target: &Stores) {
    let Some(freezing) = target.metadata.freezing() else { return };
    let again = async {
        freezing.freeze_content(&target.holder, FREEZE_AGAIN).await?;
        freezing.keep_frozen(&target.holder, None).await
    };
    if let Err(error) = again.await {
        tracing::warn!(%error, "the target, which had moved away, takes writes again");
    }
}

fn plan(from: &Stores, to: &Stores, source: Source, resume: bool) -> Transfer {
    Transfer {
        from: side(from),
        to: side(to),
        source,
        resume,
        settings: SETTINGS.to_vec(),
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
        history: metadata.clone(),
        accounts: metadata.clone(),
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
    let access = match (holds.accounts, holds.grants, report.lines) {
        (0, 0, 0) => String::new(),
        (accounts, grants, lines) => {
            format!(", {accounts} accounts, {grants} grants, {lines} audit lines")
        }
    };
    format!(
        "source and target agree: {} repositories, {} manifests, {} tags, {} links of blobs{access}; \
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
