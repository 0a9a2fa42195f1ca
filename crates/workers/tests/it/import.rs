//! Import of healthy and damaged trees.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;

use oci::{Algorithm, Digest, MediaType, Reference, Tag};
use store::{BlobPlace, ContentStore, ImportStore, Page, WalkStore};
use tokio::sync::watch;
use workers::import::{self, ImportReport};
use workers::{Problem, Shutdown, Silent, WorkError};

use crate::ground::{Kind, on_both};
use crate::house::{Ear, House, image, index, name, referrer};
use crate::plant::{self, CONFIG, LAYER, Plant, THEN};

on_both! {
    the_tree_of_debians_registry_is_taken_over_in_place,
    every_damaged_object_is_reported_by_name_and_the_rest_imported,
    schema_1_is_kept_raw_under_the_type_it_was_served_with,
    media_types_that_nobody_kept_are_inferred_as_the_original_does,
    a_manifest_that_is_a_blob_too_is_imported_as_both,
    referrers_that_only_a_fallback_index_lists_become_referrers,
    a_revision_named_by_sha512_is_found_by_it,
    a_blob_with_a_sha512_link_has_both_names_and_counts_once,
    importing_twice_changes_nothing,
    a_later_import_merges_what_another_registry_wrote_since,
    more_records_than_one_batch_are_all_imported,
    an_interrupted_import_goes_on_where_it_was,
    an_interrupted_import_of_a_tree_that_changed_begins_again,
    progress_counts_repositories_up_to_their_number,
}

pub(crate) async fn import(house: &House) -> ImportReport {
    import::run(&house.import(), &Silent, &Shutdown::never()).await.unwrap()
}

fn tag(text: &str) -> Reference {
    Reference::Tag(Tag::parse(text).unwrap())
}

/// Everything the metadata says, in words.
pub(crate) async fn everything(house: &House) -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::new();
    for repository in house.meta.walk_repositories(Page::first(1000)).await.unwrap() {
        let mut words = Vec::new();
        for link in house.meta.walk_links(&repository, Page::first(10_000)).await.unwrap() {
            words.push(format!("blob {}", link.sha256));
        }
        for m in house.meta.walk_manifests(&repository, Page::first(10_000)).await.unwrap() {
            words.push(format!("manifest {} {} {}", m.sha256, m.media_type.as_str(), m.at));
        }
        for t in house.meta.walk_tags(&repository, Page::first(10_000)).await.unwrap() {
            words.push(format!("tag {} {} {}", t.tag, t.sha256, t.at));
        }
        all.insert(repository.as_str().to_owned(), words);
    }
    all
}

async fn the_tree_of_debians_registry_is_taken_over_in_place(kind: Kind) {
    let house = House::on(kind);
    plant::debian(&house.ground);
    let before = house.ground.files();
    let report = import(&house).await;
    assert_eq!(house.ground.files(), before, "an import changes nothing in the tree");
    assert_eq!((report.repositories, report.counts.blobs), (1, 2));
    assert_eq!((report.counts.manifests, report.counts.tags, report.counts.bytes), (2, 2, 88));
    assert_eq!((report.findings.damaged, report.findings.noted), (0, 1));
    assert!(matches!(report.findings.kept[0].problem, Problem::UnfinishedUploads(2)));

    let hello = name("library/hello");
    let latest = house.meta.manifest(&hello, &tag("latest")).await.unwrap().unwrap();
    assert_eq!(latest.media_type, *MediaType::DOCKER_MANIFEST);
    assert_eq!(latest.bytes, plant::debian_manifest().as_bytes());
    let multi = house.meta.manifest(&hello, &tag("multi")).await.unwrap().unwrap();
    assert_eq!(multi.media_type, *MediaType::DOCKER_LIST);
    let blob = house.meta.blob(&hello, &Digest::sha256(LAYER)).await.unwrap().unwrap();
    assert!(!blob.verified);
    let BlobPlace::Stored(key) = blob.place else { panic!("layers stay where they are") };
    assert_eq!(key.as_str(), format!("docker/registry/v2/{}", plant::data(&blob.sha256)));
    let tags = house.meta.walk_tags(&hello, Page::first(9)).await.unwrap();
    assert!(tags.iter().all(|tag| tag.at.millis() == THEN), "tags keep their times");
}

