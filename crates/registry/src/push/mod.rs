//! The write path, as named steps.
//!
//! A blob: `start_upload` (writes nothing), `append` (a session begins with
//! its first byte), `finish_upload` (digest checked, bytes durable, then one
//! transaction makes the blob a member). A manifest: parse, decide inside the
//! transaction, commit.

mod id;
mod live;
mod look;
mod manifest;
mod mount;
mod open;
#[cfg(test)]
mod postgres;
mod publish;
mod session;
mod source;
#[cfg(test)]
mod tests;
mod upload;

pub(crate) use id::UploadIds;
pub use id::{UploadHint, UploadKey};
pub use manifest::PushedManifest;
pub(crate) use session::Sessions;
pub use source::{Source, SourceError};
