//! Export: the tree says what the metadata says, and the original could serve it.

use std::fs;
use std::os::unix::fs::MetadataExt;

use oci::{Algorithm, Digest, Reference, Tag};
use store::{BlobPlace, ContentStore};
use tokio::sync::watch;
use workers::export::{self, ExportReport};
use workers::import::{NeedsImport, needs_import};
use workers::{Problem, Shutdown, Silent, WorkError};

use crate::ground::{Kind, on_both};
use crate::house::{House, image, index, name};
use crate::import::{everything, import};
use crate::plant::{self, Plant, THEN};

on_both! {
    an_export_of_an_untouched_import_changes_nothing,
    links_that_were_lost_are_written_again_byte_for_byte,
    what_was_pushed_here_reads_back_as_the_same_registry,
    exporting_twice_writes_once,
    what_is_gone_from_the_metadata_goes_from_the_tree,
    a_repository_that_the_metadata_never_had_is_removed_but_not_its_uploads,
    a_tree_that_another_registry_wrote_is_not_overwritten,
    an_interrupted_export_is_told_apart_and_finished_by_the_next,
    what_the_original_cannot_serve_is_named,
    bytes_that_vanished_are_reported_and_the_rest_exported,
    a_tag_moved_here_has_both_digests_in_its_history,
    a_tree_that_is_exported_during_pushes_never_holds_a_name_without_content,
    a_tag_pushed_by_sha512_is_exported_under_its_sha256,
    a_sha512_layer_link_comes_back,
}

pub(crate) async fn export(house: &House) -> ExportReport {
    export::run(&house.export(), &Silent, &Shutdown::never()).await.unwrap()
}

async fn an_export_of_an_untouched_import_changes_nothing(kind: Kind) {
    let house = House::on(kind);
    plant::debian(&house.ground);
    import(&house).await;
    let before = house.ground.files();
    let report = export(&house).await;
    assert_eq!(report.exported.changed, 0);
    assert_eq!((report.exported.tags, report.exported.manifests, report.exported.blobs), (2, 2, 2));
    assert_eq!(report.findings.kept, []);
    assert_eq!(house.ground.files(), before);
}

async fn links_that_were_lost_are_written_again_byte_for_byte(kind: Kind) {
    let house = House::on(kind);
    plant::debian(&house.ground);
    import(&house).await;
    export(&house).await;
    let before = house.ground.content();
    house.ground.remove("repositories");
    house.ground.remove(&plant::data(&Digest::sha256(plant::debian_list().as_bytes())));
    // The stamp differs now; taking in the bare tree changes nothing in the metadata.
    import(&house).await;
    let report = export(&house).await;
    assert!(report.exported.changed > 0);
    assert_eq!(house.ground.content(), before);
    let link = "repositories/library/hello/_manifests/tags/latest/current/link";
    if kind == Kind::Directory {
        assert_eq!(house.ground.millis(link), THEN, "the link bears the time of the tag");
    } else {
        assert_ne!(house.ground.millis(link), THEN, "no bucket lets anybody set times");
    }
}

async fn what_was_pushed_here_reads_back_as_the_same_registry(kind: Kind) {
    let house = House::on(kind);
    plant::debian(&house.ground);
    import(&house).await;
    house.push_inline("team/app", b"{}").await;
    house.push_stored("team/app", b"a layer").await;
    let body = image(b"{}", &[b"a layer"]);
    house.push_manifest("team/app", &body, &["v1", "latest"]).await;
    house.push_manifest("team/app", &index(&[&body]), &["all"]).await;
    let report = export(&house).await;
    assert_eq!(report.findings.kept, []);
    assert_eq!(report.exported.repositories, 2);
    // A second registry takes over a copy of the tree.
    let other = House::on(kind);
    house.ground.copy(&other.ground);
    let taken = import(&other).await;
    assert_eq!(taken.findings.damaged, 0);
    let (mut theirs, mut ours) = (everything(&other).await, everything(&house).await);
    if kind == Kind::Bucket {
        // What was written has the time of the export.
        for word in theirs.values_mut().chain(ours.values_mut()).flatten() {
            let end = word.rfind(' ').unwrap();
            word.truncate(end);
        }
    }
    assert_eq!(theirs, ours);
    assert_eq!(house.ground.text(&plant::data(&Digest::sha256(b"{}"))), "{}");
}

async fn exporting_twice_writes_once(kind: Kind) {
    let house = House::on(kind);
    house.push_inline("a", b"{}").await;
    house.push_manifest("a", &image(b"{}", &[]), &["v1"]).await;
    assert!(export(&house).await.exported.changed > 0);
    let before = house.ground.files();
    assert_eq!(export(&house).await.exported.changed, 0);
    assert_eq!(house.ground.files(), before);
    let state = needs_import(house.tree.as_ref(), house.meta.as_ref()).await.unwrap();
    assert_eq!(state, NeedsImport::UpToDate, "our own export is no other registry");
}

