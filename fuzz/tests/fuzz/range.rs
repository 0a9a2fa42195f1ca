//! `Range`: what is taken lies inside, and what is sent is what was asked for.

use fuzz::{config, each, hostile_line, hostile_text};
use oci::{ByteRanges, Digest, MAX_RANGES, RangeOutcome};
use proptest::prelude::*;
use testkit::{Answer, Request, TestRegistry};

const EXAMPLES: &[&str] = &["bytes=0-99", "bytes=-5", "bytes=1-2,5-,-1", "bytes=0-,0-", "bytes=7-"];

fn size() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(1), 0_u64..2000, any::<u64>(), Just(u64::MAX)]
}

proptest! {
    #![proptest_config(config(3000))]

    #[test]
    fn ranges_lie_inside_the_blob_and_are_no_longer_than_it(
        header in hostile_text(EXAMPLES),
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
}

/// A part of `blob` as its `Content-Range` describes it.
fn described<'b>(blob: &'b [u8], content_range: &str) -> &'b [u8] {
    let (range, size) = content_range.strip_prefix("bytes ").unwrap().split_once('/').unwrap();
    assert_eq!(size, blob.len().to_string());
    let (first, last) = range.split_once('-').unwrap();
    &blob[first.parse().unwrap()..=last.parse().unwrap()]
}

/// The parts of a multipart answer, each with its `Content-Range`.
fn parts(answer: &Answer) -> Vec<(String, Vec<u8>)> {
    let kind = answer.header("content-type").unwrap();
    let boundary = kind.strip_prefix("multipart/byteranges; boundary=").unwrap().trim_matches('"');
    // One byte, one letter: the blob is no UTF-8.
    let text: String = answer.body.iter().copied().map(char::from).collect();
    let boundary = format!("--{boundary}");
    let parts = text.split(&boundary).skip(1).filter(|part| !part.starts_with("--"));
    let parts = parts.map(|part| {
        let (head, rest) = part.split_once("\r\n\r\n").unwrap();
        let line = head.lines().find(|l| l.to_ascii_lowercase().starts_with("content-range:"));
        let (_, range) = line.unwrap().split_once(':').unwrap();
        let body = rest.strip_suffix("\r\n").unwrap();
        (range.trim().to_owned(), body.chars().map(|c| c as u8).collect())
    });
    parts.collect()
}

#[test]
fn a_partial_answer_carries_the_bytes_that_it_names() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let registry = runtime.block_on(TestRegistry::start());
    let client = registry.client();
    let blob: Vec<u8> = (100..=255).collect();
    runtime.block_on(async { client.push_blob("a", &blob).await.expect(201) });
    let path = format!("/v2/a/blobs/{}", Digest::sha256(&blob));
    each(300, file!(), &hostile_line(EXAMPLES), |header| {
        let get = Request::new("GET", path.as_str()).with("Range", header);
        let answer = runtime.block_on(client.send(get));
        match answer.status {
            200 => assert_eq!(answer.body, blob),
            206 => match answer.header("content-range") {
                Some(range) => assert_eq!(answer.body, described(&blob, range)),
                None => {
                    let parts = parts(&answer);
                    assert!((2..=MAX_RANGES).contains(&parts.len()));
                    for (range, bytes) in parts {
                        assert_eq!(bytes, described(&blob, &range));
                    }
                }
            },
            416 => assert_eq!(answer.header("content-range"), Some("bytes */156")),
            // A control character is no part of a header.
            status => assert_eq!(status, 400),
        }
    });
}
