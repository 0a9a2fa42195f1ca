//! One metadata database owns a bucket.
//!
//! Replicas share a bucket because they share its database. Two databases over
//! one bucket would each remove what only the other one knows, so the first one
//! leaves its mark in the bucket, and everybody else is kept out until an
//! operator removes it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use store::{Objects, StoreError};
use tokio::task::JoinHandle;
use workers::Shutdown;

use crate::wire::Stores;

/// The object that names the owner.
pub(crate) const MARK: &str = "berth/owner";
/// Longest mark, in bytes.
const MAX_MARK: u64 = 256;
/// How often the mark is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// The setting under which a database keeps its own name.
const NAME: &str = "database-name";

/// Makes our database the owner of the stores' bucket, if they have one and it
/// has no owner yet.
///
/// # Errors
/// If another database owns the bucket, or if bucket or database cannot be read
/// and written.
pub(crate) async fn own(stores: &Stores) -> Result<(), StoreError> {
    let Some(bucket) = &stores.objects else { return Ok(()) };
    let name = name(stores).await?;
    match owner(&**bucket).await? {
        None => bucket.put(MARK, Bytes::copy_from_slice(name.as_bytes())).await,
        Some(owner) if owner == name => Ok(()),
        Some(_) => Err(StoreError::Failed(format!(
            "another metadata database owns this bucket, and each would remove what only the other \
             one knows; set berth.metadata.url to that database, or another rootdirectory; only if \
             that database is gone for good, delete the object {MARK} below the rootdirectory"
        ))),
    }
}

/// Looks at the mark until the process ends; the task ends early only when
/// another database has taken the bucket.
pub(crate) async fn watch(
    stores: &Stores,
    shutdown: &Shutdown,
) -> Result<Option<JoinHandle<()>>, StoreError> {
    let Some(bucket) = stores.objects.clone() else { return Ok(None) };
    let (name, shutdown) = (name(stores).await?, shutdown.clone());
    Ok(Some(tokio::spawn(async move { lost(bucket, name, shutdown).await })))
}

async fn lost(bucket: Arc<dyn Objects>, name: String, shutdown: Shutdown) {
    while shutdown.sleep(LOOK_EVERY).await {
        match owner(&*bucket).await {
            Ok(Some(owner)) if owner != name => return,
            Ok(_) => {}
            // A check of the configuration tells when the bucket is away.
            Err(error) => tracing::debug!(%error, "the owner of the bucket could not be read"),
        }
    }
    std::future::pending::<()>().await;
}

/// What our database calls itself, the same for every replica.
async fn name(stores: &Stores) -> Result<String, StoreError> {
    let fresh = stores.world.name().into_bytes();
    let name = stores.metadata.setting_or_insert(NAME, fresh).await?;
    Ok(String::from_utf8_lossy(&name).into_owned())
}

async fn owner(bucket: &dyn Objects) -> Result<Option<String>, StoreError> {
    let mark = bucket.get(MARK, MAX_MARK).await?;
    Ok(mark.map(|mark| String::from_utf8_lossy(&mark).into_owned()))
}
