//! One writer for each staging area.
//!
//! A request that was cut off may leave a write under way on a blocking
//! thread. Until it has ended nobody else may open the same file, or bytes
//! would land that were never hashed.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use store::{StagingId, StoreError};
use tokio::sync::watch;

/// How long a newcomer waits for a former writer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The staging areas that are open in this process.
#[derive(Debug)]
pub(super) struct Leases {
    open: Mutex<HashMap<StagingId, watch::Receiver<()>>>,
}

/// The right to write one staging area. Held by the upload and by each job
/// that works for it; ends with the last of them.
#[derive(Debug)]
pub(super) struct Lease {
    id: StagingId,
    leases: Arc<Leases>,
    /// Dropping it wakes those who wait.
    _ended: watch::Sender<()>,
}

impl Leases {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { open: Mutex::new(HashMap::new()) })
    }

    /// Waits for a former writer to end, but not for ever.
    pub(super) async fn take(self: &Arc<Self>, id: &StagingId) -> Result<Arc<Lease>, StoreError> {
        let patient = async {
            loop {
                match self.try_take(id) {
                    Ok(lease) => return lease,
                    // The only news on this channel is its end.
                    Err(mut former) => drop(former.changed().await),
                }
            }
        };
        tokio::time::timeout(PATIENCE, patient).await.map_err(|_| {
            StoreError::Busy(format!("upload {id} is still being written by another request"))
        })
    }

    fn try_take(self: &Arc<Self>, id: &StagingId) -> Result<Arc<Lease>, watch::Receiver<()>> {
        match self.open.lock().entry(id.clone()) {
            Entry::Occupied(former) => Err(former.get().clone()),
            Entry::Vacant(vacant) => {
                let (ended, news) = watch::channel(());
                vacant.insert(news);
                Ok(Arc::new(Lease { id: id.clone(), leases: Arc::clone(self), _ended: ended }))
            }
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.leases.open.lock().remove(&self.id);
    }
}
