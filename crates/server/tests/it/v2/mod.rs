//! The distribution protocol by noun and verb.

mod blobs;
mod catalog;
mod tags;
mod uploads;
