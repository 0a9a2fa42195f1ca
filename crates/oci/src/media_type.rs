//! Media types: what a client says a document is.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::quote::quoted;

/// Longest media type in bytes: 127 for each side and the slash (RFC 6838 §4.2).
const MAX_LENGTH: usize = 255;

/// A checked media type `type/subtype`, in lower case and without parameters. Cheap to clone.
///
/// Lower case, because media types ignore case and clients do too: a document under
/// `Application/…` must not slip past the rules for `application/…`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MediaType(Arc<str>);

/// Why a text is not a media type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid media type {value}: {rule}")]
pub struct MediaTypeError {
    /// The text, quoted and bounded.
    pub value: String,
    /// The rule it breaks.
    pub rule: &'static str,
}

impl MediaType {
    /// OCI image manifest.
    pub const OCI_MANIFEST: &'static str = "application/vnd.oci.image.manifest.v1+json";
    /// OCI image index.
    pub const OCI_INDEX: &'static str = "application/vnd.oci.image.index.v1+json";
    /// OCI image configuration.
    pub const OCI_CONFIG: &'static str = "application/vnd.oci.image.config.v1+json";
    /// OCI empty descriptor, whose content is `{}`.
    pub const OCI_EMPTY: &'static str = "application/vnd.oci.empty.v1+json";
    /// OCI layer, uncompressed.
    pub const OCI_LAYER: &'static str = "application/vnd.oci.image.layer.v1.tar";
    /// OCI layer, gzip.
    pub const OCI_LAYER_GZIP: &'static str = "application/vnd.oci.image.layer.v1.tar+gzip";
    /// OCI layer, zstd.
    pub const OCI_LAYER_ZSTD: &'static str = "application/vnd.oci.image.layer.v1.tar+zstd";
    /// The artifact manifest of image-spec 1.1 release candidates, withdrawn but still stored.
    pub const OCI_ARTIFACT: &'static str = "application/vnd.oci.artifact.manifest.v1+json";
    /// Docker image manifest, version 2 schema 2.
    pub const DOCKER_MANIFEST: &'static str =
        "application/vnd.docker.distribution.manifest.v2+json";
    /// Docker manifest list.
    pub const DOCKER_LIST: &'static str =
        "application/vnd.docker.distribution.manifest.list.v2+json";
    /// Docker image manifest, version 2 schema 1, without signature.
    pub const DOCKER_SCHEMA1: &'static str = "application/vnd.docker.distribution.manifest.v1+json";
    /// Docker image manifest, version 2 schema 1, signed.
    pub const DOCKER_SCHEMA1_SIGNED: &'static str =
        "application/vnd.docker.distribution.manifest.v1+prettyjws";
    /// Docker image configuration.
    pub const DOCKER_CONFIG: &'static str = "application/vnd.docker.container.image.v1+json";
    /// Docker plugin configuration.
    pub const DOCKER_PLUGIN_CONFIG: &'static str = "application/vnd.docker.plugin.v1+json";
    /// Docker layer, gzip.
    pub const DOCKER_LAYER: &'static str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    /// Docker layer that lives elsewhere.
    pub const DOCKER_FOREIGN_LAYER: &'static str =
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    /// Bytes about which nothing is known.
    pub const OCTET_STREAM: &'static str = "application/octet-stream";

    /// Reads a `Content-Type` value or a `mediaType` member; parameters are dropped.
    ///
    /// # Errors
    /// Names the rule that `text` breaks.
    pub fn parse(text: &str) -> Result<Self, MediaTypeError> {
        let essence =
            text.split_once(';').map_or(text, |(essence, _)| essence).trim_matches([' ', '\t']);
        let rule = if essence.len() > MAX_LENGTH {
            "a media type has at most 255 bytes"
        } else {
            match essence.split_once('/') {
                Some((kind, subtype)) if is_token(kind) && is_token(subtype) => {
                    return Ok(Self(essence.to_ascii_lowercase().into()));
                }
                _ => "it must be <type>/<subtype>, such as application/json",
            }
        };
        Err(MediaTypeError { value: quoted(text), rule })
    }

