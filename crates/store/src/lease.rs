//! Work that only one process may do at a time, and the time that all share.

use std::time::Duration;

use async_trait::async_trait;

use crate::{StoreError, Timestamp};

/// A right that ends by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// What it is for, such as `collect`.
    pub name: String,
    /// Who has it: unique to one run of one process.
    pub holder: String,
}

/// Hands out leases. They are soft: a power cut may end them early.
#[async_trait]
pub trait LeaseStore: Send + Sync + 'static {
    /// Takes the lease, or keeps it for `term` from now if it is ours already,
    /// by the store's own clock. `false` if somebody else has it.
    async fn take_lease(&self, lease: Lease, term: Duration) -> Result<bool, StoreError>;

    /// Gives the lease back; does nothing if it is not ours any more.
    async fn release_lease(&self, lease: Lease) -> Result<(), StoreError>;

    /// The clock that decides about leases: the database's own where there is
    /// one, else ours.
    async fn store_time(&self) -> Result<Timestamp, StoreError>;
}
