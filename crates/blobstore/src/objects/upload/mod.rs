//! An open upload, which any process can go on with.
//!
//! Bytes gather in memory until they fill a part. As long as everything fits
//! one part nothing is sent: [`StagedBlob::publish`](store::StagedBlob::publish)
//! writes the blob to its place with one call. A checkpoint in that state writes
//! the bytes to what becomes the blob if nothing follows. Beyond one part they
//! go up as parts of one object whose name does not depend on the digest; what
//! lies after the last whole part is kept as a small object by each checkpoint.
//!
//! # Calls of the store per blob
//! | Blob | Way | Calls |
//! |---|---|---|
//! | fits one part | whole in one request | 1: put |
//! | fits one part | PATCH, checkpoint, PUT in the same process | 1: put |
//! | fits one part | PATCH, checkpoint, PUT in another process | 2: put, head |
//! | n parts | one process, closed at once | n + 5: begin, marker, parts, complete, head; discard removes the marker |
//! | n parts | a checkpoint before the close | 2 more: put the tail; discard removes it |
//! | n parts | gone on with in another process | 2 more: read the marker, read the tail |
//! | any | discarded without having been published | 1 list; read and remove each marker, abort; remove each tail |
//!
//! An upload in parts that goes on for long writes its marker again every
//! [`sign_of_life`](crate::ObjectBlobsOptions::sign_of_life).
//!
//! A checkpoint after [`StagedBlob::finish`](store::StagedBlob::finish) sends the
//! last part instead of a tail, so the one that a closing request takes costs
//! nothing beyond. A crash between the beginning of an upload in parts and its
//! marker leaves parts that nobody lists: a lifecycle rule of the bucket that
//! aborts uploads after some days catches those, and so does the store of Azure.
//!
//! # What is removed, and when
//! Publishing removes nothing. Another process may hold the same checkpoint and
//! be asked for the same blob: until the metadata knows it, that process must
//! find the parts, or the object that they became. What belongs to the upload
//! alone, below `berth/uploads/`, is removed by `discard`, or some checkpoints
//! after it was superseded. An object below `berth/blobs/` may be a blob from
//! the moment in which a checkpoint names it; only the sweep, which asks the
//! metadata, removes those.
//!
//! # Two writers
//! A process that was cut off may still send what another one sends anew. Parts
//! have the same boundaries whoever cuts them, each checkpoint names its parts
//! by what the store called them, and a store must refuse to complete with a
//! part that was replaced (Azure keeps both: its blocks have random names). The
//! probe tries that. Where a store does not tell them apart, an object is read
//! back and hashed after its completion if anybody was told of its parts.

mod begin;
mod blocks;
mod budget;
mod checkpoint;
mod complete;
mod hashing;
mod place;
mod progress;
mod publish;
mod remains;
mod reopen;
mod sizes;
mod stage;

pub(super) use begin::{Begun, MARKER};
pub(super) use budget::Budget;
pub(super) use remains::Remains;
pub(super) use stage::ObjectStage;
