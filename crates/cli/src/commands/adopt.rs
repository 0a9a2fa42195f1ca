//! `berth adopt`: the storage directory changes hands.

use crate::args::ConfigPath;
use crate::process::lock::StoreLock;
use crate::process::privileges::hand_over;

use super::{say, settings};

/// Hands the storage directory to the user of `berth.run_as`.
pub(super) fn run(at: &ConfigPath) -> Result<(), String> {
    let config = settings(at)?;
    let root = config.storage.local_root()?;
    let Some(run_as) = &config.berth.run_as else {
        return Err(
            "berth.run_as is not set: it says who is to own the storage directory".to_owned()
        );
    };
    let shown = root.display();
    let lock = StoreLock::try_take(root).map_err(|error| format!("{shown}: {error}"))?;
    if lock.is_none() {
        return Err(format!("a server owns {shown}; stop it first"));
    }
    let changed =
        hand_over(root, run_as.uid, run_as.gid).map_err(|error| format!("{shown}: {error}"))?;
    say(&format!("{changed} files and directories of {shown} now belong to user {}", run_as.uid));
    Ok(())
}