/// Plants every hazard in `box`, beside one healthy image `box:good`. Returns the paths (or parts
/// of them) that must be reported as damaged.
pub(crate) fn hazards(house: &House, kind: Kind) -> Vec<String> {
    let plant = Plant::new(&house.ground);
    let good = image(b"config", &[b"layer"]);
    plant.layer("box", b"config");
    plant.layer_512("box", b"layer");
    plant.tagged("box", &good, &["good"]);
    let mut damaged = Vec::new();
    let mut hurt = |path: String| damaged.push(path);
    // Links that a crash emptied, of each kind.
    let empty = plant.bytes(b"empty link");
    hurt(plant.link("box", "_layers", &empty, ""));
    hurt(plant.link("box", "_manifests/revisions", &empty, ""));
    hurt(plant.file("repositories/box/_manifests/tags/zero/current/link", b""));
    // Links that were written twice over, hold words, or name another digest.
    let twice = Digest::sha256(b"twice");
    hurt(plant.link("box", "_layers", &twice, &format!("{twice}{twice}")));
    hurt(plant.link("box", "_manifests/revisions", &twice, "not a digest"));
    hurt(plant.link("box", "_layers", &Digest::sha256(b"other"), &empty.to_string()));
    hurt(plant.file("repositories/box/_manifests/tags/long/current/link", &[b'x'; 5000]));
    hurt(plant.file("repositories/box/_manifests/tags/binary/current/link", b"sha256:\xff\xfe"));
    // Links to nothing: a blob, a manifest, a tag.
    let gone = Digest::sha256(b"gone");
    hurt(plant.link("box", "_layers", &gone, &gone.to_string()));
    hurt(plant.link("box", "_manifests/revisions", &gone, &gone.to_string()));
    plant.tag("box", "dangling", &gone, THEN);
    hurt("docker/registry/v2/repositories/box/_manifests/tags/dangling/current/link".to_owned());
    // Bytes that are not what their name says, or no manifest.
    let wrong = Digest::sha256(b"right");
    plant.file(&plant::data(&wrong), b"wrong");
    hurt(plant.link("box", "_manifests/revisions", &wrong, &wrong.to_string()));
    let prose = plant.manifest("box", "this is no JSON");
    hurt(plant.link("box", "_manifests/revisions", &prose, &prose.to_string()));
    // Bytes that a crash cut to nothing.
    let cut = plant.layer("box", b"cut to nothing");
    plant.file(&plant::data(&cut), b"");
    hurt(plant.link("box", "_layers", &cut, &cut.to_string()));
    // Names that cannot be.
    hurt(plant.directory("repositories/box/_layers/sha256/nothex"));
    hurt(plant.directory("repositories/box/_layers/md5/d41d8cd98f00b204e9800998ecf8427e"));
    plant.file("repositories/box/_manifests/tags/.hidden/current/link", b"");
    hurt("docker/registry/v2/repositories/box/_manifests/tags/.hidden".to_owned());
    plant.directory("repositories/UPPER/_manifests/tags");
    hurt("docker/registry/v2/repositories/UPPER".to_owned());
    if kind == Kind::Directory {
        // Bytes that cannot be read, and a way round in a circle.
        let tangled = plant.layer("box", b"tangled");
        house.ground.remove(&plant::data(&tangled));
        let v2 = house.root().join("docker/registry/v2");
        symlink("data", v2.join(plant::data(&tangled))).unwrap();
        hurt(plant.link("box", "_layers", &tangled, &tangled.to_string()));
        symlink(".", v2.join("repositories/ring")).unwrap();
        hurt("docker/registry/v2/repositories/ring".to_owned());
    }
    // A manifest whose layer and an index whose child are gone: imported all the same.
    let broken = plant.tagged("box", &image(b"config", &[b"gone"]), &["broken"]);
    hurt(plant.link("box", "_manifests/revisions", &broken, &broken.to_string()));
    let half = plant.tagged("box", &index(&[&good, "gone too"]), &["half"]);
    hurt(plant.link("box", "_manifests/revisions", &half, &half.to_string()));
    damaged
}

