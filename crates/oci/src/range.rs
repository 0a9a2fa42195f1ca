//! The `Range` header of blob reads (RFC 9110 §14.1.2).

/// Most ranges that one request may ask for; a request with more gets the whole blob.
pub const MAX_RANGES: usize = 64;

/// Bytes `start..=end_inclusive` of a blob, always inside it and never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// Offset of the first byte.
    pub start: u64,
    /// Offset of the last byte.
    pub end_inclusive: u64,
}

impl ByteRange {
    /// Bytes in the range, at least 1.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.end_inclusive.saturating_sub(self.start).saturating_add(1)
    }
}

/// What a `Range` header means for one blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RangeOutcome {
    /// Ignore the header and send everything: 200.
    Whole,
    /// Send these, in the order asked: 206. Never empty.
    Satisfiable(Vec<ByteRange>),
    /// No range lies inside the blob: 416.
    Unsatisfiable,
}

/// Reader of the `Range` header.
#[derive(Clone, Copy, Debug)]
pub struct ByteRanges;

/// One member of the header, before it meets the size of a blob.
enum Spec {
    From { first: u64, last: Option<u64> },
    Suffix(u64),
}

impl ByteRanges {
    /// Reads `header` for a blob of `size` bytes.
    ///
    /// Another unit, broken syntax, more than [`MAX_RANGES`] members and ranges that together are
    /// longer than the blob yield [`RangeOutcome::Whole`], and so does an empty blob: some clients
    /// send a range with every request, and nothing is a right answer to any part of nothing.
    #[must_use]
    pub fn parse(header: &str, size: u64) -> RangeOutcome {
        let Some(specs) = specs(header) else { return RangeOutcome::Whole };
        if size == 0 {
            return RangeOutcome::Whole;
        }
        let ranges: Vec<_> = specs.iter().filter_map(|spec| spec.within(size)).collect();
        let total = ranges.iter().try_fold(0_u64, |sum, range| sum.checked_add(range.length()));
        match ranges.len() {
            0 => RangeOutcome::Unsatisfiable,
            _ if total.is_none_or(|total| total > size) => RangeOutcome::Whole,
            _ => RangeOutcome::Satisfiable(ranges),
        }
    }
}

impl Spec {
    fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.split_once('-')?;
        if first.is_empty() {
            return saturating(last).map(Self::Suffix);
        }
        let first = saturating(first)?;
        let last = if last.is_empty() { None } else { Some(saturating(last)?) };
        Some(Self::From { first, last })
    }

    /// The bytes of a blob of `size` bytes that are meant; `None` when there are none.
    fn within(&self, size: u64) -> Option<ByteRange> {
        let end = size.checked_sub(1)?;
        let range = match *self {
            Self::From { first, last } => {
                ByteRange { start: first, end_inclusive: last.map_or(end, |last| last.min(end)) }
            }
            Self::Suffix(0) => return None,
            Self::Suffix(length) => {
                ByteRange { start: size.saturating_sub(length), end_inclusive: end }
            }
        };
        // An end before the start selects nothing, like a start behind the blob: 416, not 200.
        (range.start <= range.end_inclusive).then_some(range)
    }
}

/// The members of the header; `None` when it is to be ignored.
fn specs(header: &str) -> Option<Vec<Spec>> {
    let (unit, list) = header.split_once('=')?;
    if !unit.trim_ascii().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let members: Vec<_> = list.split(',').take(MAX_RANGES + 1).collect();
    if members.len() > MAX_RANGES {
        return None;
    }
    let members = members.into_iter().map(str::trim_ascii).filter(|member| !member.is_empty());
    let specs: Vec<_> = members.map(Spec::parse).collect::<Option<_>>()?;
    (!specs.is_empty()).then_some(specs)
}

/// A decimal number; one that does not fit is as good as the largest, since no blob reaches it.
fn saturating(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What `header` means for a blob of 2048 bytes, as pairs.
    fn read(header: &str, size: u64) -> Option<Vec<(u64, u64)>> {
        match ByteRanges::parse(header, size) {
            RangeOutcome::Whole => None,
            RangeOutcome::Unsatisfiable => Some(vec![]),
            RangeOutcome::Satisfiable(ranges) => {
                assert!(!ranges.is_empty());
                Some(ranges.iter().map(|range| (range.start, range.end_inclusive)).collect())
            }
        }
    }

    #[test]
    fn satisfiable_ranges_are_clamped_to_the_blob() {
        for (header, expected) in [
            ("bytes=500-1499", vec![(500, 1499)]),
            ("bytes=500-", vec![(500, 2047)]),
            ("bytes=-500", vec![(1548, 2047)]),
            ("bytes=-5000", vec![(0, 2047)]),
            ("bytes=0-0", vec![(0, 0)]),
            ("bytes=2000-5000", vec![(2000, 2047)]),
            ("bytes=2047-99999999999999999999999999", vec![(2047, 2047)]),
            ("bytes=-99999999999999999999999999", vec![(0, 2047)]),
            ("Bytes = 1-2 ,, 5-6,-1", vec![(1, 2), (5, 6), (2047, 2047)]),
            ("bytes=5-6,1-2,9000-", vec![(5, 6), (1, 2)]),
        ] {
            assert_eq!(read(header, 2048), Some(expected), "{header}");
        }
    }

    #[test]
    fn ranges_that_select_nothing_are_unsatisfiable() {
        for header in [
            "bytes=2048-",
            "bytes=5000-10000",
            "bytes=500-0",
            "bytes=-0",
            "bytes=99999999999999999999999999-",
            "bytes=-0,4000-",
        ] {
            assert_eq!(read(header, 2048), Some(vec![]), "{header}");
        }
    }

    #[test]
    fn headers_that_make_no_sense_are_ignored() {
        let many = format!("bytes={}", vec!["0-0"; MAX_RANGES + 1].join(","));
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=a-b",
            "bytes=1",
            "bytes=1-2-3",
            "bytes=+1-2",
            "bytes=0x1-2",
            "items=0-1",
            "bytes:0-1",
            "bytes=--1",
            "bytes=1-2,x",
            &many,
        ] {
            assert_eq!(read(header, 2048), None, "{header}");
        }
    }

    #[test]
    fn ranges_longer_together_than_the_blob_get_the_whole_blob() {
        assert_eq!(read("bytes=0-,0-0", 2048), None);
        assert_eq!(read("bytes=0-1023,1024-", 2048), Some(vec![(0, 1023), (1024, 2047)]));
        assert_eq!(read("bytes=0-,0-,0-", u64::MAX), None);
    }

    #[test]
    fn an_empty_blob_is_always_sent_whole() {
        for header in ["bytes=0-", "bytes=-1", "bytes=-0", "bytes=5-6"] {
            assert_eq!(read(header, 0), None, "{header}");
        }
    }

    proptest! {
        #[test]
        fn every_range_lies_inside_the_blob(header in "bytes=([0-9]{0,20}-[0-9]{0,20},?){1,5}", size: u64) {
            if let RangeOutcome::Satisfiable(ranges) = ByteRanges::parse(&header, size) {
                for range in ranges {
                    prop_assert!(range.start <= range.end_inclusive && range.end_inclusive < size);
                }
            }
        }

        #[test]
        fn any_text_is_read_without_panic(header: String, size: u64) {
            let _ = ByteRanges::parse(&header, size);
        }
    }
}
