//! S3 and what all object stores share: both dialects, what is refused or warned about, and what it becomes.

use serde_json::json;

use super::super::berth::metadata::MetadataAt;
use super::{at, first_line, load, warnings};

/// A file with this driver and a database.
pub(super) fn with(driver: &str, keys: &str) -> String {
    let text = format!("version: 0.1\nstorage:\n  {driver}: {{{keys}}}\n");
    format!("{text}berth: {{metadata: {{url: 'postgres://berth@db/berth'}}}}\n")
}

/// The first error with these keys beside a bucket and a region.
fn s3(keys: &str) -> String {
    first_line(&with("s3", &format!("bucket: b, region: r, {keys}")), &[])
}

#[test]
fn what_cannot_be_honoured_in_a_bucket_is_refused_with_the_way_out() {
    for (keys, expected) in [
        (
            "v4auth: false",
            "v4auth: false: signatures of version 2 are not made; take it out; every store of today takes version 4",
        ),
        (
            "objectacl: public-read",
            "objectacl: \"public-read\" is not supported; give access with the bucket's policy",
        ),
        (
            "storageclass: GLACIER",
            "storageclass: wants one of NONE, STANDARD, REDUCED_REDUNDANCY, STANDARD_IA, ONEZONE_IA, INTELLIGENT_TIERING, OUTPOSTS, GLACIER_IR, EXPRESS_ONEZONE, not \"GLACIER\"",
        ),
        (
            "secure: false",
            "secure: false would send everything to Amazon in the clear; take it out, or name another store's address in regionendpoint",
        ),
        ("keyid: k", "keyid: means nothing without encrypt; add encrypt: true"),
        (
            "accesskey: a",
            "secretkey: is missing beside storage.s3.accesskey; set both, or neither to ask the environment and the instance",
        ),
        ("chunksize: 1MiB", "chunksize: 1048576 is out of range; use 5MiB to 5GiB"),
        (
            "chunksize: 129MiB",
            "chunksize: 135266304 is more than half of berth.upload.memory, 268435456; make parts smaller or the memory larger",
        ),
        (
            "rootdirectory: a/../b",
            "rootdirectory: \"a/../b\" is no folder; write it as registry/data",
        ),
        (
            "regionendpoint: 'http://h/path'",
            "regionendpoint: must not have a path, as \"/path\"; name scheme, host and port only",
        ),
        (
            "regionendpoint: 'http://u:hunter2@h'",
            "regionendpoint: \"h\" is no address; write it as https://store.example.org:9000",
        ),
        (
            "redirectendpoint: h",
            "redirectendpoint: \"h\" is no address; write it as https://store.example.org:9000",
        ),
        (
            "regionendpoint: '10.0.0.1:9000', forcepathstyle: false",
            "forcepathstyle: false would put the bucket in front of an address of numbers; write true, or name the host",
        ),
    ] {
        let line = s3(keys);
        let (_, rest) = line.split_once(": storage.s3.").unwrap_or_default();
        assert_eq!(rest, expected, "{line}");
    }
    let both = "is a name of Amazon's own, beside regionendpoint; take one of them out";
    for key in ["accelerate", "usedualstack", "usefipsendpoint"] {
        let line = s3(&format!("regionendpoint: 'minio:9000', {key}: true"));
        assert!(line.ends_with(&format!("storage.s3.{key}: {both}")), "{line}");
    }
    let line = s3("forcepathstyle: true, accelerate: true");
    assert!(line.contains("storage.s3.accelerate: needs the bucket in the host name"), "{line}");
    let line = s3("usefipsendpoint: true, accelerate: true");
    assert!(line.contains("usefipsendpoint: does not go together with accelerate"), "{line}");
    let line = first_line(&with("s3", "bucket: b"), &[]);
    assert!(line.contains("storage.s3.region: is missing; name it, such as us-east-1"), "{line}");
    let line = first_line(&with("s3", "bucket: 's3://b', region: r"), &[]);
    assert!(line.contains("storage.s3.bucket: \"s3://b\" is no name of a bucket"), "{line}");
}

