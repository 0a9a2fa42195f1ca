//! Blobs as members: publish, mount, unlink.

use bytes::Bytes;
use oci::Role;
use store::{
    BlobKey, BlobPlace, BlobState, MountBlob, MountFacts, PublishFacts, PublishPlan, Refusal,
    StoreError, UnlinkBlob, UnlinkFacts, UploadId, UploadRow, UploadState, WriteError,
};

use super::MetadataStore;
use super::fixture::*;

pub(super) async fn a_published_blob_is_read_back_from_its_repository_alone(
    store: &impl MetadataStore,
) {
    let inline = Bytes::from_static(b"one");
    let place = BlobPlace::Inline(inline.clone());
    publish(store, store::PublishBlob { place: Some(place), ..blob("a", "one", "-") }).await;
    publish(store, blob("a", "two", "k2")).await;
    let one = store.blob(&repository("a"), &sha256("one")).await.unwrap().unwrap();
    let two = store.blob(&repository("a"), &sha256("two")).await.unwrap().unwrap();
    assert_eq!((one.sha256, one.size, one.verified), (sha256("one"), 3, true));
    assert_eq!(one.place, BlobPlace::Inline(inline));
    assert_eq!(store.blob_size(&repository("a"), &sha256("one")).await.unwrap(), Some(3));
    assert_eq!(store.blob_size(&repository("b"), &sha256("one")).await.unwrap(), None);
    assert_eq!(two.place, BlobPlace::Stored(BlobKey::new("k2")));
    assert_eq!(store.blob(&repository("b"), &sha256("one")).await.unwrap(), None);
    assert_eq!(store.blob(&repository("a"), &sha256("three")).await.unwrap(), None);
    assert_eq!(store.blob_state(&sha256("one")).await.unwrap(), Some(BlobState::Live));
    assert_eq!(store.blob_state(&sha256("three")).await.unwrap(), None);
}

pub(super) async fn a_blob_is_found_by_sha512_once_it_was_pushed_by_it(store: &impl MetadataStore) {
    publish(store, blob("a", "one", "k1")).await;
    assert_eq!(store.blob(&repository("a"), &sha512("one")).await.unwrap(), None);
    let again = store::PublishBlob { sha512: Some(sha512("one")), ..blob("a", "one", "k2") };
    publish(store, again).await;
    let found = store.blob(&repository("a"), &sha512("one")).await.unwrap().unwrap();
    assert_eq!(found.sha256, sha256("one"));
    assert_eq!(found.place, BlobPlace::Stored(BlobKey::new("k1")));
}

pub(super) async fn a_refused_publish_leaves_no_repository(store: &impl MetadataStore) {
    let refusal = store.publish_blob(blob("a", "one", "k"), never(Refusal::BytesNeeded)).await;
    assert_eq!(refused(refusal), Refusal::BytesNeeded);
    assert!(!store.repository_exists(&repository("a")).await.unwrap());
    publish(store, blob("a", "one", "k")).await;
    assert!(store.repository_exists(&repository("a")).await.unwrap());
}

pub(super) async fn the_second_of_two_keys_loses(store: &impl MetadataStore) {
    assert_eq!(publish(store, blob("a", "one", "k1")).await.unlink, None);
    let facts = PublishFacts { existing: Some(BlobState::Live), has_bytes: true };
    let rule = expecting(facts, PublishPlan::KeepExisting);
    let lost = store.publish_blob(blob("b", "one", "k2"), rule).await.unwrap();
    assert_eq!(lost.unlink, Some(BlobKey::new("k2")));
    let held = store.blob(&repository("b"), &sha256("one")).await.unwrap().unwrap();
    assert_eq!(held.place, BlobPlace::Stored(BlobKey::new("k1")));
}

pub(super) async fn the_same_key_never_loses_against_itself(store: &impl MetadataStore) {
    publish(store, blob("a", "one", "k1")).await;
    assert_eq!(publish(store, blob("a", "one", "k1")).await.unlink, None);
}

