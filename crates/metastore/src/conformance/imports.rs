//! Import and re-hashing.

use oci::Role;
use store::{
    BlobKey, BlobPlace, BlobState, ImportBatch, ImportedBlob, ImportedManifest, ImportedTag, Page,
};

use super::MetadataStore;
use super::fixture::*;

fn imported(content: &str) -> ImportedBlob {
    let key = BlobKey::new(format!("tree/{content}"));
    ImportedBlob { sha256: sha256(content), sha512: None, size: content.len() as u64, key }
}

fn tagged(name: &str, content: &str, millis: i64) -> ImportedTag {
    ImportedTag { tag: tag(name), digest: sha256(content), at: at(millis) }
}

/// One image with one layer, tagged.
fn batch(layer: &str, image: &str, name: &str, millis: i64) -> ImportBatch {
    let manifest = manifest(image, &[(Role::Layer, sha256(layer))]);
    ImportBatch {
        repository: repository("a"),
        at: at(5000),
        blobs: vec![imported(layer)],
        manifests: vec![ImportedManifest { manifest, at: at(millis) }],
        tags: vec![tagged(name, image, millis)],
    }
}

/// Nothing but blobs.
fn only(blobs: Vec<ImportedBlob>) -> ImportBatch {
    let repository = repository("a");
    ImportBatch { repository, at: at(5000), blobs, manifests: vec![], tags: vec![] }
}

pub(super) async fn imported_blobs_are_readable_and_unverified(store: &impl MetadataStore) {
    let left_out = store.import(batch("layer", "image", "t", 10)).await.unwrap();
    assert_eq!(left_out, []);
    let layer = store.blob(&repository("a"), &sha256("layer")).await.unwrap().unwrap();
    assert_eq!((layer.size, layer.verified), (5, false));
    assert_eq!(store.blob_state(&sha256("layer")).await.unwrap(), Some(BlobState::Damaged));
    assert!(store.manifest(&repository("a"), &by_tag("t")).await.unwrap().is_some());
    assert_eq!(store.repositories(everything()).await.unwrap(), [repository("a")]);
}

pub(super) async fn a_verdict_is_kept(store: &impl MetadataStore) {
    let blobs = vec![imported("good"), imported("bad"), imported("later")];
    store.import(only(blobs)).await.unwrap();
    assert_eq!(store.unverified_total().await.unwrap(), (3, 12));
    let first = store.unverified(Page::first(1)).await.unwrap();
    let rest = store.unverified(Page::after(first[0].sha256, 10)).await.unwrap();
    assert!(rest.len() == 2 && first[0].sha256 < rest[0].sha256 && rest[0].sha256 < rest[1].sha256);
    store.note_verified(vec![(sha256("good"), true), (sha256("bad"), false)]).await.unwrap();
    let good = store.blob(&repository("a"), &sha256("good")).await.unwrap().unwrap();
    assert!(good.verified);
    assert_eq!(store.blob(&repository("a"), &sha256("bad")).await.unwrap(), None);
    assert_eq!(store.blob_state(&sha256("bad")).await.unwrap(), Some(BlobState::Damaged));
    assert_eq!(store.unverified_total().await.unwrap(), (1, 5));
    publish(store, blob("a", "bad", "new")).await;
    let healed = store.blob(&repository("a"), &sha256("bad")).await.unwrap().unwrap();
    assert_eq!(healed.place, BlobPlace::Stored(BlobKey::new("new")));
}

pub(super) async fn a_verdict_on_old_bytes_spares_new_ones(store: &impl MetadataStore) {
    store.import(batch("layer", "image", "t", 10)).await.unwrap();
    publish(store, blob("a", "layer", "new")).await;
    store.note_verified(vec![(sha256("layer"), false)]).await.unwrap();
    let held = store.blob(&repository("a"), &sha256("layer")).await.unwrap().unwrap();
    assert_eq!((held.verified, held.place), (true, BlobPlace::Stored(BlobKey::new("new"))));
}

pub(super) async fn importing_twice_changes_nothing(store: &impl MetadataStore) {
    publish(store, blob("b", "layer", "pushed")).await;
    for millis in [10, 99] {
        store.import(batch("layer", "image", "t", millis)).await.unwrap();
        let layer = store.blob(&repository("a"), &sha256("layer")).await.unwrap().unwrap();
        assert_eq!(
            (layer.verified, layer.place),
            (true, BlobPlace::Stored(BlobKey::new("pushed")))
        );
        let manifests = store.walk_manifests(&repository("a"), everything()).await.unwrap();
        assert_eq!((manifests.len(), manifests[0].at), (1, at(10)));
        let tags = store.walk_tags(&repository("a"), everything()).await.unwrap();
        assert_eq!((tags.len(), tags[0].at), (1, at(10)));
    }
}

