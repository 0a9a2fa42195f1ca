//! Very many rows: what is looked at by one statement stays bounded.

use store::{LivenessStore, Page};

use super::*;

/// Members of one repository; their digests are their numbers.
const MEMBERS: &str = "INSERT INTO repository (id, name, created_at) VALUES (1, 'a', 1); \
     WITH RECURSIVE s (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM s WHERE n < 25000) \
     INSERT INTO blob (sha256, size, state, verified, created_at, used_at, key) \
     SELECT unhex('01' || printf('%064x', n)), 3, 'live', 1, 1, 1, 'k' || n FROM s; \
     INSERT INTO link SELECT 1, sha256, 1 FROM blob";

async fn run(store: &Sqlite, sql: &'static str) {
    store.write_bulk(move |connection| Ok(connection.execute_batch(sql)?)).await.unwrap();
}

#[tokio::test]
async fn orphans_are_found_behind_many_blobs_that_are_none() {
    let fresh = Temporary::new();
    let (store, before) = (&fresh.store, Timestamp::from_millis(9000));
    run(store, MEMBERS).await;
    assert_eq!(store.orphan_blobs(before, Page::first(10)).await.unwrap(), []);
    run(
        store,
        "DELETE FROM link WHERE sha256 IN (SELECT sha256 FROM blob \
         WHERE key IN ('k10000', 'k10001', 'k24999', 'k25000'))",
    )
    .await;
    let mut found = Vec::new();
    let mut page = Page::first(1);
    while let Some(orphan) = store.orphan_blobs(before, page).await.unwrap().pop() {
        page = Page::after(orphan.sha256, 1);
        found.push(orphan.key.unwrap().as_str().to_owned());
    }
    assert_eq!(found, ["k10000", "k10001", "k24999", "k25000"]);
}