pub(super) async fn taking_new_bytes_replaces_a_buried_row(store: &impl MetadataStore) {
    publish(store, blob("a", "one", "k1")).await;
    let command = UnlinkBlob { repository: repository("a"), digest: sha256("one") };
    store.unlink_blob(command, always(())).await.unwrap();
    assert_eq!(store.bury(vec![sha256("one")], at(5000)).await.unwrap().len(), 1);
    assert_eq!(store.blob_state(&sha256("one")).await.unwrap(), Some(BlobState::Deleting));
    let facts = PublishFacts { existing: Some(BlobState::Deleting), has_bytes: true };
    let rule = expecting(facts, PublishPlan::TakeNew);
    let won = store.publish_blob(blob("a", "one", "k2"), rule).await.unwrap();
    // The buried key is the winner's to remove: no row remembers it any more.
    assert_eq!(won.unlink, Some(BlobKey::new("k1")));
    store.forget(vec![sha256("one")]).await.unwrap();
    let held = store.blob(&repository("a"), &sha256("one")).await.unwrap().unwrap();
    assert_eq!(held.place, BlobPlace::Stored(BlobKey::new("k2")));
}

pub(super) async fn a_plan_that_cannot_be_applied_is_an_error(store: &impl MetadataStore) {
    let keep = store.publish_blob(blob("a", "one", "k"), always(PublishPlan::KeepExisting)).await;
    assert!(matches!(keep, Err(WriteError::Store(StoreError::Failed(_)))), "{keep:?}");
    let empty = store::PublishBlob { place: None, ..blob("a", "one", "k") };
    let take = store.publish_blob(empty, always(PublishPlan::TakeNew)).await;
    assert!(matches!(take, Err(WriteError::Store(StoreError::Failed(_)))), "{take:?}");
    assert!(!store.repository_exists(&repository("a")).await.unwrap());
}

fn closing(id: &str, version: u64) -> store::ClosingUpload {
    store::ClosingUpload { id: UploadId::new(id), version }
}

pub(super) async fn a_publish_finishes_its_upload(store: &impl MetadataStore) {
    let session = Some(closing("u-1", 0));
    let by_sha512 = Some(sha512("one"));
    let command = store::PublishBlob { session, sha512: by_sha512, ..blob("a", "one", "k") };
    publish(store, command).await;
    let row = store.upload(&UploadId::new("u-1")).await.unwrap().unwrap();
    assert_eq!(row.state, UploadState::Finished { digest: sha512("one") });
    assert_eq!((row.repository, row.updated_at), (repository("a"), at(1000)));
    let held = UploadRow {
        id: UploadId::new("u-2"),
        repository: repository("a"),
        started_at: at(1),
        updated_at: at(2),
        version: 1,
        state: UploadState::Held(Bytes::from_static(b"two")),
    };
    assert!(store.save_upload(held.clone()).await.unwrap());
    for version in [0, 2] {
        let session = Some(closing("u-2", version));
        let command = store::PublishBlob { session, ..blob("b", "two", "k2") };
        let refusal = store.publish_blob(command, first_wins()).await;
        assert_eq!(refused(refusal), Refusal::UploadLost);
        assert!(!store.repository_exists(&repository("b")).await.unwrap());
    }
    let session = Some(closing("u-2", 1));
    publish(store, store::PublishBlob { session, ..blob("a", "two", "k2") }).await;
    let row = store.upload(&held.id).await.unwrap().unwrap();
    let state = UploadState::Finished { digest: sha256("two") };
    assert_eq!(row, UploadRow { updated_at: at(1000), version: 2, state, ..held.clone() });
    let again = store::PublishBlob { session: Some(closing("u-2", 2)), ..blob("a", "two", "k3") };
    assert_eq!(refused(store.publish_blob(again, first_wins()).await), Refusal::UploadLost);
    let late = UploadRow { version: 2, ..held };
    assert!(!store.save_upload(late).await.unwrap(), "it was finished by somebody else");
}

fn mounting(to: &str, content: &str, from: Option<&str>) -> MountBlob {
    let from = from.map(repository);
    MountBlob { repository: repository(to), digest: sha256(content), from, at: at(3000) }
}

