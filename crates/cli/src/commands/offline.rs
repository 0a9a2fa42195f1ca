//! `berth garbage-collect | import | export`: beside a running server they are
//! handed to it; without one they open the store themselves.

use workers::Shutdown;

use crate::args::{ConfigPath, GarbageCollect};
use crate::process::control;
use crate::process::lock::StoreLock;
use crate::process::privileges::follow_owner;
use crate::terminal::Terminal;
use crate::wire::{World, open_stores};
use crate::work::{Work, perform};

use super::settings;

/// Removes what nothing needs.
pub(super) fn garbage_collect(options: &GarbageCollect) -> Result<(), String> {
    let work =
        Work::GarbageCollect { dry_run: options.dry_run, delete_untagged: options.delete_untagged };
    run(&options.at, work, options.quiet)
}

/// Takes over a tree.
pub(super) fn import(at: &ConfigPath) -> Result<(), String> {
    run(at, Work::Import, false)
}

/// Writes the tree for the original.
pub(super) fn export(at: &ConfigPath) -> Result<(), String> {
    run(at, Work::Export, false)
}

fn run(at: &ConfigPath, work: Work, quiet: bool) -> Result<(), String> {
    let config = settings(at)?;
    let root = &config.storage.filesystem.root_directory;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime cannot start: {error}"))?;
    let terminal = Terminal::new(quiet);
    let result = runtime.block_on(async {
        if let Some(answer) = control::hand_over(root, work, &terminal).await {
            return answer;
        }
        let shown = root.display();
        if !root.is_dir() {
            return Err(format!("storage.filesystem.rootdirectory: {shown} is no directory"));
        }
        follow_owner(root)?;
        let lock = StoreLock::try_take(root).map_err(|error| format!("{shown}: {error}"))?;
        let Some(_lock) = lock else {
            return Err(format!("a server owns {shown} but does not answer on its control socket"));
        };
        let stores = open_stores(&config, World::real()).map_err(|error| error.to_string())?;
        let done = perform(work, &stores, &terminal, &Shutdown::never()).await;
        stores.metadata.close();
        done.map_err(|error| error.to_string())
    });
    terminal.finish();
    let summary = result?;
    terminal.say(&summary);
    Ok(())
}
