//! How often and when manifests were pulled.
//!
//! A read writes nothing: pulls are gathered in memory and added up here from
//! time to time. A crash loses what was gathered since, and nothing else.

use async_trait::async_trait;
use oci::{Digest, RepositoryName, Tag};

use crate::{StoreError, Timestamp};

/// Pulls of one manifest under one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullCount {
    /// The repository.
    pub repository: RepositoryName,
    /// The manifest, by either algorithm.
    pub digest: Digest,
    /// The tag that it was pulled by; `None` for a pull by digest.
    pub tag: Option<Tag>,
    /// How many pulls to add.
    pub count: u64,
    /// The time of the last one.
    pub last: Timestamp,
}

/// Keeps pull counters; they are read back by [`crate::WalkStore`].
#[async_trait]
pub trait CounterStore: Send + Sync + 'static {
    /// Adds pulls up, softly and behind all other writes. Manifests and tags
    /// that are gone meanwhile are passed over; counters go with them.
    async fn add_pulls(&self, pulls: Vec<PullCount>) -> Result<(), StoreError>;
}