pub(super) async fn a_mount_sees_the_named_source_or_all(store: &impl MetadataStore) {
    for name in ["c", "a", "b"] {
        publish(store, blob(name, "one", name)).await;
    }
    let sources =
        |names: &[&str]| MountFacts { sources: names.iter().map(|n| repository(n)).collect() };
    let all = expecting(sources(&["a", "b", "c"]), ());
    store.mount_blob(mounting("d", "one", None), all).await.unwrap();
    let named = expecting(sources(&["b"]), ());
    store.mount_blob(mounting("e", "one", Some("b")), named).await.unwrap();
    let absent =
        store.mount_blob(mounting("f", "one", Some("x")), expecting(sources(&[]), ())).await;
    absent.expect("the rule decides, and the blob exists");
    let unknown = store.mount_blob(mounting("f", "two", None), expecting(sources(&[]), ())).await;
    assert!(matches!(unknown, Err(WriteError::Store(StoreError::Failed(_)))), "{unknown:?}");
}

pub(super) async fn a_mounted_blob_is_a_member(store: &impl MetadataStore) {
    publish(store, blob("a", "one", "k1")).await;
    store.mount_blob(mounting("b", "one", Some("a")), always(())).await.unwrap();
    assert!(store.blob(&repository("b"), &sha256("one")).await.unwrap().is_some());
}

pub(super) async fn a_refused_mount_changes_nothing(store: &impl MetadataStore) {
    publish(store, blob("a", "one", "k1")).await;
    let result = store.mount_blob(mounting("b", "one", None), never(Refusal::BlobUnknown)).await;
    assert_eq!(refused(result), Refusal::BlobUnknown);
    assert!(!store.repository_exists(&repository("b")).await.unwrap());
}

pub(super) async fn unlink_names_the_manifest_that_needs_the_blob(store: &impl MetadataStore) {
    for role in [Role::Config, Role::Layer, Role::Blob, Role::Child] {
        let content = role.as_str();
        publish(store, blob("a", content, content)).await;
        let holder = manifest(&format!("holds {content}"), &[(role, sha256(content))]);
        put(store, push("a", holder.clone(), &[])).await;
        let facts = UnlinkFacts { linked: true, needed_by: Some(holder.sha256) };
        let command = UnlinkBlob { repository: repository("a"), digest: sha256(content) };
        store.unlink_blob(command, expecting(facts, ())).await.unwrap();
    }
    put(store, push("a", referrer("note", sha256("subject")), &[])).await;
    publish(store, blob("a", "subject", "k")).await;
    let facts = UnlinkFacts { linked: true, needed_by: None };
    let command = UnlinkBlob { repository: repository("a"), digest: sha256("subject") };
    store.unlink_blob(command, expecting(facts, ())).await.unwrap();
}

pub(super) async fn unlink_sees_a_need_by_the_other_digest(store: &impl MetadataStore) {
    publish(store, store::PublishBlob { sha512: Some(sha512("one")), ..blob("a", "one", "k1") })
        .await;
    let holder = manifest("m", &[(Role::Layer, sha512("one"))]);
    put(store, push("a", holder, &["t"])).await;
    let facts = UnlinkFacts { linked: true, needed_by: Some(sha256("m")) };
    for digest in [sha256("one"), sha512("one")] {
        let by = sha256("m");
        let facts = facts.clone();
        let command = UnlinkBlob { repository: repository("a"), digest };
        let result = store.unlink_blob(
            command,
            Box::new(move |seen| {
                assert_eq!(seen, &facts);
                Err(Refusal::BlobNeeded { by })
            }),
        );
        assert_eq!(refused(result.await), Refusal::BlobNeeded { by });
    }
    assert!(store.blob(&repository("a"), &sha512("one")).await.unwrap().is_some());
}

pub(super) async fn an_unlinked_blob_is_gone_from_its_repository_alone(store: &impl MetadataStore) {
    publish(store, blob("a", "one", "k1")).await;
    publish(store, blob("b", "one", "k2")).await;
    let command = UnlinkBlob { repository: repository("a"), digest: sha256("one") };
    store.unlink_blob(command.clone(), always(())).await.unwrap();
    assert_eq!(store.blob(&repository("a"), &sha256("one")).await.unwrap(), None);
    assert!(store.blob(&repository("b"), &sha256("one")).await.unwrap().is_some());
    let gone = UnlinkFacts { linked: false, needed_by: None };
    store.unlink_blob(command, expecting(gone.clone(), ())).await.unwrap();
    let nowhere = UnlinkBlob { repository: repository("x"), digest: sha256("one") };
    store.unlink_blob(nowhere, expecting(gone, ())).await.unwrap();
}