/// What is odd and harmless.
fn oddities(house: &House) {
    let plant = Plant::new(&house.ground);
    let schema1 = r#"{"schemaVersion":1,"name":"old","tag":"1","fsLayers":[],"history":[]}"#;
    let schema1 = plant.tagged("box", schema1, &["schema1"]);
    let signed = r#"{"schemaVersion":1,"fsLayers":[],"history":[],"signatures":[{}]}"#;
    plant.tagged("box", signed, &["signed"]);
    let hex = schema1.hex();
    let signature = Digest::sha256(b"signature");
    let below = format!("_manifests/revisions/sha256/{hex}/signatures");
    plant.link("box", &below, &signature, &signature.to_string());
    plant.file("repositories/box/_manifests/tags/good/current/link.0b1c.tmp", b"sha256:");
    plant.file(&format!("repositories/box/_layers/sha256/{hex}.9.tmp"), b"");
    // A deleted link leaves its directory.
    plant.directory(&format!("repositories/box/_layers/sha256/{}", Digest::sha256(b"x").hex()));
    // A cancelled upload leaves hash states without a start date.
    plant.file("repositories/box/_uploads/1-2-3/hashstates/sha256/0", b"state");
    plant.file("repositories/lonely/_uploads/1/startedat", b"2020-01-01T00:00:00Z");
    plant.file("repositories/notes.txt", b"by hand");
    plant.layer("only-layers", b"no manifest yet");
    plant.tagged("deep/er/st", &image(b"c", &[]), &["bare-config-missing"]);
    plant.layer("deep", b"c");
}

async fn every_damaged_object_is_reported_by_name_and_the_rest_imported(kind: Kind) {
    let house = House::on(kind);
    let expected = hazards(&house, kind);
    oddities(&house);
    let ear = Ear::default();
    let report = import::run(&house.import(), &ear, &Shutdown::never()).await.unwrap();
    let heard: Vec<_> = ear.findings.lock().iter().map(ToString::to_string).collect();
    let damaged: Vec<_> = report.findings.kept.iter().filter(|f| f.problem.is_damage()).collect();
    for path in &expected {
        assert!(damaged.iter().any(|f| f.path == *path), "{path} is not in {heard:#?}");
    }
    // Beside the planted ones only the config that `deep/er/st` never had.
    assert_eq!(report.findings.damaged, expected.len() as u64 + 1, "{heard:#?}");
    assert_eq!(heard.len(), report.findings.kept.len());

    let all = everything(&house).await;
    let tags = |repository: &str| -> Vec<&str> {
        let words = all[repository].iter();
        words.filter_map(|w| w.strip_prefix("tag ")).map(|w| w.split(' ').next().unwrap()).collect()
    };
    assert_eq!(tags("box"), ["broken", "good", "half", "schema1", "signed"]);
    assert_eq!(all.keys().collect::<Vec<_>>(), ["box", "deep", "deep/er/st", "only-layers"]);
    let good = house.meta.manifest(&name("box"), &tag("good")).await.unwrap().unwrap();
    assert_eq!(good.bytes, image(b"config", &[b"layer"]).as_bytes());
}

async fn schema_1_is_kept_raw_under_the_type_it_was_served_with(kind: Kind) {
    let house = House::on(kind);
    oddities(&house);
    import(&house).await;
    let plain = house.meta.manifest(&name("box"), &tag("schema1")).await.unwrap().unwrap();
    assert_eq!(plain.media_type, *MediaType::DOCKER_SCHEMA1);
    let signed = house.meta.manifest(&name("box"), &tag("signed")).await.unwrap().unwrap();
    assert_eq!(signed.media_type, *MediaType::DOCKER_SCHEMA1_SIGNED);
}

