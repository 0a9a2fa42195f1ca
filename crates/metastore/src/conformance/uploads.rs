//! Upload sessions.

use bytes::Bytes;
use store::{UploadId, UploadRow, UploadState};

use super::MetadataStore;
use super::fixture::*;

/// The first version of an upload.
fn row(id: &str, updated: i64, state: UploadState) -> UploadRow {
    UploadRow {
        id: UploadId::new(id),
        repository: repository("a"),
        started_at: at(1),
        updated_at: at(updated),
        version: 1,
        state,
    }
}

fn open(offset: u64) -> UploadState {
    let hashers = vec![vec![1, 2, 3], vec![], vec![0; 208]];
    UploadState::Open { offset, hashers, place: Bytes::from_static(b"part\0one") }
}

async fn save(store: &impl MetadataStore, row: UploadRow) {
    assert!(store.save_upload(row).await.unwrap());
}

pub(super) async fn an_upload_keeps_its_hash_states(store: &impl MetadataStore) {
    let empty = UploadState::Open { offset: 0, hashers: vec![], place: Bytes::new() };
    let rows = [
        row("u-1", 5, open(7)),
        row("u-2", 5, empty),
        row("u-3", 5, UploadState::Finished { digest: sha512("one") }),
        row("u-4", 5, UploadState::Cancelled),
    ];
    for row in rows {
        save(store, row.clone()).await;
        assert_eq!(store.upload(&row.id).await.unwrap(), Some(row));
    }
    assert_eq!(store.upload(&UploadId::new("u-5")).await.unwrap(), None);
}

pub(super) async fn held_bytes_are_kept_exactly(store: &impl MetadataStore) {
    let large: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    let contents = [Bytes::new(), Bytes::from_static(b"\0\xff"), Bytes::from(large)];
    for (version, content) in (1..).zip(contents) {
        let held = UploadRow { version, ..row("u", 5, UploadState::Held(content)) };
        save(store, held.clone()).await;
        assert_eq!(store.upload(&held.id).await.unwrap(), Some(held));
    }
    let open = UploadRow { version: 4, ..row("u", 6, open(70_000)) };
    save(store, open.clone()).await;
    assert_eq!(store.upload(&open.id).await.unwrap(), Some(open));
}

pub(super) async fn a_saved_upload_replaces_its_row(store: &impl MetadataStore) {
    save(store, row("u", 5, open(7))).await;
    for (version, state) in (2..).zip([open(9), open(4), UploadState::Cancelled]) {
        let next = UploadRow { version, ..row("u", 6, state) };
        save(store, next.clone()).await;
        assert_eq!(store.upload(&next.id).await.unwrap(), Some(next));
    }
}

pub(super) async fn a_save_over_another_version_changes_nothing(store: &impl MetadataStore) {
    let nobody = UploadRow { version: 2, ..row("u", 5, open(7)) };
    assert!(!store.save_upload(nobody.clone()).await.unwrap(), "there is no first version");
    assert_eq!(store.upload(&nobody.id).await.unwrap(), None);
    save(store, row("u", 5, open(7))).await;
    let second = UploadRow { version: 2, ..row("u", 6, open(8)) };
    save(store, second.clone()).await;
    for version in [1, 2, 4] {
        let late = UploadRow { version, ..row("u", 7, open(9)) };
        assert!(!store.save_upload(late).await.unwrap(), "version {version}");
        assert_eq!(store.upload(&second.id).await.unwrap(), Some(second.clone()));
    }
}

pub(super) async fn an_ended_upload_is_never_written_over(store: &impl MetadataStore) {
    for ended in [UploadState::Cancelled, UploadState::Finished { digest: sha256("one") }] {
        store.remove_uploads(vec![(UploadId::new("u"), 1)]).await.unwrap();
        let ended = row("u", 5, ended);
        save(store, ended.clone()).await;
        for state in [open(7), UploadState::Cancelled, UploadState::Held(Bytes::new())] {
            let next = UploadRow { version: 2, ..row("u", 6, state) };
            assert!(!store.save_upload(next).await.unwrap());
        }
        assert_eq!(store.upload(&ended.id).await.unwrap(), Some(ended));
    }
}

pub(super) async fn stale_uploads_come_oldest_first(store: &impl MetadataStore) {
    let finished = UploadState::Finished { digest: sha256("one") };
    let rows = [
        row("open-new", 50, open(1)),
        row("open-old", 20, open(1)),
        row("held-old", 25, UploadState::Held(Bytes::from_static(b"x"))),
        row("finished-old", 30, finished.clone()),
        row("finished-new", 90, finished),
        row("cancelled-old", 10, UploadState::Cancelled),
    ];
    for row in rows {
        save(store, row).await;
    }
    let ids = async |limit| {
        let found = store.stale_uploads(at(50), at(90), limit).await.unwrap();
        found.iter().map(|row| row.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(ids(10).await, ["cancelled-old", "open-old", "held-old", "finished-old"]);
    assert_eq!(ids(2).await, ["cancelled-old", "open-old"]);
}

pub(super) async fn a_removed_upload_is_gone(store: &impl MetadataStore) {
    save(store, row("u", 5, open(7))).await;
    save(store, row("v", 5, open(7))).await;
    let [u, v, w] = ["u", "v", "w"].map(UploadId::new);
    let removed = store.remove_uploads(vec![(u.clone(), 1), (w, 1)]).await.unwrap();
    assert_eq!(removed, std::slice::from_ref(&u));
    assert_eq!(store.upload(&u).await.unwrap(), None);
    assert!(store.upload(&v).await.unwrap().is_some());
    assert_eq!(store.remove_uploads(Vec::new()).await.unwrap(), []);
}

pub(super) async fn an_upload_that_went_on_since_it_was_listed_stays(store: &impl MetadataStore) {
    for id in ["open", "held", "finished", "quiet"] {
        save(store, row(id, 5, open(7))).await;
    }
    let listed = store.stale_uploads(at(50), at(50), 10).await.unwrap();
    let went_on = [
        ("open", open(9)),
        ("held", UploadState::Held(Bytes::from_static(b"more"))),
        ("finished", UploadState::Finished { digest: sha256("one") }),
    ];
    let went_on = went_on.map(|(id, state)| UploadRow { version: 2, ..row(id, 60, state) });
    for row in &went_on {
        save(store, row.clone()).await;
    }
    let listed = listed.into_iter().map(|row| (row.id, row.version)).collect();
    let removed = store.remove_uploads(listed).await.unwrap();
    assert_eq!(removed, [UploadId::new("quiet")]);
    for row in went_on {
        assert_eq!(store.upload(&row.id).await.unwrap(), Some(row));
    }
}
