//! The read path: manifests, blobs and lists. A read writes nothing.

mod blob;
mod counter;
mod list;
mod manifest;
mod memory;
mod outage;
mod referrers;
mod stale;
mod verifying;

pub use blob::{Blob, BlobSize};
pub(crate) use counter::Pulls;
pub use list::{Catalogue, TagList};
pub use manifest::PulledManifest;
pub use referrers::Referrers;
pub(crate) use stale::{Stale, is_away};
