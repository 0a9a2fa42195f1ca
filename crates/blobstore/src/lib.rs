//! Adapter: blobs as files in the distribution tree.