pub(super) async fn a_newer_record_moves_the_tag(store: &impl MetadataStore) {
    store.import(batch("layer", "second", "t", 20)).await.unwrap();
    for (image, millis, expected) in [("first", 10, "second"), ("third", 30, "third")] {
        store.import(batch("layer", image, "t", millis)).await.unwrap();
        let found = store.manifest(&repository("a"), &by_tag("t")).await.unwrap().unwrap();
        assert_eq!(found.digest, sha256(expected));
    }
}

pub(super) async fn a_tag_without_a_manifest_is_left_out(store: &impl MetadataStore) {
    let mut batch = batch("layer", "image", "t", 10);
    batch.tags.push(tagged("dangling", "nothing", 10));
    assert_eq!(store.import(batch).await.unwrap(), [tag("dangling")]);
    let tags = store.tags(&repository("a"), everything()).await.unwrap();
    assert_eq!(tags, Some(vec![tag("t")]));
}

pub(super) async fn a_large_batch_arrives_whole(store: &impl MetadataStore) {
    let mut batch = batch("layer", "image", "t", 10);
    let names: Vec<String> = (0..450).map(|number| format!("layer {number}")).collect();
    let references: Vec<_> = names.iter().map(|name| (Role::Layer, sha256(name))).collect();
    batch.blobs.extend(names.iter().map(|name| imported(name)));
    for number in 0..3 {
        let image = format!("image {number}");
        let manifest = manifest(&image, &references);
        batch.manifests.push(ImportedManifest { manifest, at: at(10) });
        batch.tags.push(tagged(&format!("t{number}"), &image, 10));
    }
    assert_eq!(store.import(batch).await.unwrap(), []);
    assert_eq!(store.unverified_total().await.unwrap().0, 451);
    let tags = store.tags(&repository("a"), everything()).await.unwrap();
    assert_eq!(tags.map(|tags| tags.len()), Some(4));
}

pub(super) async fn what_an_import_links_is_as_old_as_the_import(store: &impl MetadataStore) {
    store.import(batch("layer", "image", "t", 10)).await.unwrap();
    store.import(only(vec![imported("spare")])).await.unwrap();
    let a = repository("a");
    assert_eq!(store.stale_links(&a, at(5000), everything()).await.unwrap(), []);
    let stale = store.stale_links(&a, at(5001), everything()).await.unwrap();
    assert_eq!((stale.len(), stale[0].sha256), (1, sha256("spare")));
    assert_eq!(store.drop_links(&a, vec![sha256("spare")], at(5001)).await.unwrap(), 1);
    assert_eq!(store.orphan_blobs(at(5000), everything()).await.unwrap(), []);
    assert_eq!(store.orphan_blobs(at(5001), everything()).await.unwrap().len(), 1);
    let manifests = store.walk_manifests(&a, everything()).await.unwrap();
    let tags = store.walk_tags(&a, everything()).await.unwrap();
    assert_eq!((manifests[0].at, tags[0].at), (at(10), at(10)));
}

pub(super) async fn an_imported_sha512_name_is_kept_until_it_is_found_wrong(
    store: &impl MetadataStore,
) {
    let named = |content| ImportedBlob { sha512: Some(sha512(content)), ..imported(content) };
    store.import(only(vec![named("good"), named("odd")])).await.unwrap();
    let links = store.walk_links(&repository("a"), everything()).await.unwrap();
    let other_names = links.iter().filter_map(|link| link.sha512).collect::<Vec<_>>();
    assert_eq!(other_names.len(), 2);
    let unverified = store.unverified(everything()).await.unwrap();
    assert!(unverified.iter().all(|blob| blob.sha512.is_some()));
    let verdicts = [(sha256("odd"), true), (sha512("odd"), false), (sha512("good"), true)];
    store.note_verified(verdicts.to_vec()).await.unwrap();
    let a = repository("a");
    assert!(store.blob(&a, &sha512("good")).await.unwrap().is_some());
    assert_eq!(store.blob(&a, &sha512("odd")).await.unwrap(), None);
    assert!(store.blob(&a, &sha256("odd")).await.unwrap().is_some_and(|blob| blob.verified));
    let left = store.unverified(everything()).await.unwrap();
    assert_eq!((left.len(), left[0].sha256), (1, sha256("good")));
}

pub(super) async fn a_pushed_sha512_name_counts_more_than_an_imported_one(
    store: &impl MetadataStore,
) {
    let lie = ImportedBlob { sha512: Some(sha512("true")), ..imported("other") };
    store.import(only(vec![lie])).await.unwrap();
    let pushed = store::PublishBlob { sha512: Some(sha512("true")), ..blob("a", "true", "k") };
    publish(store, pushed).await;
    let found = store.blob(&repository("a"), &sha512("true")).await.unwrap().unwrap();
    assert_eq!(found.sha256, sha256("true"));
}
