//! `/v2/<name>/blobs/uploads/…`.

mod concurrent;
mod finish;
mod ids;
mod resume;
