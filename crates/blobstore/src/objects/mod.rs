//! The object adapter: a bucket, the blobs in it, and the tree of another
//! registry there.
//!
//! [`Bucket`] makes every call; [`ObjectBlobs`] is the blob store over it. The
//! library behind both knows S3, Google Cloud Storage and Azure; nothing of it
//! shows outside of this folder. Hot blobs may be kept on a local disk before it:
//! [`Cached`](crate::Cached).

mod address;
mod blobs;
mod bucket;
mod calls;
mod cloudfront;
mod connect;
mod copy;
mod failure;
mod layout;
mod left;
mod listing;
#[cfg(any(test, feature = "conformance"))]
mod memory;
mod probe;
mod read;
mod requests;
mod secret;
mod settings;
mod tree;
mod upload;

pub use address::{RedirectRule, RedirectSettings, Through};
pub use blobs::{ObjectBlobs, ObjectBlobsOptions};
pub use bucket::Bucket;
pub use calls::{Call, Calls};
pub use cloudfront::{AmazonClients, CloudFront, CloudFrontSettings};
#[cfg(any(test, feature = "conformance"))]
pub use memory::Memory;
pub use probe::Probe;
pub use secret::Secret;
pub use settings::{
    AzureCredentials, AzureSettings, BucketSettings, GcsCredentials, GcsSettings, S3Credentials,
    S3Settings,
};
