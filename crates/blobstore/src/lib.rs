//! Adapter: blobs as files in the distribution tree.
//!
//! [`Files`] keeps each blob where the original registry keeps it, so that the
//! tree can be taken over and handed back. It promises what
//! [`store::BlobStore`] says and nothing else: no repository, no manifest, no
//! decision about what may be removed.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod files;
#[cfg(test)]
mod tests;

pub use files::{DirectIo, Files, FilesOptions};