async fn what_is_gone_from_the_metadata_goes_from_the_tree(kind: Kind) {
    let house = House::on(kind);
    let plant = Plant::new(&house.ground);
    plant::debian(&house.ground);
    plant.layer("old/thing", b"x");
    plant.link("library/hello", "_layers", &Digest::sha256(b"emptied"), "");
    import(&house).await;
    let hello = name("library/hello");
    let now = store::Timestamp::from_millis(THEN + 5);
    let list = Digest::sha256(plant::debian_list().as_bytes());
    house.meta.delete_manifest(&hello, &list, None, now).await.unwrap().unwrap();
    let report = export(&house).await;
    // The list, its tag, and the link that a crash had emptied.
    assert_eq!(report.exported.removed, 3);
    let files = house.ground.content();
    assert!(!files.keys().any(|path| path.contains("tags/multi")));
    let revision =
        format!("repositories/library/hello/_manifests/revisions/sha256/{}/link", list.hex());
    assert!(!files.contains_key(&revision));
    assert!(files.contains_key(&plant::data(&list)), "bytes are the collector's, not ours");
    assert!(files.keys().any(|path| path.contains("tags/latest")));
}

async fn a_repository_that_the_metadata_never_had_is_removed_but_not_its_uploads(kind: Kind) {
    let house = House::on(kind);
    let plant = Plant::new(&house.ground);
    plant::debian(&house.ground);
    let gone = Digest::sha256(b"gone");
    plant.link("ghost/of", "_layers", &gone, &gone.to_string());
    plant.file("repositories/ghost/_uploads/1/startedat", b"2020-01-01T00:00:00Z");
    import(&house).await;
    let report = export(&house).await;
    assert_eq!(report.repositories_removed, 1);
    assert!(!house.ground.files().keys().any(|path| path.contains("ghost/of")));
    assert!(house.ground.holds("repositories/ghost/_uploads/1/startedat"));
}

#[tokio::test]
async fn bytes_beside_their_own_place_get_a_second_name_and_are_not_copied() {
    let house = House::new();
    let bytes = b"stored twice";
    let sha256 = Digest::sha256(bytes);
    Plant::new(&house.ground).file(&plant::data(&sha256), b"old, damaged");
    let key = house.place(bytes, "0198-a", true).await;
    assert!(key.as_str().ends_with("/data.0198-a"));
    house.publish("a", bytes, BlobPlace::Stored(key.clone())).await;
    export(&house).await;
    let place = house.root().join("docker/registry/v2").join(plant::data(&sha256));
    assert_eq!(fs::read(&place).unwrap(), bytes);
    let ours = fs::metadata(house.root().join(key.as_str())).unwrap();
    assert_eq!(fs::metadata(place).unwrap().ino(), ours.ino());
}

async fn a_tree_that_another_registry_wrote_is_not_overwritten(kind: Kind) {
    let house = House::on(kind);
    plant::debian(&house.ground);
    let before = house.ground.files();
    let refused = export::run(&house.export(), &Silent, &Shutdown::never()).await;
    assert!(matches!(refused, Err(WorkError::NotImported)));
    import(&house).await;
    Plant::new(&house.ground).layer("library/hello", b"since");
    let refused = export::run(&house.export(), &Silent, &Shutdown::never()).await;
    assert!(matches!(refused, Err(WorkError::NotImported)));
    assert_eq!(house.ground.files().len(), before.len() + 2);
}

async fn an_interrupted_export_is_told_apart_and_finished_by_the_next(kind: Kind) {
    let house = House::on(kind);
    house.push_inline("a", b"{}").await;
    let (stop, signal) = watch::channel(false);
    stop.send(true).unwrap();
    let outcome = export::run(&house.export(), &Silent, &Shutdown::new(signal)).await;
    assert!(matches!(outcome, Err(WorkError::Interrupted)));
    let state = || needs_import(house.tree.as_ref(), house.meta.as_ref());
    assert_eq!(state().await.unwrap(), NeedsImport::ExportUnfinished);
    assert_eq!(export(&house).await.exported.blobs, 1);
    assert_eq!(state().await.unwrap(), NeedsImport::UpToDate);
}

async fn what_the_original_cannot_serve_is_named(kind: Kind) {
    let house = House::on(kind);
    let strange = r#"{"schemaVersion":2,"mediaType":"application/vnd.example+json"}"#;
    let digest = house.push_manifest("a", strange, &["odd"]).await;
    let report = export(&house).await;
    assert_eq!(report.findings.noted, 1);
    assert_eq!(report.findings.kept[0].path, format!("a@{digest}"));
    assert!(matches!(&report.findings.kept[0].problem, Problem::NotForOriginal(why)
        if why.contains("application/vnd.example+json")));
}

