//! What is different about a tree in a bucket.

use oci::{Digest, Reference, Tag};
use parking_lot::Mutex;
use store::{BlobPlace, Clock, ContentStore, Page, WalkStore};
use workers::import::{NeedsImport, needs_import};
use workers::tree::LinkName;
use workers::{Finding, Observer, Progress, Shutdown, Silent, WorkError, export, import};

use crate::export::export;
use crate::ground::Kind;
use crate::house::{House, image, name};
use crate::import::{everything, import};
use crate::plant::{self, Plant, THEN};
use crate::shelf::Shelf;

const HELLO: &str = "repositories/library/hello";

#[tokio::test]
async fn marks_of_folders_and_newlines_behind_digests_do_no_harm() {
    let house = House::on(Kind::Bucket);
    plant::debian(&house.ground);
    let plant = Plant::new(&house.ground);
    let hex = Digest::sha256(plant::LAYER).hex();
    for folder in [
        "repositories",
        "repositories/empty",
        "repositories/library",
        HELLO,
        &format!("{HELLO}/_layers"),
        &format!("{HELLO}/_layers/sha256"),
        &format!("{HELLO}/_layers/sha256/{hex}"),
        &format!("{HELLO}/_manifests/revisions"),
        &format!("{HELLO}/_manifests/tags"),
        &format!("{HELLO}/_manifests/tags/latest"),
        &format!("{HELLO}/_manifests/tags/latest/current"),
        &format!("{HELLO}/_manifests/tags/being-made"),
    ] {
        plant.directory(folder);
    }
    plant.link(
        "library/hello",
        "_layers",
        &Digest::sha256(plant::LAYER),
        &format!("sha256:{hex}\n"),
    );
    let report = import(&house).await;
    assert_eq!((report.repositories, report.counts.blobs), (1, 2));
    assert_eq!((report.counts.manifests, report.counts.tags), (2, 2));
    assert_eq!((report.findings.damaged, report.findings.noted), (0, 1));
}

#[tokio::test]
async fn names_that_sort_around_a_slash_are_kept_apart() {
    let house = House::on(Kind::Bucket);
    let plant = Plant::new(&house.ground);
    for repository in ["a", "a-b", "a/b", "a/0", "a.b", "ab"] {
        plant.layer(repository, b"c");
        plant.tagged(repository, &image(b"c", &[]), &["v1", "v1-x", "v1.0", "v10"]);
    }
    let listing = house.tree.repositories().await.unwrap();
    let names: Vec<_> = listing.items.iter().map(|name| name.as_str()).collect();
    assert_eq!(names, ["a", "a-b", "a.b", "a/0", "a/b", "ab"]);
    let tags = house.tree.tags(&name("a")).await.unwrap().items;
    let tags: Vec<_> = tags.iter().map(|link| link.tag.as_str()).collect();
    assert_eq!(tags, ["v1", "v1-x", "v1.0", "v10"]);
    let stamp = house.tree.stamp().await.unwrap();
    assert_eq!((stamp.repositories, stamp.tags), (6, 24));
    house.tree.remove_repository(&name("a")).await.unwrap();
    let stamp = house.tree.stamp().await.unwrap();
    assert_eq!((stamp.repositories, stamp.tags), (5, 20));
}

#[tokio::test]
async fn lists_longer_than_a_page_are_read_to_their_end() {
    let house = House::on(Kind::Bucket);
    let plant = Plant::new(&house.ground);
    let digest = plant.manifest("big", &image(b"c", &[]));
    for number in 0..1100 {
        plant.layer("big", format!("layer {number}").as_bytes());
        plant.tag("big", &format!("t{number}"), &digest, THEN);
    }
    let big = name("big");
    assert_eq!(house.tree.layers(&big).await.unwrap().items.len(), 1100);
    assert_eq!(house.tree.tags(&big).await.unwrap().items.len(), 1100);
    let names = house.tree.link_names(&big).await.unwrap();
    let is_tag = |link: &&LinkName| matches!(link, LinkName::TagCurrent(_));
    assert_eq!((names.len(), names.iter().filter(is_tag).count()), (2201, 1100));
    house.tree.remove_repository(&big).await.unwrap();
    assert!(!house.ground.files().keys().any(|path| path.starts_with("repositories/")));
}

