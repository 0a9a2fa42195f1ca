//! Upload sessions.

use store::{UploadId, UploadRow, UploadState};

use super::MetadataStore;
use super::fixture::*;

fn row(id: &str, updated: i64, state: UploadState) -> UploadRow {
    UploadRow {
        id: UploadId::new(id),
        repository: repository("a"),
        started_at: at(1),
        updated_at: at(updated),
        state,
    }
}

fn open(offset: u64) -> UploadState {
    UploadState::Open { offset, hashers: vec![vec![1, 2, 3], vec![], vec![0; 208]] }
}

pub(super) async fn an_upload_keeps_its_hash_states(store: &impl MetadataStore) {
    let rows = [
        row("u-1", 5, open(7)),
        row("u-2", 5, UploadState::Open { offset: 0, hashers: vec![] }),
        row("u-3", 5, UploadState::Finished { digest: sha512("one") }),
        row("u-4", 5, UploadState::Cancelled),
    ];
    store.save_uploads(rows.to_vec()).await.unwrap();
    for row in rows {
        assert_eq!(store.upload(&row.id).await.unwrap(), Some(row));
    }
    assert_eq!(store.upload(&UploadId::new("u-5")).await.unwrap(), None);
}

pub(super) async fn a_saved_upload_replaces_its_row(store: &impl MetadataStore) {
    store.save_uploads(vec![row("u", 5, open(7))]).await.unwrap();
    for state in [open(9), open(4), UploadState::Cancelled] {
        let next = row("u", 6, state);
        store.save_uploads(vec![next.clone()]).await.unwrap();
        assert_eq!(store.upload(&next.id).await.unwrap(), Some(next));
    }
}

pub(super) async fn an_open_row_never_replaces_an_ended_one(store: &impl MetadataStore) {
    for ended in [UploadState::Cancelled, UploadState::Finished { digest: sha256("one") }] {
        let ended = row("u", 5, ended);
        store.save_uploads(vec![ended.clone()]).await.unwrap();
        store.save_uploads(vec![row("u", 6, open(7)), row("v", 6, open(7))]).await.unwrap();
        assert_eq!(store.upload(&ended.id).await.unwrap(), Some(ended));
        assert!(store.upload(&UploadId::new("v")).await.unwrap().is_some());
    }
}

pub(super) async fn stale_uploads_come_oldest_first(store: &impl MetadataStore) {
    let finished = UploadState::Finished { digest: sha256("one") };
    let rows = vec![
        row("open-new", 50, open(1)),
        row("open-old", 20, open(1)),
        row("finished-old", 30, finished.clone()),
        row("finished-new", 90, finished),
        row("cancelled-old", 10, UploadState::Cancelled),
    ];
    store.save_uploads(rows).await.unwrap();
    let ids = async |limit| {
        let found = store.stale_uploads(at(50), at(90), limit).await.unwrap();
        found.iter().map(|row| row.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(ids(10).await, ["cancelled-old", "open-old", "finished-old"]);
    assert_eq!(ids(2).await, ["cancelled-old", "open-old"]);
}

pub(super) async fn a_removed_upload_is_gone(store: &impl MetadataStore) {
    store.save_uploads(vec![row("u", 5, open(7)), row("v", 5, open(7))]).await.unwrap();
    store.remove_uploads(vec![UploadId::new("u"), UploadId::new("w")]).await.unwrap();
    assert_eq!(store.upload(&UploadId::new("u")).await.unwrap(), None);
    assert!(store.upload(&UploadId::new("v")).await.unwrap().is_some());
}
