//! The collector's questions and deeds.

use oci::{Digest, Role};
use store::{BlobKey, MountBlob, NewManifest, Page, PublishBlob, StoredRecord, UnlinkBlob};

use super::MetadataStore;
use super::fixture::*;

async fn stale(store: &impl MetadataStore, before: i64) -> Vec<Digest> {
    let found = store.stale_links(&repository("a"), at(before), everything()).await.unwrap();
    found.iter().map(|link| link.sha256).collect()
}

async fn untagged(store: &impl MetadataStore, before: i64) -> Vec<Digest> {
    let page = everything();
    let found = store.untagged_manifests(&repository("a"), at(before), page).await.unwrap();
    found.iter().map(|manifest| manifest.sha256).collect()
}

fn sorted(contents: &[&str]) -> Vec<Digest> {
    let mut digests: Vec<_> = contents.iter().map(|content| sha256(content)).collect();
    digests.sort();
    digests
}

pub(super) async fn a_link_is_stale_when_no_manifest_needs_it(store: &impl MetadataStore) {
    for content in ["free", "loose", "held"] {
        publish(store, blob("a", content, content)).await;
    }
    let by_sha512 = Some(sha512("held by sha512"));
    publish(store, PublishBlob { sha512: by_sha512, ..blob("a", "held by sha512", "k") }).await;
    let references = [(Role::Layer, sha256("held")), (Role::Config, sha512("held by sha512"))];
    put(store, push("a", manifest("m", &references), &["t"])).await;
    put(store, push("b", manifest("n", &[(Role::Layer, sha256("free"))]), &["t"])).await;
    assert_eq!(stale(store, 1000).await, []);
    assert_eq!(stale(store, 1001).await, sorted(&["free", "loose"]));
    let page = Page::after(sorted(&["free", "loose"])[0], 10);
    let second = store.stale_links(&repository("a"), at(1001), page).await.unwrap();
    assert_eq!(second.len(), 1);
    let all = ["free", "loose", "held", "held by sha512"].map(sha256).to_vec();
    assert_eq!(store.drop_links(&repository("a"), all, at(1001)).await.unwrap(), 2);
    assert!(store.blob(&repository("a"), &sha256("held")).await.unwrap().is_some());
    assert_eq!(store.blob(&repository("a"), &sha256("free")).await.unwrap(), None);
}

pub(super) async fn a_stale_link_that_was_pushed_again_stays(store: &impl MetadataStore) {
    publish(store, blob("a", "one", "k1")).await;
    assert_eq!(stale(store, 1001).await, [sha256("one")]);
    publish(store, PublishBlob { at: at(1500), ..blob("a", "one", "k2") }).await;
    let dropped = store.drop_links(&repository("a"), vec![sha256("one")], at(1001)).await.unwrap();
    assert_eq!(dropped, 0);
    let repository = repository("a");
    let again = MountBlob { repository, digest: sha256("one"), from: None, at: at(3000) };
    store.mount_blob(again, always(())).await.unwrap();
    assert_eq!(stale(store, 2000).await, []);
}

pub(super) async fn untagged_manifests_leave_out_what_an_index_or_subject_keeps(
    store: &impl MetadataStore,
) {
    let child512 = NewManifest { sha512: Some(sha512("child512")), ..manifest("child512", &[]) };
    let index =
        manifest("index", &[(Role::Child, sha256("child")), (Role::Child, sha512("child512"))]);
    put(store, push("a", manifest("child", &[]), &[])).await;
    put(store, push("a", child512, &[])).await;
    put(store, push("a", index, &["t"])).await;
    put(store, push("a", manifest("loose", &[]), &[])).await;
    put(store, push("a", referrer("kept note", sha256("index")), &[])).await;
    put(store, push("a", referrer("kept note 512", sha512("child512")), &[])).await;
    put(store, push("a", referrer("stray note", sha256("nothing")), &[])).await;
    assert_eq!(untagged(store, 2000).await, []);
    assert_eq!(untagged(store, 2001).await, sorted(&["loose", "stray note"]));
    let all = ["child", "child512", "index", "loose", "kept note", "stray note"].map(sha256);
    let dropped =
        store.drop_untagged(&repository("a"), all.to_vec(), at(2001), at(3000)).await.unwrap();
    assert_eq!(dropped, 2);
    let left = store.walk_manifests(&repository("a"), everything()).await.unwrap();
    assert_eq!(left.len(), 5);
}

