//! All duties of a metadata store as one trait, for whoever chooses the engine
//! at run time.

use async_trait::async_trait;
use store::{
    AccountStore, AccountWalk, AuditStore, ContentStore, CounterStore, HistoryStore, ImportStore,
    LeaseStore, LivenessStore, SettingsStore, UploadStore, WalkStore,
};

use crate::{ContentFreeze, WriterStats};

/// Everything that one metadata adapter implements. An `Arc<dyn MetadataStore>`
/// may stand wherever one of the duties is asked for.
#[async_trait]
pub trait MetadataStore:
    ContentStore
    + UploadStore
    + SettingsStore
    + ImportStore
    + WalkStore
    + LivenessStore
    + CounterStore
    + LeaseStore
    + HistoryStore
    + AccountStore
    + AuditStore
    + AccountWalk
{
    /// Finishes what was begun and closes every connection. Later calls of the
    /// store answer `Busy`; closing again does nothing.
    async fn close(&self);

    /// What keeps the rows: `sqlite` or `postgres`.
    fn engine(&self) -> &'static str;

    /// Stops the writes of all processes; `None` where one process owns the store.
    fn freezing(&self) -> Option<&dyn ContentFreeze> {
        None
    }

    /// What the store has done and what it is doing, for metrics.
    fn figures(&self) -> MetadataFigures;

    /// Waits until accounts or grants were changed after the call began, here
    /// or by another process on the same server; at most 30 s. May return
    /// without a change: [`AccountStore::access_version`] tells. What changed
    /// between a look at that and this call is not waited for, so whoever must
    /// know it sooner looks again once this has begun.
    async fn access_changed(&self);
}

/// Figures of a store, as far as its engine has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetadataFigures {
    /// Of the one thread that writes an embedded database.
    pub writer: Option<WriterStats>,
    /// Of the connections to a database server.
    pub pool: Option<PoolFigures>,
}

/// Connections to a database server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolFigures {
    /// Connections that may be open at once.
    pub cap: u64,
    /// Connections that are open.
    pub open: u64,
    /// Connections that are working.
    pub in_use: u64,
    /// Calls that wait for one.
    pub waiting: u64,
    /// Write transactions committed since the store was opened.
    pub commits: u64,
    /// Times that a write was run again after it had met another one.
    pub retries: u64,
}
