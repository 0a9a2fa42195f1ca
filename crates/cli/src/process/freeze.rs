//! A server that takes no more writes, because its content is being moved away.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use server::App;
use store::StoreError;
use workers::transfer::{Freeze, Gate};

/// What `/readyz` says about it.
const NOTE: &str = "move";

/// Freezes a server: new writes get the answer of a read-only registry, those on their way are
/// stopped at the gate or waited for.
pub(crate) struct Server {
    pub(crate) app: Arc<App>,
    pub(crate) gate: Gate,
}

#[async_trait]
impl Freeze for Server {
    async fn freeze(&self) -> Result<(), StoreError> {
        self.app.frozen.store(true, Ordering::Release);
        self.gate.freeze().await?;
        self.app.health.note(NOTE, "frozen: the content has moved, or is moving, elsewhere");
        tracing::warn!(
            "frozen for the end of a move: no pushes and deletions until the next start"
        );
        Ok(())
    }

    async fn thaw(&self) {
        self.gate.thaw().await;
        self.app.frozen.store(false, Ordering::Release);
        self.app.health.unnote(NOTE);
        tracing::warn!("the move has failed: pushes and deletions are taken again");
    }
}
