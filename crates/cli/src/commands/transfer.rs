//! `berth move`: the whole registry to other stores. Beside a running server, it does the work and
//! serves on meanwhile; without one the command does it.

use std::path::Path;
use std::sync::Arc;

use workers::Shutdown;
use workers::transfer::Source;

use crate::args::Move;
use crate::config::Config;
use crate::moving::{self, Moving, lock};
use crate::process::{control, freeze};
use crate::terminal::Terminal;
use crate::wire::{self, World, open_stores};

use super::offline::interruptibly;
use super::{follow_storage_owner, runtime, settings};

/// Moves everything from the stores of one configuration to those of another.
pub(super) fn run(options: &Move) -> Result<(), String> {
    let config = settings(&options.at)?;
    let world = World::real();
    let runtime = runtime()?;
    let terminal = Terminal::new(false, world.clock.clone());
    let Some(to) = &options.to else {
        return runtime.block_on(thaw(&config, world));
    };
    let path = to.canonicalize().map_err(|error| format!("--to: {}: {error}", to.display()))?;
    let moving = Moving { to: path, resume: options.resume };
    let (result, frozen) = runtime.block_on(async {
        let Some(home) = wire::home(&config) else {
            return (alone(&config, world, &moving, &terminal).await, Some("replicas"));
        };
        match control::hand_over(&home, moving.clone().into(), &terminal).await {
            Some(done) => (done, Some("server")),
            None => (alone(&config, world, &moving, &terminal).await, None),
        }
    });
    terminal.finish();
    terminal.say(&result?);
    let config = options.at.config.as_deref().unwrap_or(Path::new("OLD-CONFIG"));
    let (to, from) = (to.display(), config.display());
    terminal.say(&match frozen {
        Some("replicas") => format!(
            "next: stop the replicas, which take no more writes, and start them with {to}; to go \
             on with the old stores instead: berth move --thaw {from}"
        ),
        Some(server) => {
            format!("next: stop the {server}, which takes no more writes, and start it with {to}")
        }
        None => format!("next: start the server with {to}; the source is as it was"),
    });
    terminal.say(&format!("the way back: berth move --resume --to {from} {to}"));
    Ok(())
}

/// Opens the source, which nobody may write to, and moves it.
async fn alone(
    config: &Config,
    world: World,
    moving: &Moving,
    terminal: &Terminal,
) -> Result<String, String> {
    follow_storage_owner(config)?;
    let lock = lock(config, "it does not answer on its control socket; stop it for the move")?;
    let from = open_stores(config, world).await.map_err(|error| error.to_string())?;
    let source = match freeze::Database::of(&from).filter(|_| lock.is_none()) {
        Some(database) => Source::Serving(Arc::new(database)),
        None => Source::Still,
    };
    let work = async |shutdown: &Shutdown| {
        moving::into(&from, source.clone(), moving, terminal, shutdown).await
    };
    let done = interruptibly(work).await;
    from.metadata.close().await;
    done
}

/// Lets replicas take writes again that a move has frozen.
async fn thaw(config: &Config, world: World) -> Result<(), String> {
    if let Some(home) = wire::home(config) {
        return Err(thaws_by_itself(config, &home));
    }
    let stores = open_stores(config, world).await.map_err(|error| error.to_string())?;
    let thawed = match stores.metadata.freezing() {
        Some(freezing) => freezing.thaw_content().await,
        None => Ok(()),
    };
    stores.metadata.close().await;
    thawed.map_err(|error| error.to_string())
}

/// Why there is nothing to thaw where one process owns the stores.
fn thaws_by_itself(config: &Config, home: &Path) -> String {
    let here = match config.storage.root_directory() {
        Some(root) => format!("storage.filesystem.rootdirectory: {}", root.display()),
        None => format!("berth.metadata.url: sqlite:{}", home.display()),
    };
    format!(
        "--thaw is for replicas that share a bucket through berth.metadata.url: postgres://…; \
         here, {here} belongs to one server, which takes writes again when it is started anew: \
         restart it, or run `berth move --thaw CONFIG` with the configuration of the replicas"
    )
}
