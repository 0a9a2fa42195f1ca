//! Whether the stores of the configuration are there, and what they can do.

use crate::commands::{runtime, say};
use crate::config::Config;
use crate::wire::{World, trial};

/// Prints a line for each store; an error if one cannot be used.
pub(super) fn try_out(config: &Config) -> Result<(), String> {
    let runtime = runtime()?;
    let mut broken = Vec::new();
    for tried in runtime.block_on(trial(config, &World::real())) {
        match tried.outcome {
            Ok(text) => say(&format!("{}: {text}", tried.setting)),
            Err(error) => broken.push(format!("{}: {error}", tried.setting)),
        }
    }
    if broken.is_empty() { Ok(()) } else { Err(broken.join("\n")) }
}
