//! Adapters: blobs as files in the distribution tree, or as objects in a bucket.
//!
//! [`Files`] keeps each blob where the original registry keeps it, so that the
//! tree can be taken over and handed back; [`ObjectBlobs`] does so as far as an
//! object store allows without copying. Both promise what [`store::BlobStore`]
//! says and nothing else: no repository, no manifest, no decision about what
//! may be removed.

mod cached;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod files;
mod measured;
mod objects;
#[cfg(test)]
mod tests;

pub use cached::{CacheFigures, CacheSettings, Cached, Opened, Origin};
pub use files::{DirectIo, Files, FilesOptions};
pub use measured::{Listener, Measured};
#[cfg(any(test, feature = "conformance"))]
pub use objects::Memory;
pub use objects::{
    AmazonClients, AzureCredentials, AzureSettings, Bucket, BucketSettings, Call, Calls,
    CloudFront, CloudFrontSettings, GcsCredentials, GcsSettings, ObjectBlobs, ObjectBlobsOptions,
    Probe, RedirectRule, RedirectSettings, S3Credentials, S3Settings, Secret, Through,
};
