//! `berth move`: the whole registry to other stores. Beside a running server, it does the work and
//! serves on meanwhile; without one the command does it.

use std::path::Path;

use workers::Shutdown;
use workers::transfer::Source;

use crate::args::Move;
use crate::config::Config;
use crate::moving::{self, Moving, lock};
use crate::process::control;
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
    let to = &options.to;
    let path = to.canonicalize().map_err(|error| format!("--to: {}: {error}", to.display()))?;
    let moving = Moving { to: path, resume: options.resume };
    let (result, frozen) = runtime.block_on(async {
        if let Some(home) = wire::home(&config)
            && let Some(done) = control::hand_over(&home, moving.clone().into(), &terminal).await
        {
            return (done, true);
        }
        (alone(&config, world, &moving, &terminal).await, false)
    });
    terminal.finish();
    terminal.say(&result?);
    let config = options.at.config.as_deref().unwrap_or(Path::new("OLD-CONFIG"));
    let (to, from) = (options.to.display(), config.display());
    terminal.say(&match frozen {
        true => {
            format!("next: stop the server, which takes no more writes, and start it with {to}")
        }
        false => format!("next: start the server with {to}; the source is as it was"),
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
    if lock.is_none() {
        terminal.say(
            "all replicas of the source must be stopped, or read-only \
             (storage.maintenance.readonly): what they are sent meanwhile may not be moved",
        );
    }
    let from = open_stores(config, world).await.map_err(|error| error.to_string())?;
    let work = async |shutdown: &Shutdown| {
        moving::into(&from, Source::Still, moving, terminal, shutdown).await
    };
    let done = interruptibly(work).await;
    from.metadata.close().await;
    done
}
