//! What can be wrong with a manifest.

use crate::digest::DigestError;

/// Why a manifest was refused. The text is fit for the answer to the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// The body is not exactly one JSON object in UTF-8.
    #[error("manifest is not a JSON object: {reason}")]
    NotAnObject {
        /// What the parser says.
        reason: String,
    },
    /// A key stands twice in one object, so clients would read different documents.
    #[error("manifest has the key {key} twice in one object")]
    DuplicateKey {
        /// The key, quoted and bounded.
        key: String,
    },
    /// A member that many clients would take for another one, since Go ignores the case of keys.
    #[error(
        "manifest field {field} must be written {expected}: clients disagree about letter case"
    )]
    Misspelled {
        /// Path of the member, bounded.
        field: String,
        /// The name it would be taken for.
        expected: &'static str,
    },
    /// Nested too deeply.
    #[error("manifest is nested deeper than {} levels", crate::json::MAX_DEPTH)]
    TooDeep,
    /// Too many descriptors.
    #[error(
        "manifest has {count} descriptors in all, at most {} are allowed",
        super::MAX_DESCRIPTORS
    )]
    TooManyDescriptors {
        /// Descriptors found.
        count: usize,
    },
    /// The header and the body name different types.
    #[error(
        "manifest mediaType {body} differs from the Content-Type {header}: send the same in both"
    )]
    MediaTypeMismatch {
        /// The `Content-Type`, quoted and bounded.
        header: String,
        /// The `mediaType`, quoted and bounded.
        body: String,
    },
    /// The body has a member that belongs to another kind of manifest.
    #[error(
        "manifest field {field} does not belong into {media_type}: a manifest has either manifests or layers"
    )]
    Confused {
        /// The member.
        field: &'static str,
        /// The type of the document.
        media_type: String,
    },
    /// A digest that cannot be used here.
    #[error("manifest field {field}: {source}")]
    Digest {
        /// Path of the member, such as `layers[3].digest`.
        field: String,
        /// What is wrong with it.
        source: DigestError,
    },
    /// Any other member with a wrong value.
    #[error("manifest field {field} is {value}: {rule}")]
    Field {
        /// Path of the member.
        field: String,
        /// The value as JSON, quoted and bounded, or `missing`.
        value: String,
        /// The rule it breaks.
        rule: &'static str,
    },
}
