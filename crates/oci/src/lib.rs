//! Vocabulary of the registry: digests, names, tags, manifests; no async, no I/O.
//!
//! Every value that comes from a client passes through one of the parsers here before anything
//! else in the registry sees it. A storage key or a query is built only from these types, never
//! from a string, so a hostile path cannot leave its place.

mod content_range;
mod descriptor;
mod digest;
mod error_code;
mod hasher;
mod json;
mod manifest;
mod media_type;
mod name;
mod quote;
mod range;
mod reference;
mod tag;

pub use content_range::{ContentRange, ContentRangeError};
pub use descriptor::{Descriptor, Platform};
pub use digest::{Algorithm, Digest, DigestError};
pub use error_code::ErrorCode;
pub use hasher::Hasher;
pub use json::MAX_DEPTH;
pub use manifest::{Link, MAX_DESCRIPTORS, Manifest, ManifestError, ManifestKind, Role, RoleError};
pub use media_type::{MediaType, MediaTypeError};
pub use name::{NameError, RepositoryName};
pub use quote::quoted;
pub use range::{ByteRange, ByteRanges, MAX_RANGES, RangeOutcome};
pub use reference::{Reference, ReferenceError};
pub use tag::{Tag, TagError};
