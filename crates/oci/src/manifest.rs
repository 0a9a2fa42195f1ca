//! Manifests: the exact bytes that were pushed beside the view of them that the registry needs.
//!
//! The bytes are the truth and are served unchanged. The view is derived from them and feeds the
//! questions that a registry asks: which kind, what does it point at, what is its artifact type.

use std::collections::BTreeMap;
use std::str::FromStr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::descriptor::Descriptor;
use crate::digest::{Algorithm, Digest};
use crate::media_type::MediaType;
use crate::quote::quoted;

mod error;
mod fields;
mod parse;
#[cfg(test)]
mod tests;

pub use error::ManifestError;

/// Most descriptors in one manifest.
pub const MAX_DESCRIPTORS: usize = 4096;

/// What a manifest is to the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ManifestKind {
    /// An OCI or Docker schema 2 image manifest, or an artifact in its form.
    Image,
    /// An OCI index or Docker manifest list.
    Index,
    /// Schema 1 and every media type that is not known: stored as it came.
    Other,
}

/// Where in a manifest a descriptor stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// `config`.
    Config,
    /// `layers`, and `fsLayers` of schema 1.
    Layer,
    /// `manifests`.
    Child,
    /// `blobs` of the withdrawn artifact manifest.
    Blob,
    /// `subject`; it may be absent from the registry.
    Subject,
}

impl Role {
    /// The role in lower case, as columns hold it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Layer => "layer",
            Self::Child => "child",
            Self::Blob => "blob",
            Self::Subject => "subject",
        }
    }
}

/// A text that is no role; columns hold nothing else, so it means a damaged row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid role {0}: it must be config, layer, child, blob or subject")]
pub struct RoleError(String);

impl FromStr for Role {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Self, RoleError> {
        match text {
            "config" => Ok(Self::Config),
            "layer" => Ok(Self::Layer),
            "child" => Ok(Self::Child),
            "blob" => Ok(Self::Blob),
            "subject" => Ok(Self::Subject),
            other => Err(RoleError(quoted(other))),
        }
    }
}

/// One thing that a manifest points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Where the descriptor stands.
    pub role: Role,
    /// The descriptor.
    pub descriptor: Descriptor,
}

/// A manifest that passed the checks of [`Manifest::parse`]. Cloning copies the view, not the bytes.
#[derive(Clone, Debug)]
pub struct Manifest {
    bytes: Bytes,
    media_type: MediaType,
    kind: ManifestKind,
    view: View,
}

/// What the registry reads out of the bytes.
#[derive(Clone, Debug, Default)]
struct View {
    artifact_type: Option<String>,
    config_media_type: Option<String>,
    annotations: BTreeMap<String, String>,
    references: Vec<Link>,
}

impl Manifest {
    /// Checks `bytes`, sent under the `Content-Type` `declared`; without one the type is inferred:
    /// the body's `mediaType`, else schema 1 for `schemaVersion` 1, else an OCI index when there
    /// are `manifests`, else an OCI manifest. The caller bounds the size of `bytes`.
    ///
    /// Image manifests and indexes must be sound JSON that agrees with its type. Other documents
    /// are taken as they are, with the references that can be read out of them.
    ///
    /// # Errors
    /// Names the field, the value and the rule that the document breaks.
    pub fn parse(bytes: Bytes, declared: Option<MediaType>) -> Result<Self, ManifestError> {
        let (media_type, kind, view) = parse::parse(&bytes, declared)?;
        Ok(Self { bytes, media_type, kind, view })
    }

    /// The bytes as they were pushed.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Size of the bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// The digest of the bytes; computed at each call.
    #[must_use]
    pub fn digest(&self, algorithm: Algorithm) -> Digest {
        Digest::of(algorithm, &self.bytes)
    }

    /// The declared or inferred type, under which the manifest is served.
    #[must_use]
    pub fn media_type(&self) -> &MediaType {
        &self.media_type
    }

    /// What the manifest is to the registry.
    #[must_use]
    pub fn kind(&self) -> ManifestKind {
        self.kind
    }

    /// The artifact type that lists of referrers show: the manifest's own, else the config's media
    /// type for image manifests, else none.
    #[must_use]
    pub fn artifact_type(&self) -> Option<String> {
        let config = || self.view.config_media_type.clone().filter(|_| self.is_image());
        self.view.artifact_type.clone().or_else(config)
    }

    fn is_image(&self) -> bool {
        self.kind == ManifestKind::Image
    }

    /// The `mediaType` of `config`, as written.
    #[must_use]
    pub fn config_media_type(&self) -> Option<&str> {
        self.view.config_media_type.as_deref()
    }

    /// The manifest that this one is about.
    #[must_use]
    pub fn subject(&self) -> Option<&Descriptor> {
        let subject = |link: &&Link| link.role == Role::Subject;
        self.references().iter().find(subject).map(|link| &link.descriptor)
    }

    /// The manifest's own annotations.
    #[must_use]
    pub fn annotations(&self) -> &BTreeMap<String, String> {
        &self.view.annotations
    }

    /// Everything the manifest points at, in order of appearance, once per role and digest. Ask
    /// [`Descriptor::is_foreign`] before insisting on one.
    #[must_use]
    pub fn references(&self) -> &[Link] {
        &self.view.references
    }
}
