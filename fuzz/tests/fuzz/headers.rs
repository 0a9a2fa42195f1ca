//! `Range` and `Content-Range`: what is taken lies inside.

use fuzz::{config, hostile_text};
use oci::{ByteRanges, ContentRange, MAX_RANGES, RangeOutcome};
use proptest::prelude::*;

fn size() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(1), 0_u64..2000, any::<u64>(), Just(u64::MAX)]
}

proptest! {
    #![proptest_config(config(3000))]

    #[test]
    fn ranges_lie_inside_the_blob_and_are_no_longer_than_it(
        header in hostile_text(&["bytes=0-99", "bytes=-5", "bytes=1-2,5-,-1", "bytes=0-,0-"]),
        size in size(),
    ) {
        if let RangeOutcome::Satisfiable(ranges) = ByteRanges::parse(&header, size) {
            prop_assert!((1..=MAX_RANGES).contains(&ranges.len()));
            let mut total = 0_u64;
            for range in ranges {
                prop_assert!(range.start <= range.end_inclusive && range.end_inclusive < size);
                total = total.checked_add(range.length()).unwrap();
            }
            prop_assert!(total <= size);
        }
    }

    #[test]
    fn a_content_range_has_a_beginning_before_its_end(
        header in hostile_text(&["0-99", "bytes 0-99/100", "bytes 5-9/*", "bytes=1-2"]),
    ) {
        match ContentRange::parse(&header) {
            Ok(range) => {
                prop_assert!(range.start <= range.end_inclusive);
                prop_assert_eq!(range.length() - 1, range.end_inclusive - range.start);
                prop_assert!(range.total.is_none_or(|total| range.end_inclusive < total));
            }
            Err(error) => prop_assert!(error.to_string().len() < 1000),
        }
    }
}
