//! What garbage collection removes, and above all what it does not.

use std::time::Duration;

use oci::{ByteRange, Digest, Reference};
use store::{BlobPlace, ContentStore, LivenessStore, Page};
use workers::collect::{self, CollectOptions, CollectReport};
use workers::{Shutdown, Silent};

use crate::house::{Ear, House, image, index, name, referrer};
use crate::plant;

const DAY: Duration = Duration::from_secs(24 * 3600);
const DRY: CollectOptions =
    CollectOptions { dry_run: true, delete_untagged: false, grace: Duration::from_secs(3600) };
const REAL: CollectOptions = CollectOptions { dry_run: false, ..DRY };
const UNTAGGED: CollectOptions = CollectOptions { delete_untagged: true, ..REAL };
const DRY_UNTAGGED: CollectOptions = CollectOptions { delete_untagged: true, ..DRY };

async fn run(house: &House, options: CollectOptions) -> CollectReport {
    collect::run(&house.collect(), options, &Silent, &Shutdown::never()).await.unwrap()
}

async fn has_manifest(house: &House, digest: Digest) -> bool {
    house.meta.manifest(&name("a"), &Reference::Digest(digest)).await.unwrap().is_some()
}

async fn has_blob(house: &House, digest: Digest) -> bool {
    house.meta.blob(&name("a"), &digest).await.unwrap().is_some()
}

#[tokio::test]
async fn children_of_a_live_index_and_referrers_of_live_images_are_never_touched() {
    let house = House::new();
    let config = house.push_inline("a", b"{}").await;
    let layer = house.push_stored("a", b"layer").await;
    let child = image(b"{}", &[b"layer"]);
    let child_digest = house.push_manifest("a", &child, &[]).await;
    let inner = index(&[&child]);
    let inner_digest = house.push_manifest("a", &inner, &[]).await;
    house.push_manifest("a", &index(&[&inner]), &["tagged"]).await;
    let signature = house.push_manifest("a", &referrer(&child, b"{}"), &[]).await;
    house.clock.advance(DAY);
    for options in [DRY, DRY_UNTAGGED, REAL, UNTAGGED] {
        let report = run(&house, options).await;
        assert_eq!(report, CollectReport { repositories: 1, ..CollectReport::default() });
    }
    for digest in [child_digest, inner_digest, signature] {
        assert!(has_manifest(&house, digest).await);
    }
    assert!(has_blob(&house, config).await && has_blob(&house, layer).await);
}

