//! Background duties: import, export, garbage collection, expiry of uploads, verification.
//!
//! Each duty is a plain async function over the seams of `store`: it holds no state of its own,
//! reads no clock but the one passed in, can be interrupted at any moment by a [`Shutdown`], and
//! can be run again without harm. A duty tells an [`Observer`] how far it is and returns a report;
//! whether that becomes a progress bar, a log line or an answer on a socket is the caller's choice.
//!
//! [`tree`] is the seam to the directory that the original registry writes; [`import`] reads it,
//! [`export`] writes it. [`collect`] removes what nobody needs, [`sweep`] bytes that nothing
//! knows, [`expire`] ends uploads that nobody
//! goes on with, [`verify`] hashes what was imported. [`runner`] repeats the periodic ones and
//! [`leased`] lets one of several replicas do them. [`transfer`] moves a whole registry elsewhere.

pub mod collect;
pub mod expire;
pub mod export;
pub mod import;
pub mod leased;
pub mod runner;
pub mod sweep;
pub mod transfer;
pub mod tree;
pub mod verify;

mod error;
mod finding;
mod observer;
mod shutdown;
mod throttle;

pub use error::WorkError;
pub use finding::{Finding, Findings, MAX_KEPT, Problem};
pub use observer::{Observer, Progress, Silent, Volume};
pub use shutdown::Shutdown;
pub use throttle::Throttle;
