//! The distribution protocol by noun and verb.

mod blobs;
mod catalog;
mod head;
mod tags;
mod uploads;
