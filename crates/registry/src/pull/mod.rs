//! The read path: manifests, blobs and lists. A read writes nothing.

mod blob;
mod counter;
mod list;
mod manifest;
mod referrers;
mod verifying;

pub use blob::Blob;
pub(crate) use counter::Pulls;
pub use list::{Catalogue, TagList};
pub use referrers::Referrers;
