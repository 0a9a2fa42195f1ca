//! YAML as the original reads it (the 1.1 words for true, false and null, octal `0123`), with the
//! place of every node kept, so that each complaint about a setting can point at it.
//!
//! Built on parser events instead of serde, because serde hides what we need: positions of
//! values that are wrong in meaning only, and whether a scalar was quoted.

mod emit;
mod node;
mod parse;
mod scalar;

pub(super) use emit::emit;
pub(super) use node::{Entry, Node, Place, Scalar, Value};
pub(super) use parse::parse;
