//! How often the store was asked, by kind.

use std::sync::atomic::{AtomicU64, Ordering};

/// A kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// A whole object was written.
    Put,
    /// Content was read.
    Get,
    /// Size and date were asked for.
    Look,
    /// One page of names.
    List,
    /// An object was removed.
    Remove,
    /// An object, or a part of one, was copied inside of the store.
    Copy,
    /// An upload in parts was begun.
    Begin,
    /// A part was written.
    Part,
    /// The parts became an object.
    Complete,
    /// An upload in parts was given up.
    Abort,
}

impl Call {
    /// All kinds, in the order in which they are counted.
    pub const ALL: [Self; 10] = [
        Self::Put,
        Self::Get,
        Self::Look,
        Self::List,
        Self::Remove,
        Self::Copy,
        Self::Begin,
        Self::Part,
        Self::Complete,
        Self::Abort,
    ];

    /// A word for labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Get => "get",
            Self::Look => "head",
            Self::List => "list",
            Self::Remove => "delete",
            Self::Copy => "copy",
            Self::Begin => "create_multipart",
            Self::Part => "upload_part",
            Self::Complete => "complete_multipart",
            Self::Abort => "abort_multipart",
        }
    }
}

/// Counters since the start; a call counts when it is made, whatever comes of
/// it. Retries inside of one call do not count again.
#[derive(Debug, Default)]
pub struct Calls([AtomicU64; Call::ALL.len()]);

impl Calls {
    pub(super) fn count(&self, call: Call) {
        if let Some(counter) = self.0.get(call as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Calls of one kind.
    pub fn of(&self, call: Call) -> u64 {
        self.0.get(call as usize).map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    /// Calls of all kinds.
    pub fn total(&self) -> u64 {
        self.0.iter().map(|counter| counter.load(Ordering::Relaxed)).sum()
    }
}
