//! Memory of all open uploads together.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that one permit stands for.
const UNIT: u64 = 1024;

/// How many bytes of uploads may wait to be sent.
///
/// An upload that has nothing on its way may go over it by one part, so none
/// ever waits for another one.
#[derive(Debug, Clone)]
pub(crate) struct Budget(Arc<Semaphore>);

/// Bytes that are accounted for until this is dropped.
#[derive(Debug)]
pub(super) struct Grant {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Budget {
    pub(crate) fn new(bytes: u64) -> Self {
        let units = usize::try_from(bytes / UNIT).unwrap_or(usize::MAX);
        Self(Arc::new(Semaphore::new(units.min(Semaphore::MAX_PERMITS))))
    }

    fn units(bytes: usize) -> u32 {
        u32::try_from(bytes as u64 / UNIT).unwrap_or(u32::MAX)
    }

    pub(super) fn try_take(&self, bytes: usize) -> Option<Grant> {
        let permit = self.0.clone().try_acquire_many_owned(Self::units(bytes)).ok()?;
        Some(Grant { _permit: Some(permit) })
    }

    /// Waits for others to give back. `None` if there will never be as much.
    pub(super) async fn take(&self, bytes: usize) -> Option<Grant> {
        let permit = self.0.clone().acquire_many_owned(Self::units(bytes)).await.ok()?;
        Some(Grant { _permit: Some(permit) })
    }

    /// Goes over the budget.
    pub(super) fn beyond() -> Grant {
        Grant { _permit: None }
    }
}
