//! A full disk.

use store::{ContentStore, SettingsStore, StoreError, WriteError};

use super::*;

/// Lets the file grow by `pages` more pages at most; `None` for no limit.
async fn allow(store: &Sqlite, pages: Option<i64>) {
    let work = move |connection: &rusqlite::Connection| {
        let now: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
        let limit = pages.map_or(i64::from(u32::MAX - 1), |pages| now + pages);
        Ok(connection.pragma_update_and_check(None, "max_page_count", limit, |_| Ok(()))?)
    };
    store.write_soft(work).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_is_told_and_reads_go_on() {
    let fresh = Temporary::new();
    let store = &fresh.store;
    store.put_manifest(push("one", &[], &["t"]), Box::new(|_| Ok(()))).await.unwrap();
    allow(store, Some(4)).await;
    let large = "x".repeat(100_000);
    let result = store.put_manifest(push(&large, &[], &["t"]), Box::new(|_| Ok(()))).await;
    assert!(matches!(result, Err(WriteError::Store(StoreError::Full(_)))), "{result:?}");
    let held = store.manifest(&repository("a"), &by_tag("t")).await.unwrap().unwrap();
    assert_eq!(held.digest, sha256("one"));
    store.set_setting("small", vec![1]).await.unwrap();
    allow(store, None).await;
    store.put_manifest(push(&large, &[], &["t"]), Box::new(|_| Ok(()))).await.unwrap();
    let held = store.manifest(&repository("a"), &by_tag("t")).await.unwrap().unwrap();
    assert_eq!(held.bytes.len(), 100_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_a_nearly_full_disk_small_writes_of_a_group_still_succeed() {
    let fresh = Temporary::new();
    let store = &fresh.store;
    allow(store, Some(20)).await;
    let mut pushes = tokio::task::JoinSet::new();
    for number in 0..32 {
        let store = Arc::clone(store);
        pushes.spawn(async move {
            let large = number % 2 == 0;
            let content = format!("{number}{}", "x".repeat(if large { 100_000 } else { 0 }));
            let name = format!("t{number}");
            let push = push(&content, &[], &[&name]);
            let result = store.put_manifest(push, Box::new(|_| Ok(()))).await;
            let found = store.manifest(&repository("a"), &by_tag(&name)).await.unwrap();
            assert_eq!(result.is_ok(), found.is_some(), "{result:?}");
            (large, result)
        });
    }
    for (large, result) in pushes.join_all().await {
        match large {
            true => {
                assert!(
                    matches!(result, Err(WriteError::Store(StoreError::Full(_)))),
                    "{result:?}"
                );
            }
            false => assert!(result.is_ok(), "{result:?}"),
        }
    }
}
