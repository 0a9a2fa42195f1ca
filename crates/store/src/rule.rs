//! Rules: pure decisions that run inside a transaction.

use oci::{Digest, Tag};

use crate::AccessRefusal;

/// A pure, synchronous decision: facts in, plan or refusal out.
///
/// The adapter calls it inside the transaction, possibly more than once (a
/// serialization failure, a group commit run again), so it must not have
/// effects. It may also be asked before, over facts that are guessed: then the
/// transaction fails where the guess is wrong, and the rule is asked again
/// over what is there.
pub type Rule<F, P> = Box<dyn Fn(&F) -> Result<P, Refusal> + Send + Sync>;

/// Why a rule said no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The repository has never had content.
    RepositoryUnknown,
    /// The manifest is not in the repository.
    ManifestUnknown,
    /// The blob is not in the repository (or nowhere the caller may read).
    BlobUnknown,
    /// References of a manifest that are absent; never empty.
    MissingReferences(Vec<Digest>),
    /// A manifest of the repository needs the blob; names one such manifest.
    BlobNeeded {
        /// A manifest that references the blob.
        by: Digest,
    },
    /// The bytes must be stored again: the row that made them unnecessary is gone.
    BytesNeeded,
    /// The upload that this finishes was written, closed or ended by somebody
    /// else since it was read.
    UploadLost,
    /// Tags that point elsewhere already, which the caller may not move.
    TagsTaken(Vec<Tag>),
    /// Accounts cannot be changed so.
    Access(AccessRefusal),
}