#[test]
fn what_does_nothing_in_a_bucket_is_said_and_harmless_values_are_not() {
    let said = |keys: &str| warnings(&with("s3", &format!("bucket: b, region: r, {keys}")), &[]);
    let quiet = "v4auth: true, objectacl: private, accelerate: false, usedualstack: no, loglevel: off, \
                 usefipsendpoint: false, secure: true, skipverify: false, encrypt: false, keyid: ''";
    assert_eq!(said(quiet), Vec::<String>::new());
    let level = said("loglevel: debug");
    assert!(level.len() == 1 && level[0].contains("storage.s3.loglevel: has no effect: "));
    let said = said("skipverify: true");
    assert!(said.len() == 1 && said[0].contains("storage.s3.skipverify: trusts every"), "{said:?}");
    let said = warnings(&with("gcs", "bucket: b, maxconcurrency: 50"), &[]);
    assert!(said.len() == 1 && said[0].contains("storage.gcs.maxconcurrency: has no effect"));
}

#[test]
fn the_bucket_stands_where_each_dialect_puts_it_and_the_difference_is_said() {
    let path = |keys: &str| {
        let text = with("s3", &format!("bucket: b, region: r, {keys}"));
        (at(&load(&text, &[]), "storage.s3.forcepathstyle"), warnings(&text, &[]))
    };
    assert_eq!(path("encrypt: false"), (json!(false), vec![]));
    assert_eq!(path("forcepathstyle: true"), (json!(true), vec![]));
    assert_eq!(path("regionendpoint: 'minio:9000', forcepathstyle: true"), (json!(true), vec![]));
    assert_eq!(path("regionendpoint: 'minio:9000', forcepathstyle: false"), (json!(false), vec![]));
    let (style, said) = path("regionendpoint: 'minio:9000'");
    assert_eq!(style, json!(true));
    let expected = "config.yml:3:7: storage.s3.forcepathstyle: is not set: the bucket stands in the \
                    path, as with registry:2; registry:3 puts it into the host name; write true or false";
    assert_eq!(said, [expected]);
}

#[test]
fn an_endpoint_without_a_scheme_follows_secure_and_one_with_a_scheme_does_not() {
    for (keys, expected) in [
        ("regionendpoint: 'minio:9000'", "https://minio:9000"),
        ("regionendpoint: 'minio:9000', secure: false", "http://minio:9000"),
        ("regionendpoint: 'https://minio:9000/', secure: false", "https://minio:9000"),
        ("regionendpoint: 'http://minio:9000', secure: true", "http://minio:9000"),
    ] {
        let config = load(&with("s3", &format!("bucket: b, {keys}")), &[]);
        assert_eq!(at(&config, "storage.s3.regionendpoint"), json!(expected));
        assert_eq!(at(&config, "storage.s3.region"), json!("us-east-1"));
    }
}

#[test]
fn no_storage_class_is_left_to_the_store() {
    for class in ["NONE", "none", "''"] {
        let text = with("s3", &format!("bucket: b, region: r, storageclass: {class}"));
        assert_eq!(at(&load(&text, &[]), "storage.s3.storageclass"), json!(null));
    }
}

#[test]
fn a_bucket_without_a_database_is_refused_with_both_ways() {
    for (name, keys) in [
        ("s3", "bucket: b, region: r"),
        ("gcs", "bucket: b"),
        ("azure", "accountname: a, container: c"),
    ] {
        let text = format!("version: 0.1\nstorage:\n  {name}: {{{keys}}}\n");
        let expected = format!(
            "storage.{name}: needs berth.metadata.url: what the registry knows of its content cannot \
             lie in the bucket, and a database in the container would be lost with it; write \
             postgres://user@host/database for any number of replicas, or sqlite:/DIRECTORY on a \
             volume for one"
        );
        assert!(first_line(&text, &[]).ends_with(&expected), "{}", first_line(&text, &[]));
        for url in ["postgres://berth@db/berth", "sqlite:/m"] {
            assert_eq!(load(&text, &[("BERTH_METADATA_URL", url)]).storage.driver.name(), name);
        }
    }
}

