//! `Content-Range`: a chunk goes where it says, or nowhere.

use fuzz::{config, each, hostile_line, hostile_text};
use oci::ContentRange;
use proptest::prelude::*;
use testkit::{Request, TestRegistry};

const EXAMPLES: &[&str] = &["0-9", "0-99", "bytes 0-9/10", "bytes 5-9/*", "bytes=1-2", "10-19"];

proptest! {
    #![proptest_config(config(3000))]

    #[test]
    fn a_content_range_has_a_beginning_before_its_end(header in hostile_text(EXAMPLES)) {
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

#[test]
fn a_chunk_is_taken_at_its_place_only_and_leaves_nothing_elsewhere() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let registry = runtime.block_on(TestRegistry::start());
    let client = registry.client();
    each(250, file!(), &hostile_line(EXAMPLES), |header| {
        let (status, after) = runtime.block_on(async {
            let upload = client.open_upload("a").await;
            let chunk = Request::new("PATCH", upload.as_str()).body([7; 10]);
            let status = client.send(chunk.with("Content-Range", header.as_str())).await.status;
            let after = client.get(upload.as_str()).await;
            client.delete(upload).await;
            (status, after.header("range").map(str::to_owned))
        });
        if status == 202 {
            let range = ContentRange::parse(header.trim()).unwrap();
            assert_eq!((range.start, range.length()), (0, 10), "{header:?}");
            assert_eq!(after.as_deref(), Some("0-9"));
        } else {
            assert!(matches!(status, 400 | 416), "{status} to {header:?}");
            // What was never begun has no row; either way there is no byte.
            assert!(after.as_deref().is_none_or(|range| range == "0-0"), "{after:?}");
        }
    });
}
