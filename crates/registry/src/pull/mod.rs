//! The read path: manifests, blobs and lists. A read writes nothing.

mod blob;
mod list;
mod manifest;
mod referrers;
mod verifying;

pub use blob::Blob;
pub use list::{Catalogue, TagList};
pub use referrers::Referrers;