    /// One of the constants above.
    pub(crate) fn known(constant: &'static str) -> Self {
        Self(constant.into())
    }

    /// `type/subtype` in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// An OCI image index or a Docker manifest list.
    #[must_use]
    pub fn is_index(&self) -> bool {
        matches!(self.as_str(), Self::OCI_INDEX | Self::DOCKER_LIST)
    }

    /// An OCI or Docker schema 2 image manifest; not an index and not schema 1.
    #[must_use]
    pub fn is_manifest(&self) -> bool {
        matches!(self.as_str(), Self::OCI_MANIFEST | Self::DOCKER_MANIFEST)
    }

    /// A Docker schema 1 manifest, signed or not.
    #[must_use]
    pub fn is_schema1(&self) -> bool {
        matches!(self.as_str(), Self::DOCKER_SCHEMA1 | Self::DOCKER_SCHEMA1_SIGNED)
    }

    /// A layer that its license keeps out of registries, so it may be absent here.
    #[must_use]
    pub fn is_nondistributable(&self) -> bool {
        let layer = self.as_str();
        layer == Self::DOCKER_FOREIGN_LAYER
            || layer.starts_with("application/vnd.oci.image.layer.nondistributable.")
    }
}

/// `token` of RFC 9110 §5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

impl PartialEq<str> for MediaType {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for MediaType {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl FromStr for MediaType {
    type Err = MediaTypeError;

    fn from_str(text: &str) -> Result<Self, MediaTypeError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for MediaType {
    type Error = MediaTypeError;

    fn try_from(text: String) -> Result<Self, MediaTypeError> {
        Self::parse(&text)
    }
}

impl From<MediaType> for String {
    fn from(media_type: MediaType) -> Self {
        media_type.as_str().to_owned()
    }
}

impl AsRef<str> for MediaType {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_space_and_case_are_dropped() {
        for text in [
            "application/vnd.oci.image.index.v1+json",
            "application/vnd.oci.image.index.v1+json; charset=utf-8",
            " Application/Vnd.OCI.image.index.v1+JSON ;x",
        ] {
            assert_eq!(MediaType::parse(text).unwrap(), MediaType::OCI_INDEX, "{text:?}");
        }
    }

    #[test]
    fn broken_types_are_refused() {
        let too_long = format!("a/{}", "b".repeat(254));
        for text in
            ["", "/", "a/", "/b", "a", "a/b/c", "a b/c", "a/b\n", "a/é", "*", ";a/b", &too_long]
        {
            assert!(MediaType::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn predicates_know_their_types() {
        let kinds = |text| {
            let it = MediaType::parse(text).unwrap();
            (it.is_index(), it.is_manifest(), it.is_schema1(), it.is_nondistributable())
        };
        assert_eq!(kinds(MediaType::OCI_INDEX), (true, false, false, false));
        assert_eq!(kinds(MediaType::DOCKER_LIST), (true, false, false, false));
        assert_eq!(kinds(MediaType::OCI_MANIFEST), (false, true, false, false));
        assert_eq!(kinds(MediaType::DOCKER_MANIFEST), (false, true, false, false));
        assert_eq!(kinds(MediaType::DOCKER_SCHEMA1), (false, false, true, false));
        assert_eq!(kinds(MediaType::DOCKER_SCHEMA1_SIGNED), (false, false, true, false));
        assert_eq!(kinds(MediaType::DOCKER_FOREIGN_LAYER), (false, false, false, true));
        let oci = "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd";
        assert_eq!(kinds(oci), (false, false, false, true));
        assert_eq!(kinds(MediaType::OCI_LAYER_GZIP), (false, false, false, false));
    }
}
