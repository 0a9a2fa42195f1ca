//! Stopping what all processes write that share one store.

use std::time::Duration;

use async_trait::async_trait;
use store::StoreError;

/// What a store can do that several processes write to: refuse whatever they
/// would change of its content (repositories, blobs, manifests, tags) and of its
/// accounts (users, tokens, teams, roles, grants, visibilities), while everything
/// can be read. Uploads, settings, leases and counters go on, and so does the
/// log, which keeps its oldest lines meanwhile.
///
/// A frozen store refuses by itself, so no process has to know of it.
#[async_trait]
pub trait ContentFreeze: Send + Sync {
    /// Freezes the content for `term`. Once this has returned nothing changes:
    /// transactions that were begun have ended, later ones fail as `Busy`.
    /// `false` if another holder has frozen it.
    ///
    /// # Errors
    /// `Busy` if the writes that go on do not end soon; nothing is frozen then.
    async fn freeze_content(&self, holder: &str, term: Duration) -> Result<bool, StoreError>;

    /// Stays frozen for `term` from now, or for good without one. `false` if it
    /// has ended in between, and content may have changed.
    ///
    /// # Errors
    /// When the store fails.
    async fn keep_frozen(&self, holder: &str, term: Option<Duration>) -> Result<bool, StoreError>;

    /// Content may change again, whoever has frozen it.
    ///
    /// # Errors
    /// When the store fails.
    async fn thaw_content(&self) -> Result<(), StoreError>;

    /// Whether content is frozen, and for how long.
    ///
    /// # Errors
    /// When the store fails.
    async fn frozen_content(&self) -> Result<Option<Frozen>, StoreError>;
}

/// How long content stays frozen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frozen {
    /// While somebody renews it.
    ForNow,
    /// Until somebody thaws it.
    ForGood,
}