async fn bytes_that_vanished_are_reported_and_the_rest_exported(kind: Kind) {
    let house = House::on(kind);
    let lost = house.push_stored("a", b"lost").await;
    house.push_stored("a", b"kept").await;
    house.ground.remove(&plant::data(&lost));
    let report = export(&house).await;
    assert_eq!(report.findings.damaged, 1);
    assert!(matches!(report.findings.kept[0].problem, Problem::NoBytes(digest) if digest == lost));
    let kept = Digest::sha256(b"kept").hex();
    assert!(house.ground.holds(&format!("repositories/a/_layers/sha256/{kept}/link")));
}

async fn a_tag_moved_here_has_both_digests_in_its_history(kind: Kind) {
    let house = House::on(kind);
    plant::debian(&house.ground);
    import(&house).await;
    let body = image(plant::CONFIG, &[plant::LAYER]);
    let new = house.push_manifest("library/hello", &body, &["latest"]).await;
    export(&house).await;
    let tag = "repositories/library/hello/_manifests/tags/latest";
    let index = format!("{tag}/index/sha256/");
    let digests = house.ground.files().into_keys().filter(|path| path.starts_with(&index));
    assert_eq!(digests.count(), 2);
    let current = house.ground.text(&format!("{tag}/current/link"));
    assert_eq!(current, new.to_string());
    assert_eq!(new.algorithm(), Algorithm::Sha256);
    let latest = Reference::Tag(Tag::parse("latest").unwrap());
    assert!(house.meta.manifest(&name("library/hello"), &latest).await.unwrap().is_some());
}

/// Every name in the tree leads to its content.
fn assert_sound(house: &House) {
    let files = house.ground.content();
    let text = |path: &str| String::from_utf8(files[path].clone()).unwrap();
    for path in files.keys().filter(|path| path.ends_with("/link")) {
        let digest: Digest = text(path).parse().unwrap();
        let bytes = files.get(&plant::data(&digest)).unwrap_or_else(|| panic!("{path}: no bytes"));
        assert_eq!(Digest::sha256(bytes), digest);
        let Some((repository, rest)) = path.split_once("/_manifests/") else { continue };
        let revision = format!("{repository}/_manifests/revisions/sha256/{}/link", digest.hex());
        assert!(files.contains_key(&revision), "{path}: no revision");
        if rest.starts_with("revisions/") {
            let manifest = oci::Manifest::parse(bytes.clone().into(), None).unwrap();
            for link in manifest.references() {
                let hex = link.descriptor.digest.hex();
                let layer = format!("{repository}/_layers/sha256/{hex}/link");
                assert!(files.contains_key(&layer), "{path}: no layer {hex}");
            }
        }
    }
}

async fn a_tree_that_is_exported_during_pushes_never_holds_a_name_without_content(kind: Kind) {
    let house = std::sync::Arc::new(House::on(kind));
    let pusher = tokio::spawn({
        let house = house.clone();
        async move {
            for number in 0..60 {
                let layer = format!("layer {number}");
                house.push_stored("busy", layer.as_bytes()).await;
                house.push_inline("busy", b"{}").await;
                let body = image(b"{}", &[layer.as_bytes()]);
                house.push_manifest("busy", &body, &["latest", &format!("v{number}")]).await;
            }
        }
    });
    while !pusher.is_finished() {
        export(&house).await;
        assert_sound(&house);
    }
    pusher.await.unwrap();
    let last = export(&house).await;
    assert_sound(&house);
    assert_eq!((last.exported.tags, last.exported.manifests), (61, 60));
}

async fn a_tag_pushed_by_sha512_is_exported_under_its_sha256(kind: Kind) {
    let house = House::on(kind);
    let body = r#"{"schemaVersion":2,"manifests":[]}"#;
    let sha512 = Digest::of(Algorithm::Sha512, body.as_bytes());
    house.push_manifest_as("a", body, &["strong"], Some(sha512)).await;
    let report = export(&house).await;
    assert!(matches!(&report.findings.kept[0].problem, Problem::NotForOriginal(why)
        if why.contains(&sha512.to_string())));
    let link = "repositories/a/_manifests/tags/strong/current/link";
    assert_eq!(house.ground.text(link), Digest::sha256(body.as_bytes()).to_string());
}

async fn a_sha512_layer_link_comes_back(kind: Kind) {
    let house = House::on(kind);
    let plant = Plant::new(&house.ground);
    plant.layer_512("a", b"layer");
    import(&house).await;
    let before = house.ground.content();
    let sha512 = Digest::of(Algorithm::Sha512, b"layer");
    house.ground.remove(&format!("repositories/a/_layers/sha512/{}/link", sha512.hex()));
    import(&house).await;
    export(&house).await;
    assert_eq!(house.ground.content(), before);
}
