//! `berth.storage.cache`: its defaults, and where it makes no sense.

use serde_json::json;

use super::{at, first_line, load, warnings};

/// A bucket with these keys of the cache and of `berth.redirect`.
fn with(cache: &str, redirect: &str) -> String {
    format!(
        "version: 0.1\nstorage: {{s3: {{bucket: b, region: r}}}}\nberth:\n  metadata: {{url: 'sqlite:/m'}}\n  \
         storage: {{cache: {{{cache}}}}}\n  redirect: {{{redirect}}}\n"
    )
}

#[test]
fn a_directory_is_enough_and_nothing_is_no_cache() {
    let config = load(&with("directory: /c", ""), &[]);
    let expected = json!({
        "directory": "/c", "size": 10_u64 << 30, "smallest_blob": 1, "largest_blob": 5_u64 << 29,
    });
    assert_eq!(at(&config, "berth.storage.cache"), expected);
    for nothing in [with("", ""), with("", "").replace("cache: {}", "")] {
        assert_eq!(at(&load(&nothing, &[]), "berth.storage"), json!(null));
    }
    let env = [("BERTH_STORAGE_CACHE_DIRECTORY", "/c"), ("BERTH_STORAGE_CACHE_SIZE", "1GiB")];
    let config = load(&with("", ""), &env);
    assert_eq!(at(&config, "berth.storage.cache.largest_blob"), json!(256 << 20));
}

#[test]
fn a_cache_that_cannot_be_is_refused_with_the_way_out() {
    for (cache, expected) in [
        ("size: 1GiB", "berth.storage.cache.directory: is missing; name one on a local disk"),
        (
            "directory: /c, size: 63MiB",
            "berth.storage.cache.size: 66060288 is out of range; use 67108864 to 1125899906842624",
        ),
        (
            "directory: /c, size: 1GiB, largest_blob: 513MiB",
            "berth.storage.cache.largest_blob: 537919488 is out of range; use 1 to 536870912",
        ),
        (
            "directory: /c, size: 1GiB, smallest_blob: 257MiB",
            "berth.storage.cache.smallest_blob: 269484032 is out of range; use 1 to 268435456",
        ),
    ] {
        let line = first_line(&with(cache, ""), &[]);
        assert!(line.ends_with(expected), "{line}");
    }
    let files = "version: 0.1\nstorage: filesystem\nberth: {storage: {cache: {directory: /c}}}\n";
    let expected = "config.yml:3:26: berth.storage.cache: is for a bucket: blobs of storage.filesystem \
                    are on a disk already; take it out";
    assert_eq!(first_line(files, &[]), expected);
}

#[test]
fn a_cache_that_nobody_comes_by_is_worth_a_warning() {
    for (redirect, count) in [
        ("", 0),
        ("enabled: auto", 0),
        ("enabled: never", 0),
        ("enabled: always", 1),
        ("enabled: always, networks: [10.0.0.0/8]", 0),
    ] {
        let said = warnings(&with("directory: /c", redirect), &[]);
        assert_eq!(said.len(), count, "{said:?}");
        assert!(said.iter().all(|line| line.contains("sees next to no reads")), "{said:?}");
    }
}
