//! Very many rows: what is looked at by one statement stays bounded.

use std::sync::Mutex;

use store::{ContentStore, LivenessStore, MountBlob, MountFacts, Page};

use super::*;

/// A member of a repository, as often as there are numbers.
const MEMBERS: &str = "INSERT INTO repository (name, created_at) VALUES ('a', 1); \
     INSERT INTO blob (sha256, size, state, verified, created_at, used_at, key) \
     SELECT '\\x01' || sha256(n::text::bytea), 3, 'live', true, 1, 1, 'k' || n \
     FROM generate_series(1, 25000) n; \
     INSERT INTO link SELECT 1, sha256, 1 FROM blob";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn orphans_are_found_behind_many_blobs_that_are_none() {
    let server = PostgresServer::start();
    let store = open(&server.url()).await;
    server.sql("postgres", MEMBERS);
    assert_eq!(store.orphan_blobs(at(9000), Page::first(10)).await.unwrap(), []);
    let in_order = "SELECT sha256 FROM blob ORDER BY sha256";
    server.sql(
        "postgres",
        &format!(
            "DELETE FROM link WHERE sha256 IN (({in_order} OFFSET 9999 LIMIT 2) \
             UNION ALL ({in_order} OFFSET 24998 LIMIT 2))"
        ),
    );
    let mut found = Vec::new();
    let mut page = Page::first(1);
    while let Some(orphan) = store.orphan_blobs(at(9000), page).await.unwrap().pop() {
        page = Page::after(orphan.sha256, 1);
        found.push(orphan.sha256);
    }
    assert_eq!(found.len(), 4);
    assert!(found.is_sorted());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_mount_of_what_all_have_looks_at_some() {
    let server = PostgresServer::start();
    let store = open(&server.url()).await;
    server.sql(
        "postgres",
        &format!(
            "{MEMBERS}; INSERT INTO repository (name, created_at) \
             SELECT 'r' || n, 1 FROM generate_series(1, 3000) n; \
             INSERT INTO link SELECT r.id, '\\x01' || sha256('7'), 1 FROM repository r \
             ON CONFLICT DO NOTHING; ANALYZE"
        ),
    );
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let rule = move |facts: &MountFacts| {
        noted.lock().unwrap().clone_from(&facts.sources);
        Ok(())
    };
    let command =
        MountBlob { repository: repository("new"), digest: sha256("7"), from: None, at: at(2) };
    store.mount_blob(command, Box::new(rule)).await.unwrap();
    let seen = seen.lock().unwrap().clone();
    assert_eq!(seen.len(), 100);
    assert!(seen.is_sorted());
    for mode in ["force_generic_plan", "force_custom_plan"] {
        let explain = format!(
            "SET plan_cache_mode = {mode}; PREPARE q (bytea) AS {}; \
             EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) EXECUTE q ('\\x01' || sha256('7'))",
            super::super::mount::SOURCES
        );
        let plan = server.sql("postgres", &explain);
        assert!(plan.contains("Limit (actual rows=1000 "), "{mode}:\n{plan}");
        assert!(!plan.contains("Seq Scan on link"), "{mode}:\n{plan}");
    }
}
