//! Rules: pure decisions that run inside a transaction.

use oci::Digest;

/// A pure, synchronous decision: facts in, plan or refusal out.
///
/// The adapter calls it inside the transaction, possibly more than once (a
/// serialization failure, a group commit run again), so it must not have
/// effects.
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
}
