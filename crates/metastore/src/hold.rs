//! Keeping one process from changing accounts, for both engines.

use std::sync::atomic::{AtomicBool, Ordering};

use store::StoreError;
use tokio::sync::{RwLock, RwLockReadGuard};

/// Whether accounts may change.
#[derive(Debug, Default)]
pub(crate) struct Hold {
    is_held: AtomicBool,
    /// Held for reading by each change on its way, for writing to wait for them.
    passing: RwLock<()>,
}

impl Hold {
    /// The right to change something for as long as it is kept; `None` while
    /// nobody has it.
    pub(crate) async fn pass(&self) -> Option<RwLockReadGuard<'_, ()>> {
        let passing = self.passing.read().await;
        (!self.is_held.load(Ordering::Acquire)).then_some(passing)
    }

    /// Lets nobody pass from now on, and waits for those who have.
    pub(crate) async fn set(&self) {
        self.is_held.store(true, Ordering::Release);
        drop(self.passing.write().await);
    }

    pub(crate) fn release(&self) {
        self.is_held.store(false, Ordering::Release);
    }
}

/// What is said to those who may not pass.
pub(crate) fn held() -> StoreError {
    StoreError::Busy("accounts do not change while they are being moved".into())
}
