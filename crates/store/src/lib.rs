//! Seams: what a blob store and a metadata store promise; contracts, no implementation.