pub(super) async fn a_manifest_that_got_a_tag_meanwhile_stays(store: &impl MetadataStore) {
    put(store, push("a", manifest("one", &[]), &[])).await;
    assert_eq!(untagged(store, 2001).await, [sha256("one")]);
    put(store, push("a", manifest("one", &[]), &["t"])).await;
    let digests = vec![sha256("one")];
    assert_eq!(
        store.drop_untagged(&repository("a"), digests, at(9000), at(9000)).await.unwrap(),
        0
    );
    assert!(store.manifest(&repository("a"), &by_tag("t")).await.unwrap().is_some());
}

pub(super) async fn only_orphans_are_buried(store: &impl MetadataStore) {
    for content in ["one", "two", "linked"] {
        publish(store, blob("a", content, content)).await;
    }
    for content in ["one", "two"] {
        let command = UnlinkBlob { repository: repository("a"), digest: sha256(content) };
        store.unlink_blob(command, always(())).await.unwrap();
    }
    assert_eq!(store.orphan_blobs(at(1000), everything()).await.unwrap(), []);
    let orphans = store.orphan_blobs(at(1001), everything()).await.unwrap();
    assert_eq!(orphans.iter().map(|it| it.sha256).collect::<Vec<_>>(), sorted(&["one", "two"]));
    let early = store.bury(vec![sha256("one")], at(1000)).await.unwrap();
    assert_eq!(early, [], "it was used too lately");
    publish(store, PublishBlob { at: at(1500), ..blob("b", "two", "k") }).await;
    let all = ["one", "two", "linked"].map(sha256).to_vec();
    let buried = store.bury(all.clone(), at(1001)).await.unwrap();
    assert_eq!(buried.len(), 1);
    let key = buried[0].key.clone();
    assert_eq!(
        (buried[0].sha256, buried[0].size, key),
        (sha256("one"), 3, Some(BlobKey::new("one")))
    );
    assert_eq!(store.bury(all.clone(), at(1001)).await.unwrap(), []);
    assert_eq!(store.deleting(everything()).await.unwrap(), buried);
    store.forget(all).await.unwrap();
    assert_eq!(store.deleting(everything()).await.unwrap(), []);
    assert_eq!(store.blob_state(&sha256("one")).await.unwrap(), None);
    assert!(store.blob(&repository("a"), &sha256("linked")).await.unwrap().is_some());
    assert!(store.blob(&repository("b"), &sha256("two")).await.unwrap().is_some());
}

pub(super) async fn a_forgotten_blob_takes_its_alias_along(store: &impl MetadataStore) {
    publish(store, PublishBlob { sha512: Some(sha512("one")), ..blob("a", "one", "k") }).await;
    let command = UnlinkBlob { repository: repository("a"), digest: sha512("one") };
    store.unlink_blob(command, always(())).await.unwrap();
    store.bury(vec![sha256("one")], at(9000)).await.unwrap();
    store.forget(vec![sha256("one")]).await.unwrap();
    publish(store, blob("a", "one", "k2")).await;
    assert_eq!(store.blob(&repository("a"), &sha512("one")).await.unwrap(), None);
}

pub(super) async fn stored_bytes_without_a_row_are_unheld(store: &impl MetadataStore) {
    let own = "berth/blobs/one";
    let tree = "docker/registry/v2/blobs/two";
    publish(store, blob("a", "one", own)).await;
    publish(store, blob("a", "two", tree)).await;
    publish(store, blob("a", "buried", "berth/blobs/buried")).await;
    let command = UnlinkBlob { repository: repository("a"), digest: sha256("buried") };
    store.unlink_blob(command, always(())).await.unwrap();
    assert_eq!(store.bury(vec![sha256("buried")], at(9000)).await.unwrap().len(), 1);
    let record = |key: &str, sha256| StoredRecord {
        key: BlobKey::new(key),
        sha256,
        size: 3,
        modified: at(1),
        staging: None,
    };
    let lost = [
        record("berth/blobs/left", None),
        record("docker/registry/v2/blobs/left", Some(sha256("left"))),
        record("docker/registry/v2/blobs/one", Some(sha256("one"))),
    ];
    let held =
        [record(own, None), record(tree, Some(sha256("two"))), record("berth/blobs/buried", None)];
    let [left, unknown, other] = lost.clone();
    let [one, two, buried] = held;
    let stored = vec![one, left, two, unknown, buried, other];
    assert_eq!(store.unheld(stored).await.unwrap(), lost);
    assert_eq!(store.unheld(vec![]).await.unwrap(), []);
}
