//! Why a transfer ended before, or without, its aim.

use std::fmt;

use oci::RepositoryName;
use store::StoreError;

use crate::WorkError;

/// What stops a transfer.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// A store failed, or the shutdown signal came.
    #[error(transparent)]
    Work(#[from] WorkError),
    /// Both sides are one and the same store.
    #[error("source and target are the same registry: both have one metadata database")]
    Same,
    /// The target is in use.
    #[error(
        "the target already holds repositories, {0} for one; choose an empty one, or go on with an \
         earlier move between the two with --resume"
    )]
    TargetHolds(RepositoryName),
    /// The target has its own users.
    #[error(
        "the target already has accounts or an audit log of its own, {0} for one; choose an empty \
         one, or go on with an earlier move between the two with --resume"
    )]
    TargetHasAccounts(String),
    /// The target was never filled from this source.
    #[error(
        "the target holds repositories or accounts that did not come from this source, and going on would \
         remove them; choose an empty one"
    )]
    NotATwin,
    /// The target was filled from this source, and changed since.
    #[error(
        "the target was a copy of this source and has changed since, and going on would remove \
         those changes; choose an empty one"
    )]
    Changed,
    /// So much is damaged that the source as a whole is in doubt.
    #[error("more than {0} blobs are damaged: is the whole of the source's storage there?")]
    TooMuchDamage(usize),
    /// The proof failed.
    #[error("source and target differ: {0}")]
    Differs(Difference),
}

impl From<StoreError> for TransferError {
    fn from(error: StoreError) -> Self {
        Self::Work(error.into())
    }
}

/// Where two sides differ first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The repository, or what in it, such as `a/b:tag`.
    pub what: String,
    /// What the source says of it; `None` if it has no such thing.
    pub source: Option<String>,
    /// What the target says of it; `None` if it has no such thing.
    pub target: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, .. } = self;
        match (&self.source, &self.target) {
            (Some(_), None) => write!(f, "{what} is only in the source"),
            (None, Some(_)) => write!(f, "{what} is only in the target"),
            (source, target) => {
                let or_nothing = |side: &Option<String>| side.clone().unwrap_or_default();
                let (source, target) = (or_nothing(source), or_nothing(target));
                write!(f, "{what} is {source} in the source and {target} in the target")
            }
        }
    }
}
