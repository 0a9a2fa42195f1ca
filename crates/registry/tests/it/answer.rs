//! What both registries say, in one form.

use bytes::Bytes;
use oci::{Digest, RepositoryName, Tag};
use registry::Error;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Done,
    Mounted(bool),
    Pushed { digest: Digest, subject: Option<Digest> },
    Manifest { digest: Digest, media_type: String, bytes: Bytes },
    Blob(Bytes),
    Tags(Vec<Tag>, bool),
    Catalog(Vec<RepositoryName>, bool),
    Referrers(Vec<(Digest, Option<String>)>),
    Missing(Vec<Digest>),
    NameUnknown,
    ManifestUnknown,
    BlobUnknown,
    BlobNeeded,
    UploadUnknown,
    DigestMismatch,
}

impl Answer {
    /// An error that a client's request may cause; anything else is a bug.
    pub(crate) fn of(error: Error) -> Self {
        match error {
            Error::MissingReferences(missing) => Self::Missing(missing),
            Error::NameUnknown(_) => Self::NameUnknown,
            Error::ManifestUnknown { .. } => Self::ManifestUnknown,
            Error::BlobUnknown { .. } => Self::BlobUnknown,
            Error::BlobNeeded { .. } => Self::BlobNeeded,
            Error::UploadUnknown(_) => Self::UploadUnknown,
            Error::DigestMismatch { .. } => Self::DigestMismatch,
            error => panic!("{error:?}"),
        }
    }
}
