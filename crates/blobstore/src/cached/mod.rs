//! Hot blobs of a bucket, kept as files on a local disk.
//!
//! [`Cached`] stands before a blob store and answers whole and partial reads of
//! blobs that were asked for before. It holds immutable bytes alone: an entry is
//! named by the store's key, which is never used twice, and was compared with
//! the digest of the blob before it became one. It decides nothing: whether a
//! blob exists the metadata says, and any failure here ends with a read from
//! the store.
//!
//! # The way of a blob into the cache
//! | Read | What happens |
//! |---|---|
//! | the first whole one | goes through; if neither the key nor this process knows the digest, it is hashed on the way |
//! | the next whole one | a task fetches the blob once, at the pace of store and disk; every reader follows in the growing file |
//! | later ones, whole or a range | from the file, each block compared with its checksum |
//!
//! A fill whose bytes have another digest, that meets an error, or that would
//! more than double the time of its readers is given up and leaves nothing; its
//! readers go on from the store at the byte where they are.
//!
//! # Bounds
//! Bytes and files on disk ([`CacheSettings::size`], 100,000 files), fills at
//! one time, memory of all fills, remembered first reads. What is used least
//! recently goes first.

mod copy;
mod entry;
mod figures;
mod fill;
mod index;
mod layout;
mod opening;
mod origin;
mod pump;
mod serving;
mod sightings;
mod store;

pub use figures::CacheFigures;
pub use origin::{Opened, Origin};
pub use store::{CacheSettings, Cached};
