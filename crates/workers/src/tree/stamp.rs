//! A mark of a tree's links, to tell whether somebody else has written.

use serde::{Deserialize, Serialize};

/// Two equal stamps mean that nothing was pushed, tagged or untagged in between.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Repositories in the tree.
    pub repositories: u64,
    /// Tags in the tree.
    pub tags: u64,
    /// Hash over names and times; see [`crate::tree::Tree::stamp`].
    pub fingerprint: String,
}
