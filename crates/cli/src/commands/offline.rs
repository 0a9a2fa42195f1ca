//! `berth garbage-collect | import | export`: beside a running server they are
//! handed to it; without one they open the store themselves.

use std::path::Path;

use store::Lease;
use tokio::sync::watch;
use workers::{Shutdown, WorkError, leased};

use crate::args::{ConfigPath, GarbageCollect, Import};
use crate::config::Config;
use crate::process::control;
use crate::process::lock::StoreLock;
use crate::process::owner;
use crate::process::signals::Signals;
use crate::terminal::Terminal;
use crate::wire::{self, Stores, World, open_stores};
use crate::work::{self, MAINTENANCE, Others, Work, perform};

use super::{follow_storage_owner, runtime, settings};

/// Removes what nothing needs.
pub(super) fn garbage_collect(options: &GarbageCollect) -> Result<(), String> {
    let work =
        Work::GarbageCollect { dry_run: options.dry_run, delete_untagged: options.delete_untagged };
    run(&options.at, Task { work, rehash: false }, options.quiet)
}

/// Takes over a tree.
pub(super) fn import(options: &Import) -> Result<(), String> {
    run(&options.at, Task { work: Work::Import, rehash: !options.no_verify }, false)
}

/// Writes the tree for the original.
pub(super) fn export(at: &ConfigPath) -> Result<(), String> {
    run(at, Task { work: Work::Export, rehash: false }, false)
}

/// What is to be done, by whoever owns the store.
#[derive(Clone, Copy)]
struct Task {
    work: Work,
    /// Whether to hash what was imported afterwards, if it is us who own the store. A server does
    /// that by itself.
    rehash: bool,
}

fn run(at: &ConfigPath, task: Task, quiet: bool) -> Result<(), String> {
    let config = settings(at)?;
    let world = World::real();
    let runtime = runtime()?;
    let terminal = Terminal::new(quiet, world.clock.clone());
    let result = runtime.block_on(async {
        let Some(home) = wire::home(&config) else {
            return beside_replicas(&config, world, task, &terminal).await;
        };
        match control::hand_over(&home, task.work.into(), &terminal).await {
            Some(answer) => answer,
            None => alone(&config, &home, world, task, &terminal).await,
        }
    });
    terminal.finish();
    let summary = result?;
    terminal.say(&summary);
    Ok(())
}

/// Does it in this process, which owns the stores meanwhile.
async fn alone(
    config: &Config,
    home: &Path,
    world: World,
    task: Task,
    terminal: &Terminal,
) -> Result<String, String> {
    let _lock = own(config, home)?;
    let stores = open_owned(config, world).await?;
    let done = interruptibly(async |shutdown| {
        act(&stores, task, Others::Absent, terminal, shutdown).await
    })
    .await;
    stores.metadata.close().await;
    done
}

/// Does it in this process while replicas may serve.
async fn beside_replicas(
    config: &Config,
    world: World,
    task: Task,
    terminal: &Terminal,
) -> Result<String, String> {
    let stores = open_owned(config, world).await?;
    let lease = Lease { name: MAINTENANCE.to_owned(), holder: stores.holder.clone() };
    let done = interruptibly(async |shutdown| {
        let work = async { Ok(act(&stores, task, Others::Present, terminal, shutdown).await) };
        match leased::run(&*stores.metadata, lease, work).await {
            Ok(Some(done)) => done,
            Ok(None) => {
                Err("another process collects garbage, imports or exports now; try again later"
                    .to_owned())
            }
            Err(error) => Err(error.to_string()),
        }
    });
    let done = done.await;
    stores.metadata.close().await;
    done
}

/// The stores, whose bucket must be that of their database: whoever else would
/// collect garbage there would take everything for garbage.
async fn open_owned(config: &Config, world: World) -> Result<Stores, String> {
    let stores = open_stores(config, world).await.map_err(|error| error.to_string())?;
    owner::own(&stores).await.map_err(|error| error.to_string())?;
    Ok(stores)
}

/// The first signal asks the work to end, a second one ends it.
pub(super) async fn interruptibly(
    work: impl AsyncFnOnce(&Shutdown) -> Result<String, String>,
) -> Result<String, String> {
    let mut signals = Signals::new()?;
    let (stop, stopping) = watch::channel(false);
    let shutdown = Shutdown::new(stopping);
    let twice = async {
        signals.end().await;
        stop.send_replace(true);
        signals.end().await;
    };
    tokio::select! {
        done = work(&shutdown) => done,
        () = twice => Err("ended by a second signal".to_owned()),
    }
}

/// The lock of the stores, under the uid of the storage directory's owner.
fn own(config: &Config, home: &Path) -> Result<StoreLock, String> {
    follow_storage_owner(config)?;
    let shown = home.display();
    let lock = StoreLock::at(home).map_err(|error| format!("{shown}: {error}"))?;
    lock.ok_or_else(|| format!("a server owns {shown} but does not answer on its control socket"))
}

async fn act(
    stores: &Stores,
    task: Task,
    others: Others,
    terminal: &Terminal,
    shutdown: &Shutdown,
) -> Result<String, String> {
    let in_words = |error: WorkError| error.to_string();
    let summary = perform(task.work, stores, others, terminal, shutdown).await.map_err(in_words)?;
    if task.work != Work::Import {
        return Ok(summary);
    }
    let Some(waiting) = work::unverified(stores).await.map_err(in_words)? else {
        return Ok(summary);
    };
    if !task.rehash {
        return Ok(format!("{summary}; {waiting} are left for the server to re-hash"));
    }
    terminal.say(&summary);
    terminal.say(&format!("{waiting} are re-hashed now; Ctrl-C leaves the rest to the server"));
    match work::rehash(stores, terminal, shutdown).await {
        Err(WorkError::Interrupted) => {
            let left = work::unverified(stores).await.map_err(in_words)?;
            Err(match left {
                Some(left) => format!(
                    "interrupted: {left} are left to re-hash; the next `berth import` goes on \
                     there, or the server when it starts"
                ),
                None => WorkError::Interrupted.to_string(),
            })
        }
        other => other.map_err(in_words),
    }
}
