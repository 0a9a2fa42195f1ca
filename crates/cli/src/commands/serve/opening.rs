//! From the configuration to open stores that are ours to use, however long
//! others take to let go of them or to come up.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use server::{Health, Readiness};
use store::StoreError;
use tokio::task::JoinHandle;
use workers::Shutdown;

use crate::config::Config;
use crate::process::lock::StoreLock;
use crate::process::owner;
use crate::wire::{self, Stores, World};

/// How often a waiting server tries again.
const TRY_EVERY: Duration = Duration::from_millis(500);

/// Stores that this process may use.
pub(super) struct Opened {
    pub(super) stores: Stores,
    /// Proof that no other process uses them, where one has to be alone.
    pub(super) lock: Option<StoreLock>,
    /// Ends when another database has taken the bucket.
    pub(super) lost: Option<JoinHandle<()>>,
}

/// Waits for the lock and for stores that are not up yet.
///
/// # Errors
/// If they cannot be opened at all, or if the bucket belongs to another database.
pub(super) async fn open(
    config: &Config,
    world: &World,
    health: &Arc<Health>,
    shutdown: &Shutdown,
) -> Result<Opened, String> {
    let lock = match wire::home(config) {
        Some(home) => Some(wait_for_lock(&home, health).await?),
        None => None,
    };
    let stores = open_patiently(config, world, health).await?;
    let in_words = |error: StoreError| error.to_string();
    owner::own(&stores).await.map_err(in_words)?;
    let lost = owner::watch(&stores, shutdown).await.map_err(in_words)?;
    Ok(Opened { stores, lock, lost })
}

/// A second server waits its turn: during an update both are alive for a while.
async fn wait_for_lock(home: &Path, health: &Health) -> Result<StoreLock, String> {
    let mut waiting = false;
    loop {
        let shown = home.display();
        let taken = StoreLock::at(home).map_err(|error| {
            format!(
                "storage.filesystem.rootdirectory: {shown}: {error}; it must be writable (for a \
                 database elsewhere: berth.metadata.url)"
            )
        })?;
        if let Some(lock) = taken {
            return Ok(lock);
        }
        if !std::mem::replace(&mut waiting, true) {
            let text = format!("another server owns {shown}; waiting for it to end");
            tracing::warn!("{text}");
            health.set_readiness(Readiness::Starting(text));
        }
        tokio::time::sleep(TRY_EVERY).await;
    }
}

/// In a cluster the database may come up after us.
async fn open_patiently(config: &Config, world: &World, health: &Health) -> Result<Stores, String> {
    let mut waiting = false;
    loop {
        match wire::open_stores(config, world.clone()).await {
            Ok(stores) => return Ok(stores),
            Err(StoreError::Busy(why)) => {
                if !std::mem::replace(&mut waiting, true) {
                    tracing::warn!(why, "a store is not there yet; trying again");
                }
                health.set_readiness(Readiness::Starting(format!("waiting for a store: {why}")));
                tokio::time::sleep(TRY_EVERY).await;
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}