async fn media_types_that_nobody_kept_are_inferred_as_the_original_does(kind: Kind) {
    let house = House::on(kind);
    let plant = Plant::new(&house.ground);
    let bare = |body: String, kind: &str| {
        body.replace(&format!(r#""mediaType":"{kind}","config""#), r#""config""#)
    };
    plant.tagged("a", &bare(image(b"c", &[]), MediaType::OCI_MANIFEST), &["image"]);
    plant.tagged("a", r#"{"schemaVersion":2,"manifests":[]}"#, &["index"]);
    let strange = r#"{"schemaVersion":2,"mediaType":"application/vnd.example+json","x":1}"#;
    plant.tagged("a", strange, &["strange"]);
    import(&house).await;
    for (text, expected) in [
        ("image", MediaType::OCI_MANIFEST),
        ("index", MediaType::OCI_INDEX),
        ("strange", "application/vnd.example+json"),
    ] {
        let manifest = house.meta.manifest(&name("a"), &tag(text)).await.unwrap().unwrap();
        assert_eq!(manifest.media_type, *expected, "{text}");
    }
}

async fn a_manifest_that_is_a_blob_too_is_imported_as_both(kind: Kind) {
    let house = House::on(kind);
    let plant = Plant::new(&house.ground);
    let body = image(b"c", &[]);
    plant.layer("a", b"c");
    let digest = plant.tagged("a", &body, &["both"]);
    plant.link("a", "_layers", &digest, &digest.to_string());
    let report = import(&house).await;
    assert_eq!(report.findings.damaged, 0);
    assert!(house.meta.blob(&name("a"), &digest).await.unwrap().is_some());
    assert!(house.meta.manifest(&name("a"), &tag("both")).await.unwrap().is_some());
}

async fn referrers_that_only_a_fallback_index_lists_become_referrers(kind: Kind) {
    let house = House::on(kind);
    let plant = Plant::new(&house.ground);
    let body = image(b"c", &[]);
    plant.layer("a", b"c");
    let subject = plant.tagged("a", &body, &["v1"]);
    let signature = referrer(&body, b"c");
    let signed = plant.manifest("a", &signature);
    let fallback = Tag::referrers_fallback(&subject);
    plant.tagged("a", &index(&[&signature]), &[fallback.as_str()]);
    let report = import(&house).await;
    assert_eq!(report.findings.damaged, 0);
    let found = house.meta.referrers(&name("a"), &subject, Page::first(9)).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].digest, signed);
    assert_eq!(found[0].artifact_type.as_deref(), Some("application/vnd.example.signature"));
}

async fn a_revision_named_by_sha512_is_found_by_it(kind: Kind) {
    let house = House::on(kind);
    let plant = Plant::new(&house.ground);
    let body = image(b"c", &[]);
    plant.layer("a", b"c");
    let sha256 = plant.bytes(body.as_bytes());
    let sha512 = Digest::of(Algorithm::Sha512, body.as_bytes());
    plant.link("a", "_manifests/revisions", &sha512, &sha256.to_string());
    let report = import(&house).await;
    assert_eq!(report.findings.damaged, 0);
    let by_name = house.meta.manifest(&name("a"), &Reference::Digest(sha512)).await.unwrap();
    assert_eq!(by_name.unwrap().bytes, body.as_bytes());
}

async fn a_blob_with_a_sha512_link_has_both_names_and_counts_once(kind: Kind) {
    let house = House::on(kind);
    let plant = Plant::new(&house.ground);
    let digest = plant.layer_512("a", b"layer");
    let report = import(&house).await;
    assert_eq!((report.counts.blobs, report.counts.bytes, report.findings.total()), (1, 5, 0));
    let sha512 = Digest::of(Algorithm::Sha512, b"layer");
    let blob = house.meta.blob(&name("a"), &sha512).await.unwrap().unwrap();
    assert_eq!((blob.sha256, blob.verified), (digest, false));
}

async fn importing_twice_changes_nothing(kind: Kind) {
    let house = House::on(kind);
    hazards(&house, kind);
    oddities(&house);
    let first = import(&house).await;
    let before = everything(&house).await;
    let total = house.meta.unverified_total().await.unwrap();
    let second = import(&house).await;
    assert_eq!(first, second);
    assert_eq!(everything(&house).await, before);
    assert_eq!(house.meta.unverified_total().await.unwrap(), total);
}

async fn a_later_import_merges_what_another_registry_wrote_since(kind: Kind) {
    let house = House::on(kind);
    let plant = Plant::new(&house.ground);
    let (old, new) = (image(b"c", &[]), image(b"c", &[b"more"]));
    plant.layer("a", b"c");
    plant.tagged("a", &old, &["latest", "stays"]);
    import(&house).await;
    plant.layer("a", b"more");
    let digest = plant.manifest("a", &new);
    plant.tag("a", "latest", &digest, THEN + 1000);
    // An older link never moves a tag back.
    plant.tag("a", "stays", &digest, THEN - 1000);
    import(&house).await;
    let latest = house.meta.manifest(&name("a"), &tag("latest")).await.unwrap().unwrap();
    assert_eq!(latest.bytes, new.as_bytes());
    let stays = house.meta.manifest(&name("a"), &tag("stays")).await.unwrap().unwrap();
    assert_eq!(stays.bytes, old.as_bytes());
}

async fn more_records_than_one_batch_are_all_imported(kind: Kind) {
    let house = House::on(kind);
    let plant = Plant::new(&house.ground);
    plant.layer("big", CONFIG);
    let body = image(CONFIG, &[]);
    let digest = plant.manifest("big", &body);
    for number in 0..301 {
        plant.tag("big", &format!("t{number}"), &digest, THEN);
        plant.layer("big", format!("layer {number}").as_bytes());
    }
    let report = import(&house).await;
    assert_eq!((report.counts.blobs, report.counts.tags), (302, 301));
    let tags = house.meta.walk_tags(&name("big"), Page::first(1000)).await.unwrap();
    assert_eq!(tags.len(), 301);
}

/// Sends the shutdown signal when the import has come to a repository.
struct Stopper {
    at: u64,
    stop: watch::Sender<bool>,
}

impl workers::Observer for Stopper {
    fn progress(&self, progress: &workers::Progress) {
        if progress.done >= self.at {
            self.stop.send(true).unwrap();
        }
    }
    fn line(&self, _: &str) {}
    fn finding(&self, _: &workers::Finding) {}
}

fn many(house: &House) -> Plant {
    let plant = Plant::new(&house.ground);
    for number in 0..70 {
        let repository = format!("team/r{number:03}");
        plant.layer(&repository, b"c");
        plant.tagged(&repository, &image(b"c", &[]), &["latest"]);
    }
    plant
}

async fn an_interrupted_import_goes_on_where_it_was(kind: Kind) {
    let house = House::on(kind);
    many(&house);
    let (stop, signal) = watch::channel(false);
    let observer = Stopper { at: 40, stop };
    let outcome = import::run(&house.import(), &observer, &Shutdown::new(signal)).await;
    assert!(matches!(outcome, Err(WorkError::Interrupted)));
    let done = everything(&house).await.len();
    assert!((40..70).contains(&done), "{done}");
    let report = import(&house).await;
    assert!((40..70).contains(&report.resumed), "{}", report.resumed);
    assert_eq!(report.counts.tags, 70 - report.resumed);
    assert_eq!(everything(&house).await.len(), 70);
    // Finished: the next one begins at the front.
    assert_eq!(import(&house).await.resumed, 0);
}

async fn an_interrupted_import_of_a_tree_that_changed_begins_again(kind: Kind) {
    let house = House::on(kind);
    let plant = many(&house);
    let (stop, signal) = watch::channel(false);
    let observer = Stopper { at: 40, stop };
    import::run(&house.import(), &observer, &Shutdown::new(signal)).await.unwrap_err();
    plant.tagged("team/r000", &image(b"c", &[b"c"]), &["new"]);
    let report = import(&house).await;
    assert_eq!(report.resumed, 0);
    assert!(house.meta.manifest(&name("team/r000"), &tag("new")).await.unwrap().is_some());
}

async fn progress_counts_repositories_up_to_their_number(kind: Kind) {
    let house = House::on(kind);
    many(&house);
    let ear = Ear::default();
    import::run(&house.import(), &ear, &Shutdown::never()).await.unwrap();
    let progress = ear.progress.lock();
    assert!(progress.is_sorted_by_key(|progress| progress.done));
    let last = progress.last().unwrap();
    assert_eq!((last.done, last.total, last.phase), (70, Some(70), "import"));
}
