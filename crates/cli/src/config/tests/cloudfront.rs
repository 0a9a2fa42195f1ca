//! `middleware.storage`: `cloudfront` with the original's words.

use serde_json::json;

use super::buckets::with;
use super::{at, error, load, warnings};

const REQUIRED: &str = "baseurl: cdn.example.org/, privatekey: /k.pem, keypairid: K1";

/// An item with these options before a bucket of this driver.
fn item(driver: &str, options: &str) -> String {
    let keys = if driver == "s3" { "bucket: b, region: r" } else { "bucket: b" };
    let item = format!("{{name: cloudfront, options: {{{options}}}}}");
    format!("{}middleware:\n  storage: [{item}]\n", with(driver, keys))
}

#[test]
fn three_words_are_enough() {
    let expected = json!([{"name": "cloudfront", "options": {
        "baseurl": "https://cdn.example.org", "privatekey": "/k.pem", "keypairid": "K1",
        "duration": "20m", "ipfilteredby": "none", "updatefrequency": "12h",
        "iprangesurl": "https://ip-ranges.amazonaws.com/ip-ranges.json",
    }}]);
    let text = item("s3", REQUIRED);
    assert_eq!(at(&load(&text, &[]), "middleware.storage"), expected);
    assert_eq!(warnings(&text, &[]), Vec::<String>::new());
}

#[test]
fn the_old_spelling_of_the_frequency_counts_and_is_said() {
    let options = |more: &str| item("s3", &format!("{REQUIRED}, {more}"));
    let old = options("updatefrenquency: 3h");
    let every = "middleware.storage.0.options.updatefrequency";
    assert_eq!(at(&load(&old, &[]), every), json!("3h"));
    assert_eq!(at(&load(&old, &[]), "middleware.storage.0.options.duration"), json!("20m"));
    let said = warnings(&old, &[]);
    assert!(said.len() == 1 && said[0].ends_with("write updatefrequency"), "{said:?}");
    let both = options("updatefrenquency: 3h, updatefrequency: 4h");
    assert_eq!(at(&load(&both, &[]), every), json!("4h"));
}

#[test]
fn what_is_not_whole_is_refused_by_name() {
    for (driver, options, expected) in [
        (
            "s3",
            "privatekey: k, keypairid: K",
            ".options.baseurl: is missing; write it as https://cdn.example.org",
        ),
        (
            "s3",
            "baseurl: a, keypairid: K",
            ".options.privatekey: is missing; name the PEM file of the signing key",
        ),
        (
            "s3",
            "baseurl: a, privatekey: k",
            ".options.keypairid: is missing; name the key as Amazon does",
        ),
        (
            "gcs",
            REQUIRED,
            ": \"cloudfront\" is for buckets of storage.s3; take it out, or write redirect or rewrite",
        ),
        (
            "s3",
            "ipfilteredby: all",
            ".options.ipfilteredby: wants one of none, aws, awsregion, not \"all\"",
        ),
        (
            "s3",
            "baseurl: a, privatekey: k, keypairid: K, ipfilteredby: awsregion",
            ".options.awsregion: is missing; name regions, such as us-east-1,us-west-2",
        ),
        (
            "s3",
            "baseurl: a, privatekey: k, keypairid: K, iprangesurl: a",
            ".options.iprangesurl: \"a\" is no address; write it as https://ip-ranges.amazonaws.com/ip-ranges.json",
        ),
        (
            "s3",
            "baseurl: a, privatekey: k, keypairid: K, duration: 0s",
            ".options.duration: must be longer than 0s; leave it out for the default",
        ),
    ] {
        let text = error(&item(driver, options), &[]);
        let expected = format!("middleware.storage[0]{expected}");
        assert!(text.lines().any(|line| line.ends_with(&expected)), "{text}\nwanted {expected}");
    }
}