#[tokio::test]
async fn uploads_that_others_left_cost_the_stamp_next_to_nothing() {
    let house = House::on(Kind::Bucket);
    plant::debian(&house.ground);
    let stamp = house.tree.stamp().await.unwrap();
    assert_eq!((stamp.repositories, stamp.tags), (1, 2));
    let plant = Plant::new(&house.ground);
    for number in 0..5000 {
        plant.file(&format!("{HELLO}/_uploads/{number}/startedat"), b"2020-01-01T00:00:00Z");
    }
    plant.layer("z", b"behind them");
    house.shelf().calls.lock().clear();
    let behind = house.tree.stamp().await.unwrap();
    assert_eq!(house.shelf().count("list"), 2);
    assert_eq!((behind.repositories, behind.tags), (2, 2));
    assert_ne!(behind.fingerprint, stamp.fingerprint);
    house.ground.remove("repositories/z");
    assert_eq!(house.tree.stamp().await.unwrap(), stamp);
}

/// Remembers lines, and how often had been copied when they came.
struct Copies<'a> {
    shelf: &'a Shelf,
    heard: Mutex<Vec<(String, usize)>>,
}

impl Observer for Copies<'_> {
    fn progress(&self, _: &Progress) {}
    fn line(&self, line: &str) {
        self.heard.lock().push((line.to_owned(), self.shelf.count("copy")));
    }
    fn finding(&self, _: &Finding) {}
}

/// More than fits one part of an upload.
const LARGE: usize = 10_000;

fn large(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(LARGE, b'.');
    bytes
}

/// A blob under a key that does not tell its digest.
async fn push_large(house: &House, text: &str) -> Digest {
    let bytes = large(text);
    let key = house.upload(&bytes, &Digest::sha256(&bytes).hex()).await;
    assert!(key.as_str().starts_with("berth/blobs/"), "{key:?}");
    house.publish("a", &bytes, BlobPlace::Stored(key)).await
}

#[tokio::test]
async fn an_export_says_first_how_much_it_copies_and_lets_the_bucket_do_it() {
    let house = House::on(Kind::Bucket);
    let free = push_large(&house, "free").await;
    // Somebody left something else at this one's own place.
    let blocked = Digest::sha256(&large("blocked"));
    Plant::new(&house.ground).file(&plant::data(&blocked), b"cut");
    push_large(&house, "blocked").await;
    house.push_stored("a", b"in its own place").await;
    house.push_inline("a", b"{}").await;
    let observer = Copies { shelf: house.shelf(), heard: Mutex::default() };
    export::run(&house.export(), &observer, &Shutdown::never()).await.unwrap();
    let line = "2 blobs, 20000 bytes will be copied inside the bucket".to_owned();
    assert_eq!(*observer.heard.lock(), [(line, 0)]);
    assert_eq!(house.shelf().count("copy"), 2);
    let places = [free, blocked].map(|digest| plant::data(&digest));
    let moves_bytes = |(call, key): &&(&str, String)| {
        matches!(*call, "get" | "put") && places.iter().any(|place| key.ends_with(place))
    };
    assert_eq!(house.shelf().calls.lock().iter().filter(moves_bytes).count(), 0);
    assert_eq!(house.ground.text(&places[0]).as_bytes(), large("free"));
    assert_eq!(house.ground.text(&places[1]).as_bytes(), large("blocked"));
    let observer = Copies { shelf: house.shelf(), heard: Mutex::default() };
    let again = export::run(&house.export(), &observer, &Shutdown::never()).await.unwrap();
    assert_eq!((again.exported.changed, observer.heard.lock().len()), (0, 0));
    assert_eq!(house.shelf().count("copy"), 2);
}

