//! One metadata database owns a bucket.
//!
//! Replicas share a bucket because they share its database. Two databases over
//! one bucket would each remove what only the other one knows, so the owner
//! leaves its mark in the bucket and renews it while it lives.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use server::{Health, Readiness};
use store::{Objects, StoreError};
use workers::Shutdown;

use crate::wire::Stores;

/// The object that names the owner.
const MARK: &str = "berth/owner";
/// Longest mark, in bytes.
const MAX_MARK: u64 = 256;
/// How often the mark is renewed.
const RENEW_EVERY: Duration = Duration::from_secs(15);
/// A mark that nobody renewed for so long is a dead owner's.
const DEAD_AFTER: Duration = Duration::from_secs(60);
/// How often a foreign mark is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The setting under which a database keeps its own name.
const NAME: &str = "database-name";

/// Keeps registries with another database out of the stores' bucket, if they
/// have one, until the process ends.
///
/// # Errors
/// If the bucket or the database cannot be read and written.
pub(crate) async fn own(
    stores: &Stores,
    health: &Arc<Health>,
    shutdown: &Shutdown,
) -> Result<(), StoreError> {
    let Some(bucket) = stores.objects.clone() else { return Ok(()) };
    let fresh = stores.world.name().into_bytes();
    let name = stores.metadata.setting_or_insert(NAME, fresh).await?;
    let name = String::from_utf8_lossy(&name).into_owned();
    claim(&*bucket, &name, health).await?;
    tokio::spawn(keep(bucket, name, health.clone(), shutdown.clone()));
    Ok(())
}

/// Makes `owner`, the name of our database, the owner of the bucket; waits for
/// as long as another one is alive.
///
/// # Errors
/// If the bucket cannot be read and written.
async fn claim(bucket: &dyn Objects, owner: &str, health: &Health) -> Result<(), StoreError> {
    let mut waiting = false;
    while let Some(text) = foreign(bucket, owner).await? {
        if is_dead(bucket).await? {
            tracing::warn!(former = text, "the bucket's former owner is gone; taking it over");
            break;
        }
        if !std::mem::replace(&mut waiting, true) {
            let text = "a registry with another metadata database owns the bucket; waiting for it \
                        to end (replicas must share one database: berth.metadata.url)";
            tracing::error!("{text}");
            health.set_readiness(Readiness::Starting(text.to_owned()));
        }
    }
    mark(bucket, owner).await
}

/// Renews the mark until the process ends. One of another owner takes the
/// registry out of service: somebody has claimed the bucket by force.
async fn keep(bucket: Arc<dyn Objects>, owner: String, health: Arc<Health>, shutdown: Shutdown) {
    const CHECK: &str = "bucket owner";
    while shutdown.sleep(RENEW_EVERY).await {
        match foreign(&*bucket, &owner).await {
            Ok(Some(other)) => {
                tracing::error!(other, "a registry with another database has taken the bucket");
                health.fail(CHECK, "a registry with another metadata database owns the bucket");
            }
            Ok(None) => {
                health.pass(CHECK);
                if let Err(error) = mark(&*bucket, &owner).await {
                    tracing::warn!(%error, "the mark of the bucket's owner was not renewed");
                }
            }
            // The bucket's own check reports that it is away.
            Err(error) => tracing::debug!(%error, "the mark of the bucket's owner was not read"),
        }
    }
}

async fn mark(bucket: &dyn Objects, owner: &str) -> Result<(), StoreError> {
    bucket.put(MARK, Bytes::copy_from_slice(owner.as_bytes())).await
}

/// The mark of another owner, if there is one.
async fn foreign(bucket: &dyn Objects, owner: &str) -> Result<Option<String>, StoreError> {
    let found = bucket.get(MARK, MAX_MARK).await?;
    let found = found.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ok(found.filter(|found| found != owner))
}

/// Watches the mark for long enough to know that nobody renews it. Compares
/// times of the bucket with each other only, never with our clock.
async fn is_dead(bucket: &dyn Objects) -> Result<bool, StoreError> {
    let first = bucket.look(MARK).await?.map(|mark| mark.modified);
    let mut watched = Duration::ZERO;
    while watched < DEAD_AFTER {
        tokio::time::sleep(LOOK_EVERY).await;
        watched += LOOK_EVERY;
        if bucket.look(MARK).await?.map(|mark| mark.modified) != first {
            return Ok(false);
        }
    }
    Ok(true)
}
