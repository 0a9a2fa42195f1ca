//! What can go wrong below the domain. "Not found" is not among it.

use crate::Refusal;

/// A failure of a store. The data asked for may or may not exist.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No space, quota or inodes left (ENOSPC, EDQUOT, SQLITE_FULL). Reads go on.
    #[error("storage is full: {0}")]
    Full(String),
    /// Too much is waiting, or the store is shutting down. Worth another try.
    #[error("storage is busy: {0}")]
    Busy(String),
    /// The store holds something that cannot be what was written.
    #[error("stored data is damaged: {0}")]
    Damaged(String),
    /// Everything else: I/O errors, lost connections, bugs.
    #[error("storage failed: {0}")]
    Failed(String),
}

impl StoreError {
    /// Sorts an I/O error; `doing` completes "while …".
    pub fn io(doing: impl std::fmt::Display, error: &std::io::Error) -> Self {
        let text = format!("{doing}: {error}");
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::Full(text),
            _ => Self::Failed(text),
        }
    }
}

/// Why a write did not happen: a rule said no, or the store failed.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The rule refused; nothing was changed.
    #[error("refused: {0:?}")]
    Refused(Refusal),
    /// The store failed; nothing was acknowledged.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Refusal> for WriteError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
