//! Why a duty ended before its work was done.

use store::StoreError;

/// What stops a whole duty. Damage of single objects does not: it is a [`crate::Finding`].
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// A store or the tree failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The shutdown signal came. What was done stays; the next run goes on.
    #[error("interrupted by shutdown; run it again to go on")]
    Interrupted,
    /// The tree holds what the metadata has not seen, so an export would destroy it.
    #[error(
        "the directory was written by another registry since the last import: run `berth import` \
         first, or its changes would be removed"
    )]
    NotImported,
}
