//! Lives of blobs and tags that no trait shows from outside.

use store::{
    BlobKey, BlobPlace, BlobState, ContentStore, MountBlob, Presence, PublishBlob, PublishPlan,
    PutManifestFacts,
};

use super::*;

async fn condemned(store: &Sqlite) {
    let command = PublishBlob {
        repository: repository("a"),
        sha256: sha256("one"),
        sha512: None,
        size: 3,
        place: Some(BlobPlace::Stored(BlobKey::new("k"))),
        session: None,
        at: Timestamp::from_millis(1),
    };
    store.publish_blob(command, Box::new(|_| Ok(PublishPlan::TakeNew))).await.unwrap();
    let work = |connection: &rusqlite::Connection| {
        Ok(connection.execute("UPDATE blob SET state = 'condemned'", [])?)
    };
    assert_eq!(store.write_hard(work).await.unwrap(), 1);
}

async fn state(store: &Sqlite) -> Option<BlobState> {
    store.blob_state(&sha256("one")).await.unwrap()
}

#[tokio::test]
async fn a_condemned_blob_is_readable_and_reading_changes_nothing() {
    let fresh = Temporary::new();
    condemned(&fresh.store).await;
    let found = fresh.store.blob(&repository("a"), &sha256("one")).await.unwrap();
    assert!(found.is_some_and(|blob| blob.verified));
    assert_eq!(state(&fresh.store).await, Some(BlobState::Condemned));
}

#[tokio::test]
async fn a_publish_that_keeps_the_row_revives_it() {
    let fresh = Temporary::new();
    condemned(&fresh.store).await;
    let command = PublishBlob {
        repository: repository("b"),
        sha256: sha256("one"),
        sha512: None,
        size: 3,
        place: None,
        session: None,
        at: Timestamp::from_millis(2),
    };
    let rule = Box::new(|facts: &store::PublishFacts| {
        assert_eq!(facts.existing, Some(BlobState::Condemned));
        Ok(PublishPlan::KeepExisting)
    });
    fresh.store.publish_blob(command, rule).await.unwrap();
    assert_eq!(state(&fresh.store).await, Some(BlobState::Live));
}

#[tokio::test]
async fn a_mount_revives_a_condemned_blob() {
    let fresh = Temporary::new();
    condemned(&fresh.store).await;
    let (repository, digest) = (repository("b"), sha256("one"));
    let command = MountBlob { repository, digest, from: None, at: Timestamp::from_millis(2) };
    fresh.store.mount_blob(command, Box::new(|_| Ok(()))).await.unwrap();
    assert_eq!(state(&fresh.store).await, Some(BlobState::Live));
}

#[tokio::test]
async fn a_manifest_revives_the_condemned_blobs_that_it_names() {
    let fresh = Temporary::new();
    condemned(&fresh.store).await;
    let (role, digest) = (Role::Layer, sha256("one"));
    let rule = Box::new(move |facts: &PutManifestFacts| {
        let presence = Presence { role, digest, blob: true, manifest: false };
        assert_eq!(facts.presence, [presence]);
        Ok(())
    });
    fresh.store.put_manifest(push("m", &[(role, digest)], &[]), rule).await.unwrap();
    assert_eq!(state(&fresh.store).await, Some(BlobState::Live));
}

#[tokio::test]
async fn every_move_of_a_tag_is_in_its_history() {
    let fresh = Temporary::new();
    let store = &fresh.store;
    for content in ["one", "two", "two"] {
        store.put_manifest(push(content, &[], &["t"]), Box::new(|_| Ok(()))).await.unwrap();
    }
    let at = Timestamp::from_millis(3000);
    let bob = Some("bob".to_owned());
    store.delete_manifest(&repository("a"), &sha256("two"), bob, at).await.unwrap();
    store.put_manifest(push("one", &[], &["t"]), Box::new(|_| Ok(()))).await.unwrap();
    store.delete_tag(&repository("a"), &Tag::parse("t").unwrap(), None, at).await.unwrap();
    let history = store.read(|connection| {
        let sql = "SELECT from_digest, to_digest, at, actor FROM tag_history ORDER BY id";
        super::super::rows::list(connection, sql, [], |row| {
            let from = super::super::rows::digest_or_null(row, 0)?;
            let to = super::super::rows::digest_or_null(row, 1)?;
            Ok((from, to, row.get(2)?, row.get::<_, Option<String>>(3)?))
        })
    });
    let (one, two) = (Some(sha256("one")), Some(sha256("two")));
    let by = |name: &str| Some(name.to_owned());
    let expected = [
        (None, one, 1000_i64, by("ann")),
        (one, two, 1000, by("ann")),
        (two, None, 3000, by("bob")),
        (None, one, 1000, by("ann")),
        (one, None, 3000, None),
    ];
    assert_eq!(history.unwrap(), expected);
}