#[tokio::test]
async fn nothing_is_named_before_it_is_there() {
    let house = House::on(Kind::Bucket);
    for number in 0..40 {
        let layer = format!("layer {number}");
        push_large(&house, &layer).await;
        house.push_inline("a", b"{}").await;
        let body = image(b"{}", &[&large(&layer)]);
        house.push_manifest("a", &body, &["latest", &format!("v{number}")]).await;
    }
    house.shelf().calls.lock().clear();
    export(&house).await;
    let calls = house.shelf().calls.lock();
    let places = |part: &str| -> Vec<usize> {
        let calls = calls.iter().enumerate();
        let made =
            calls.filter(|(_, (call, key))| matches!(*call, "put" | "copy") && key.contains(part));
        made.map(|(place, _)| place).collect()
    };
    let order = ["berth/blobs/", "/_layers/", "/revisions/", "/index/", "/current/"];
    for pair in order.windows(2) {
        let (before, after) = (places(pair[0]), places(pair[1]));
        assert!(before.len() >= 40 && after.len() >= 40, "{pair:?}");
        assert!(before.last() < after.first(), "{pair:?}");
    }
}

#[tokio::test]
async fn a_store_that_goes_away_stops_the_import_and_nothing_is_taken_for_absent() {
    let planted = || {
        let house = House::on(Kind::Bucket);
        plant::debian(&house.ground);
        house
    };
    let whole = planted();
    import(&whole).await;
    let expected = everything(&whole).await;
    let mut failures = 0;
    for at in 0.. {
        let house = planted();
        *house.shelf().fails_after.lock() = Some(at);
        match import::run(&house.import(), &Silent, &Shutdown::never()).await {
            Err(error) => assert!(matches!(error, WorkError::Store(_)), "{error}"),
            Ok(_) => break,
        }
        failures += 1;
        let report = import(&house).await;
        assert_eq!((report.findings.damaged, &everything(&house).await), (0, &expected));
    }
    assert!(failures > 15, "{failures}");
}

#[tokio::test]
async fn an_export_to_a_store_that_goes_away_is_finished_by_the_next() {
    let pushed = async || {
        let house = House::on(Kind::Bucket);
        plant::debian(&house.ground);
        import(&house).await;
        push_large(&house, "layer").await;
        house.push_inline("a", b"{}").await;
        house.push_manifest("a", &image(b"{}", &[&large("layer")]), &["v1"]).await;
        let tag = Tag::parse("multi").unwrap();
        let now = house.clock.now();
        assert!(house.meta.delete_tag(&name("library/hello"), &tag, None, now).await.unwrap());
        house
    };
    let whole = pushed().await;
    export(&whole).await;
    let expected = whole.ground.content();
    let mut failures = 0;
    for at in 0.. {
        let house = pushed().await;
        *house.shelf().fails_after.lock() = Some(at);
        if export::run(&house.export(), &Silent, &Shutdown::never()).await.is_ok() {
            break;
        }
        failures += 1;
        export(&house).await;
        assert_eq!(house.ground.content(), expected, "after call {at} failed");
        let needs = needs_import(house.tree.as_ref(), house.meta.as_ref()).await.unwrap();
        assert_eq!(needs, NeedsImport::UpToDate);
    }
    assert!(failures > 30, "{failures}");
}

#[tokio::test]
async fn tags_have_the_time_of_the_export_and_move_only_to_something_newer() {
    let house = House::on(Kind::Bucket);
    house.push_inline("a", b"{}").await;
    house.push_manifest("a", &image(b"{}", &[]), &["v1"]).await;
    export(&house).await;
    // Taken over elsewhere, the tag is as old as the export.
    let other = House::on(Kind::Bucket);
    house.ground.copy(&other.ground);
    import(&other).await;
    let link = "repositories/a/_manifests/tags/v1/current/link";
    let tags = other.meta.walk_tags(&name("a"), Page::first(9)).await.unwrap();
    assert_eq!(tags[0].at.millis(), house.ground.millis(link));
    // Taken in again here, nothing moves: it says the same.
    let before = everything(&house).await;
    import(&house).await;
    assert_eq!(everything(&house).await, before);
    let latest = Reference::Tag(Tag::parse("v1").unwrap());
    assert!(other.meta.manifest(&name("a"), &latest).await.unwrap().is_some());
}
