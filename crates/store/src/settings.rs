//! Small facts about the store itself: secrets, stamps, progress.

use async_trait::async_trait;

use crate::StoreError;

/// Durable key and value pairs, at most a few dozen.
#[async_trait]
pub trait SettingsStore: Send + Sync + 'static {
    /// The value under `key`.
    async fn setting(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Sets the value under `key`, durably.
    async fn set_setting(&self, key: &str, value: Vec<u8>) -> Result<(), StoreError>;

    /// Sets the value unless there is one; returns the value that is there
    /// now. For secrets that must be made exactly once.
    async fn setting_or_insert(&self, key: &str, value: Vec<u8>) -> Result<Vec<u8>, StoreError>;

    /// Proves that the store answers, for health checks.
    async fn ping(&self) -> Result<(), StoreError>;
}
