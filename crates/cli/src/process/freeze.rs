//! Servers that take no more writes, because their content is being moved away: the one that does
//! the move, and replicas that share a database, which somebody else moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use metastore::{ContentFreeze, Frozen, MetadataStore};
use parking_lot::Mutex;
use server::App;
use store::StoreError;
use tokio::task::JoinHandle;
use workers::Shutdown;
use workers::transfer::{Freeze, Gate};

use crate::wire::Stores;

/// What `/readyz` says about it.
const NOTE: &str = "move";
const FROZEN: &str = "frozen: the content has moved, or is moving, elsewhere";

/// How long the database stays frozen without a word of the one who moves it.
const TERM: Duration = Duration::from_secs(30);
/// How often that one says a word.
const RENEW_EVERY: Duration = Duration::from_secs(5);
/// How often writes that do not end are waited for.
const ATTEMPTS: u32 = 6;
/// How often a replica looks whether it is frozen. The database refuses its writes meanwhile.
const LOOK_EVERY: Duration = Duration::from_secs(2);

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
        self.app.health.note(NOTE, FROZEN);
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

/// Freezes the database that replicas share, and with it all of them. Ends by itself, some time
/// after this process has, unless it is to stay.
pub(crate) struct Database {
    metadata: Arc<dyn MetadataStore>,
    holder: String,
    /// Whether an earlier move has left it frozen.
    stands: AtomicBool,
    keeper: Mutex<Option<JoinHandle<()>>>,
}

impl Database {
    /// For the stores of replicas; `None` where one process owns them.
    pub(crate) fn of(stores: &Stores) -> Option<Self> {
        stores.metadata.freezing()?;
        let (metadata, holder) = (stores.metadata.clone(), stores.holder.clone());
        Some(Self { metadata, holder, stands: AtomicBool::new(false), keeper: Mutex::default() })
    }

    fn freezing(&self) -> Result<&dyn ContentFreeze, StoreError> {
        freezing(&*self.metadata)
    }

    fn dismiss(&self) {
        if let Some(keeper) = self.keeper.lock().take() {
            keeper.abort();
        }
    }
}

#[async_trait]
impl Freeze for Database {
    async fn freeze(&self) -> Result<(), StoreError> {
        let freezing = self.freezing()?;
        let stands = freezing.frozen_content().await? == Some(Frozen::ForGood);
        self.stands.store(stands, Ordering::Relaxed);
        if stands {
            return Ok(());
        }
        let mut attempt = 1;
        loop {
            match freezing.freeze_content(&self.holder, TERM).await {
                Ok(true) => break,
                Ok(false) => {
                    let text = "the source is being moved by somebody else, or was a moment ago";
                    return Err(StoreError::Failed(text.to_owned()));
                }
                Err(StoreError::Busy(_)) if attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
            }
        }
        let keeper = tokio::spawn(keep(self.metadata.clone(), self.holder.clone()));
        *self.keeper.lock() = Some(keeper);
        Ok(())
    }

    async fn stay(&self) -> Result<(), StoreError> {
        self.dismiss();
        let freezing = self.freezing()?;
        let stays = match self.stands.load(Ordering::Relaxed) {
            true => freezing.frozen_content().await? == Some(Frozen::ForGood),
            false => freezing.keep_frozen(&self.holder, None).await?,
        };
        match stays {
            true => Ok(()),
            false => {
                let text = "the source was frozen for less time than the move took";
                Err(StoreError::Failed(text.to_owned()))
            }
        }
    }

    async fn thaw(&self) {
        self.dismiss();
        if self.stands.load(Ordering::Relaxed) {
            return;
        }
        let thawed = match self.freezing() {
            Ok(freezing) => freezing.thaw_content().await,
            Err(error) => Err(error),
        };
        if let Err(error) = thawed {
            let seconds = TERM.as_secs();
            tracing::warn!(%error, "the source takes writes again in {seconds} s");
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.dismiss();
    }
}

/// Renews the freeze until it is lost, which [`Freeze::stay`] finds out.
async fn keep(metadata: Arc<dyn MetadataStore>, holder: String) {
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        let Ok(freezing) = freezing(&*metadata) else { return };
        match freezing.keep_frozen(&holder, Some(TERM)).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => tracing::debug!(%error, "the freeze of the source was not renewed"),
        }
    }
}

fn freezing(metadata: &dyn MetadataStore) -> Result<&dyn ContentFreeze, StoreError> {
    let owned = || StoreError::Failed("one process owns the database; it freezes itself".into());
    metadata.freezing().ok_or_else(owned)
}

/// Freezes a replica for as long as its database is, so that clients are told at once what the
/// database would refuse.
pub(crate) async fn watch(stores: Stores, app: Arc<App>, shutdown: Shutdown) {
    let mut was_frozen = false;
    while let Some(freezing) = stores.metadata.freezing() {
        match freezing.frozen_content().await {
            Ok(frozen) => {
                let is_frozen = frozen.is_some();
                if is_frozen != std::mem::replace(&mut was_frozen, is_frozen) {
                    app.frozen.store(is_frozen, Ordering::Release);
                    tell(&app, frozen);
                }
            }
            // That the database is away is told by the check of the storage.
            Err(error) => tracing::debug!(%error, "whether the database is frozen is unknown"),
        }
        if !shutdown.sleep(LOOK_EVERY).await {
            return;
        }
    }
}

fn tell(app: &App, frozen: Option<Frozen>) {
    match frozen {
        Some(frozen) => {
            app.health.note(NOTE, FROZEN);
            let moved = frozen == Frozen::ForGood;
            tracing::warn!(moved, "the database is frozen by a move: no pushes and deletions");
        }
        None => {
            app.health.unnote(NOTE);
            tracing::warn!("the database is not frozen any more: pushes and deletions are taken");
        }
    }
}
