//! Descriptors: one document's pointer at another.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::digest::Digest;
use crate::media_type::MediaType;

/// A pointer at content: where it is by its digest, and what the pointing document says about it.
/// Serializes in the member names of the image specification; absent members are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the content is said to be; `None` when absent or not a media type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<MediaType>,
    /// The content's address.
    pub digest: Digest,
    /// The content's size in bytes; at most `i64::MAX`. Schema 1 does not tell it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The kind of artifact, when the content is a manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Free-form annotations.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Other places of the content. Never fetched with credentials.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// The machine the content is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
}

/// The machine an image is for, in the words of Go's `GOARCH` and `GOOS`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Platform {
    /// Such as `amd64`; empty when the document does not tell.
    pub architecture: String,
    /// Such as `linux`; empty when the document does not tell.
    pub os: String,
    /// Such as `v8`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl Descriptor {
    /// Whether the content may live elsewhere for good, so that a push must not insist on it.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        !self.urls.is_empty()
            || self.media_type.as_ref().is_some_and(MediaType::is_nondistributable)
    }
}
