//! What can go wrong, in the words of the specification.
//!
//! The HTTP layer turns each into a status, a code and a public text in one
//! table; nothing here knows a status.

use oci::{Digest, ManifestError, Reference, RepositoryName};
use store::{StoreError, UploadId, WriteError};

use crate::SourceError;
use crate::access::Denied;

/// Why an operation did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller lacks the right, or is not known.
    #[error("{0}")]
    Denied(Denied),
    /// The caller may make tags here, but not move these.
    #[error("{who} may push new tags but not move {}", tags.join(", "))]
    TagsTaken {
        /// Who.
        who: String,
        /// `tag v1`.
        tags: Vec<String>,
    },
    /// No such repository.
    #[error("repository {0} is not known to this registry")]
    NameUnknown(RepositoryName),
    /// No such manifest.
    #[error("manifest {reference} is not in repository {repository}")]
    ManifestUnknown {
        /// Where it was looked for.
        repository: RepositoryName,
        /// What was looked for.
        reference: Reference,
    },
    /// No such blob.
    #[error("blob {digest} is not in repository {repository}")]
    BlobUnknown {
        /// Where it was looked for.
        repository: RepositoryName,
        /// What was looked for.
        digest: Digest,
    },
    /// No such upload, or it has ended.
    #[error("upload {0} is not known; begin again with a POST")]
    UploadUnknown(UploadId),
    /// A chunk does not begin where the last one ended.
    #[error("chunk begins at byte {got}, but the upload stands at byte {offset}")]
    UploadOffset {
        /// The upload.
        id: UploadId,
        /// Bytes kept so far.
        offset: u64,
        /// Where the chunk begins.
        got: u64,
    },
    /// Another request is writing to the same upload.
    #[error("another request is writing to this upload")]
    UploadBusy,
    /// The body was shorter or longer than its headers said.
    #[error("the body has {got} bytes, but Content-Range says {expected}")]
    SizeInvalid {
        /// From the header.
        expected: u64,
        /// Received.
        got: u64,
    },
    /// The bytes do not match the digest that came with them.
    #[error("the content has digest {actual}, not {expected}")]
    DigestMismatch {
        /// As the client named it.
        expected: Digest,
        /// As computed.
        actual: Digest,
    },
    /// References of a manifest that are not in the repository.
    #[error("the manifest references content that is not in the repository")]
    MissingReferences(Vec<Digest>),
    /// The blob cannot be removed.
    #[error("blob {digest} is needed by manifest {by}; delete that first")]
    BlobNeeded {
        /// The blob.
        digest: Digest,
        /// A manifest that references it.
        by: Digest,
    },
    /// The manifest breaks a rule.
    #[error("{0}")]
    ManifestInvalid(#[from] ManifestError),
    /// The manifest breaks a rule that the operator made.
    #[error("{0}")]
    ManifestRefused(String),
    /// The manifest is too large.
    #[error("manifest is larger than {limit} bytes")]
    ManifestTooLarge {
        /// Bytes.
        limit: u64,
    },
    /// The operation is switched off. The text names the setting.
    #[error("{0}")]
    Unsupported(&'static str),
    /// A rule of the operator forbids this content.
    #[error("{0}")]
    Forbidden(String),
    /// The client went away or fell silent in the middle of a body.
    #[error("the request body ended early: {0}")]
    BodyFailed(#[from] SourceError),
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Error {
    /// A store's refusal that no rule of the operation can make.
    pub(crate) fn unexpected(error: WriteError) -> Self {
        match error {
            WriteError::Store(error) => Self::Store(error),
            WriteError::Refused(refusal) => {
                Self::Store(StoreError::Failed(format!("unexpected refusal {refusal:?}")))
            }
        }
    }
}
