//! `berth move`: the whole registry to other stores, and the proof that it got there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use indicatif::BinaryBytes;
use metastore::MetadataStore;
use workers::import::{NeedsImport, needs_import};
use workers::transfer::{self, Side, Source, Transfer, TransferError, TransferReport};
use workers::{Observer, Shutdown, WorkError};

use crate::args::{ConfigPath, Move};
use crate::config::Config;
use crate::process::lock::StoreLock;
use crate::process::privileges::follow_owner;
use crate::terminal::Terminal;
use crate::wire::{self, Stores, World, open_stores};

use super::offline::interruptibly;
use super::{complain, configuration_with, settings};

/// What a registry knows of itself and takes along: the key of upload ids.
const SETTINGS: [&str; 1] = ["upload-key"];

/// Moves everything from the stores of one configuration to those of another.
pub(super) fn run(options: &Move) -> Result<(), String> {
    let config = settings(&options.at)?;
    let world = World::real();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime cannot start: {error}"))?;
    let terminal = Terminal::new(false, world.clock.clone());
    let moving = Moving { to: options.to.clone(), resume: options.resume };
    let result = runtime.block_on(carry(&config, world, &moving, &terminal));
    terminal.finish();
    terminal.say(&result?);
    let config = options.at.config.as_deref().unwrap_or(Path::new("OLD-CONFIG"));
    let (to, from) = (options.to.display(), config.display());
    terminal.say(&format!("next: start the server with {to}; the source is as it was"));
    terminal.say(&format!("the way back: berth move --resume --to {from} {to}"));
    Ok(())
}

/// Where everything is to go.
struct Moving {
    /// The configuration that the target is served with.
    to: PathBuf,
    /// Whether the target may be one that an earlier move has filled.
    resume: bool,
}

/// Opens the source, which nobody may write to, and moves it.
async fn carry(
    config: &Config,
    world: World,
    moving: &Moving,
    terminal: &Terminal,
) -> Result<String, String> {
    if let Some(root) = config.storage.root_directory() {
        if !root.is_dir() {
            let shown = root.display();
            return Err(format!("storage.filesystem.rootdirectory: {shown} is no directory"));
        }
        follow_owner(root)?;
    }
    let lock = lock(config, "stop it for the time of the move")?;
    if lock.is_none() {
        terminal.say(
            "all replicas of the source must be stopped, or read-only \
             (storage.maintenance.readonly): what they are sent meanwhile may not be moved",
        );
    }
    let from = open_stores(config, world.clone()).await.map_err(|error| error.to_string())?;
    let work = async |shutdown: &Shutdown| into(&from, world, moving, terminal, shutdown).await;
    let done = interruptibly(work).await;
    from.metadata.close().await;
    done
}

/// Opens the target and fills it.
async fn into(
    from: &Stores,
    world: World,
    moving: &Moving,
    observer: &dyn Observer,
    shutdown: &Shutdown,
) -> Result<String, String> {
    look_for_import(from, "source").await?;
    let target = target(&moving.to)?;
    let in_target = |text: String| format!("{}: {text}", moving.to.display());
    let _lock = lock(&target, "a target must not be in use").map_err(in_target)?;
    let to = open_stores(&target, world).await.map_err(|error| in_target(error.to_string()))?;
    let done = match look_for_import(&to, "target").await {
        Ok(()) => {
            let plan = plan(from, &to, moving.resume);
            transfer::run(&plan, observer, shutdown).await.map_err(in_words)
        }
        Err(text) => Err(text),
    };
    to.metadata.close().await;
    done.map(|report| summary(&report))
}

/// The configuration of the target. The environment describes the source, so it has no say here.
fn target(path: &Path) -> Result<Config, String> {
    let at = ConfigPath { config: Some(path.to_owned()) };
    let loaded = configuration_with(&at, Vec::new(), false).map_err(|error| error.to_string())?;
    for warning in &loaded.warnings {
        complain(&format!("warning: {}: {warning}", path.display()));
    }
    Ok(loaded.config)
}

/// The lock of stores that one process has to own; `None` if replicas share them.
fn lock(config: &Config, otherwise: &str) -> Result<Option<StoreLock>, String> {
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

fn plan(from: &Stores, to: &Stores, resume: bool) -> Transfer {
    Transfer {
        from: side(from),
        to: side(to),
        source: Source::Still,
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
    format!(
        "source and target agree: {} repositories, {} manifests, {} tags, {} links of blobs; \
         {} blobs ({}) were copied; {} findings",
        holds.repositories,
        holds.manifests,
        holds.tags,
        holds.links,
        moved.blobs,
        BinaryBytes(moved.bytes),
        report.findings.total()
    )
}
