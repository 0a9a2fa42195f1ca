//! `/v2/<name>/blobs/<digest>`.

mod get;
