//! How much of the log goes, the same for both engines.

/// The sealed part of the log. Sequences have no gaps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sealed {
    /// The sequence of the oldest line.
    pub(crate) first: i64,
    /// The sequence of the newest line, which stays.
    pub(crate) last: i64,
}

impl Sealed {
    /// The sequence that one step of at most `limit` lines stops before.
    pub(crate) fn reach(self, limit: usize) -> i64 {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.first.saturating_add(limit).min(self.last)
    }

    /// The sequence before which everything goes, so that of the newest `keep`
    /// lines, `unsealed` ones among them, none does.
    pub(crate) fn end_by_count(self, keep: i64, unsealed: i64) -> i64 {
        let sealed = keep.saturating_sub(unsealed).max(0);
        self.last.saturating_sub(sealed).saturating_add(1)
    }
}

/// A count as SQL takes it.
pub(crate) fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_seal_is_out_of_reach() {
        let sealed = Sealed { first: 11, last: 20 };
        assert_eq!((sealed.reach(3), sealed.reach(9), sealed.reach(usize::MAX)), (14, 20, 20));
    }

    #[test]
    fn lines_without_a_seal_count_among_the_newest() {
        let sealed = Sealed { first: 11, last: 20 };
        assert_eq!(sealed.end_by_count(4, 0), 17);
        assert_eq!(sealed.end_by_count(4, 3), 20);
        assert_eq!(sealed.end_by_count(4, 9), 21);
        assert!(sealed.end_by_count(i64::MAX, 0) < 11);
    }
}