#[tokio::test]
async fn what_is_younger_than_the_grace_period_is_never_touched() {
    let house = House::new();
    let blob = house.push_stored("a", b"waits for its manifest").await;
    let untagged = house.push_manifest("a", r#"{"schemaVersion":2,"manifests":[]}"#, &[]).await;
    house.clock.advance(Duration::from_secs(3599));
    let report = run(&house, UNTAGGED).await;
    assert_eq!((report.manifests, report.links, report.blobs), (0, 0, 0));
    assert!(has_blob(&house, blob).await && has_manifest(&house, untagged).await);
}

/// One image that is needed, and garbage of every kind.
async fn garbage(house: &House) -> [Digest; 4] {
    house.push_inline("a", b"{}").await;
    house.push_stored("a", b"needed layer").await;
    house.push_manifest("a", &image(b"{}", &[b"needed layer"]), &["live"]).await;
    let unused = house.push_stored("a", b"never used").await;
    let dead_layer = house.push_stored("a", b"layer of the dead").await;
    let child = image(b"{}", &[b"layer of the dead"]);
    let child_digest = house.push_manifest("a", &child, &[]).await;
    let dead_index = house.push_manifest("a", &index(&[&child]), &[]).await;
    house.push_manifest("a", &referrer(&child, b"{}"), &[]).await;
    // In another repository the same layer is needed, or is not.
    house.push_stored("b", b"only in b").await;
    house.clock.advance(DAY);
    [unused, dead_layer, child_digest, dead_index]
}

#[tokio::test]
async fn without_delete_untagged_only_blobs_that_no_manifest_needs_go() {
    let house = House::new();
    let [unused, dead_layer, child, dead_index] = garbage(&house).await;
    let report = run(&house, REAL).await;
    assert_eq!((report.manifests, report.links, report.blobs), (0, 2, 2));
    assert_eq!(report.bytes, ("never used".len() + "only in b".len()) as u64);
    assert!(!has_blob(&house, unused).await);
    assert!(has_blob(&house, dead_layer).await);
    assert!(has_manifest(&house, child).await && has_manifest(&house, dead_index).await);
}

#[tokio::test]
async fn with_delete_untagged_a_dead_index_takes_children_referrers_and_layers_along() {
    let house = House::new();
    let [unused, dead_layer, child, dead_index] = garbage(&house).await;
    let report = run(&house, UNTAGGED).await;
    assert_eq!((report.manifests, report.links, report.blobs, report.failed), (3, 3, 3, 0));
    assert!(!has_manifest(&house, child).await && !has_manifest(&house, dead_index).await);
    for digest in [unused, dead_layer] {
        assert!(!has_blob(&house, digest).await);
        assert!(!house.root().join("docker/registry/v2").join(plant::data(&digest)).exists());
    }
    let live =
        house.meta.blob(&name("a"), &Digest::sha256(b"needed layer")).await.unwrap().unwrap();
    let BlobPlace::Stored(key) = live.place else { panic!("it was stored") };
    let whole = ByteRange { start: 0, end_inclusive: live.size - 1 };
    assert!(house.blobs.read(&key, whole).await.is_ok());
}

#[tokio::test]
async fn a_dry_run_says_what_the_real_one_does_and_changes_nothing() {
    for (dry, real) in [(DRY, REAL), (DRY_UNTAGGED, UNTAGGED)] {
        let house = House::new();
        garbage(&house).await;
        let before = crate::import::everything(&house).await;
        let (forecast, done) = (Ear::default(), Ear::default());
        let first =
            collect::run(&house.collect(), dry, &forecast, &Shutdown::never()).await.unwrap();
        assert_eq!(crate::import::everything(&house).await, before);
        let second = collect::run(&house.collect(), real, &done, &Shutdown::never()).await.unwrap();
        assert_eq!(first, second);
        let sorted = |ear: &Ear| {
            let mut lines = ear.lines.lock().clone();
            lines.sort();
            lines
        };
        assert_eq!(sorted(&forecast), sorted(&done));
    }
}

#[tokio::test]
async fn a_second_collection_finds_nothing() {
    let house = House::new();
    garbage(&house).await;
    run(&house, UNTAGGED).await;
    let again = run(&house, UNTAGGED).await;
    assert_eq!(again, CollectReport { repositories: 2, ..CollectReport::default() });
}

#[tokio::test]
async fn lines_are_like_the_originals() {
    let house = House::new();
    let [unused, _, child, _] = garbage(&house).await;
    let ear = Ear::default();
    collect::run(&house.collect(), UNTAGGED, &ear, &Shutdown::never()).await.unwrap();
    let lines = ear.lines.lock();
    for expected in [
        "a".to_owned(),
        format!("manifest eligible for deletion: a@{child}"),
        format!("a: layer link eligible for deletion: {unused}"),
        format!("blob eligible for deletion: {unused}"),
    ] {
        assert!(lines.contains(&expected), "{expected} is not in {lines:#?}");
    }
    assert!(lines.last().unwrap().starts_with("\n3 blobs and 3 manifests eligible for deletion"));
}

#[tokio::test]
async fn what_an_interrupted_run_buried_is_finished_by_the_next() {
    let house = House::new();
    let blob = house.push_stored("a", b"garbage").await;
    house.clock.advance(DAY);
    let before = store::Clock::now(house.clock.as_ref());
    house.meta.drop_links(&name("a"), vec![blob], before).await.unwrap();
    let buried = house.meta.bury(vec![blob], before).await.unwrap();
    assert_eq!(buried.len(), 1);
    let report = run(&house, REAL).await;
    assert_eq!((report.blobs, report.failed), (1, 0));
    assert!(house.meta.deleting(Page::first(9)).await.unwrap().is_empty());
    assert!(!house.root().join("docker/registry/v2").join(plant::data(&blob)).exists());
}

#[tokio::test]
async fn bytes_that_cannot_be_removed_keep_their_tombstone() {
    let house = House::new();
    let blob = house.push_stored("a", b"stuck").await;
    house.clock.advance(DAY);
    let place = house.root().join("docker/registry/v2").join(plant::data(&blob));
    std::fs::remove_file(&place).unwrap();
    std::fs::create_dir_all(place.join("in the way")).unwrap();
    let report = run(&house, REAL).await;
    assert_eq!((report.blobs, report.failed), (0, 1));
    assert_eq!(house.meta.deleting(Page::first(9)).await.unwrap().len(), 1);
    std::fs::remove_dir_all(&place).unwrap();
    let report = run(&house, REAL).await;
    assert_eq!((report.blobs, report.failed), (1, 0));
}

#[tokio::test]
async fn what_was_just_imported_is_spared_however_old_its_files_are() {
    let house = House::new();
    let unneeded = plant::Plant::new(house.root()).layer("a", b"no manifest needs it");
    crate::import::import(&house).await;
    run(&house, REAL).await;
    assert!(has_blob(&house, unneeded).await);
    house.clock.advance(DAY);
    run(&house, REAL).await;
    assert!(!has_blob(&house, unneeded).await);
}