#[test]
fn the_database_is_beside_the_files_in_a_directory_or_a_server() {
    let at = |env: &[(&str, &str)]| load(super::SMALLEST, env).berth.metadata.at;
    assert_eq!(at(&[]), MetadataAt::Beside);
    for url in ["sqlite:/m/db", "sqlite:///m/db"] {
        assert_eq!(at(&[("BERTH_METADATA_URL", url)]), MetadataAt::Sqlite("/m/db".into()));
    }
    let url = at(&[("BERTH_METADATA_URL", "postgres://u:hunter2@db/berth")]);
    let MetadataAt::Postgres(url) = url else { panic!() };
    assert_eq!(url.reveal(), "postgres://u:hunter2@db/berth");
}

#[test]
fn the_original_word_against_redirects_has_the_last_word() {
    let enabled = |redirect: &str, wish: &str| {
        let text = format!(
            "version: 0.1\nstorage: {{gcs: {{bucket: b}}, redirect: {{disable: {redirect}}}}}\n"
        );
        let env = [("BERTH_METADATA_URL", "sqlite:/m"), ("BERTH_REDIRECT_ENABLED", wish)];
        at(&load(&text, &env), "berth.redirect.enabled")
    };
    assert_eq!(enabled("false", ""), json!("auto"));
    assert_eq!(enabled("false", "always"), json!("always"));
    assert_eq!(enabled("true", ""), json!("never"));
    let text = "version: 0.1\nstorage: {gcs: {bucket: b}, redirect: {disable: true}}\n";
    let env = [("BERTH_METADATA_URL", "sqlite:/m"), ("BERTH_REDIRECT_ENABLED", "always")];
    let expected = "BERTH_REDIRECT_ENABLED: berth.redirect.enabled: always: contradicts storage.redirect.disable; take one of them out";
    assert_eq!(first_line(text, &env), expected);
}

/// The file of a bucket with these items of `middleware.storage`.
fn passing(items: &str) -> String {
    format!("{}middleware:\n  storage: [{items}]\n", with("gcs", "bucket: b"))
}

#[test]
fn middleware_that_is_off_is_left_out() {
    let off = "{name: cloudfront, disabled: true, options: {baseurl: x, duration: 20m}}";
    let text =
        passing(&format!("{off}, {{name: redirect, options: {{baseurl: 'https://cdn/x/'}}}}"));
    let expected = json!([{"name": "redirect", "options": {"baseurl": "https://cdn/x"}}]);
    assert_eq!(at(&load(&text, &[]), "middleware.storage"), expected);
    assert_eq!(warnings(&text, &[]), Vec::<String>::new());
}

#[test]
fn middleware_that_is_not_whole_or_not_alone_is_refused() {
    for (items, expected) in [
        (
            "{name: redirect}",
            "[0].options.baseurl: is missing; write it as https://cdn.example.org",
        ),
        (
            "{name: redirect, options: {baseurl: cdn}}",
            "[0].options.baseurl: \"cdn\" is no address; write it as https://store.example.org:9000",
        ),
        (
            "{name: rewrite, options: {scheme: ftp}}",
            "[0].options.scheme: \"ftp\" is no scheme of a blob's address; use http or https",
        ),
        (
            "{name: rewrite, options: {host: 'https://cdn'}}",
            "[0].options.host: \"https://cdn\" is no host; write it as cdn.example.org or cdn.example.org:8443",
        ),
        ("{name: rewrite}", "[0].options: changes nothing; set scheme, host or trimpathprefix"),
        (
            "{name: rewrite, options: {host: a}}, {name: rewrite, options: {host: b}}",
            "[1]: is a second one; they cannot be combined; keep one",
        ),
    ] {
        let line = first_line(&passing(items), &[]);
        assert!(line.ends_with(&format!("middleware.storage{expected}")), "{line}");
    }
}
