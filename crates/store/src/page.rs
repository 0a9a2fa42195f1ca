//! Keyset pages: complete for names that exist throughout.

/// Which part of a sorted list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<K> {
    /// Exclusive start: only keys that sort after it (by bytes). It need not exist.
    pub after: Option<K>,
    /// At most this many.
    pub limit: usize,
}

impl<K> Page<K> {
    /// The first `limit` keys.
    pub fn first(limit: usize) -> Self {
        Self { after: None, limit }
    }

    /// The `limit` keys after `key`.
    pub fn after(key: K, limit: usize) -> Self {
        Self { after: Some(key), limit }
    }
}
