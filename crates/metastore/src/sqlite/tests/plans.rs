//! How SQLite finds rows: by index, never by reading a whole table.

use super::super::{
    content, counter, import, lease, liveness, manifest, mount, presence, repository, settings,
    tag, unlink, upload, walk,
};
use super::*;

/// Every statement that looks for rows.
const STATEMENTS: &[(&str, &str)] = &[
    ("manifest by tag", content::MANIFEST_BY_TAG),
    ("manifest by digest", content::MANIFEST_BY_DIGEST),
    ("blob by digest", content::BLOB),
    ("blob size", content::BLOB_SIZE),
    ("blob state", content::BLOB_STATE),
    ("add tag pulls", counter::ADD_TAG),
    ("repositories page", content::REPOSITORIES),
    ("tags page", content::TAGS),
    ("referrers", content::REFERRERS),
    ("repository", repository::REPOSITORY),
    ("alias", repository::ALIAS),
    ("drop alias", repository::DROP_ALIAS),
    ("manifest row", manifest::MANIFEST),
    ("manifest bytes", manifest::BYTES),
    ("drop manifest bytes", manifest::DROP_BYTES),
    ("tags on a manifest", manifest::TAGS_ON),
    ("mount sources", mount::SOURCES),
    ("mount source", mount::SOURCE),
    ("presence", presence::PRESENCE),
    ("needed by", unlink::NEEDED_BY),
    ("tag", tag::TAG),
    ("setting", settings::GET),
    ("upload", upload::UPLOAD),
    ("stale uploads", upload::STALE),
    ("next of an upload", upload::NEXT),
    ("give a lease back", lease::RELEASE),
    ("held by digest", liveness::HELD_BY_DIGEST),
    ("held by key", liveness::HELD_BY_KEY),
    ("stale links", liveness::STALE_LINKS),
    ("drop link", liveness::DROP_LINK),
    ("untagged manifests", liveness::UNTAGGED),
    ("still untagged", liveness::STILL_UNTAGGED),
    ("range of blobs", liveness::RANGE),
    ("orphans", liveness::ORPHANS),
    ("bury", liveness::BURY),
    ("deleting", liveness::DELETING),
    ("forget", liveness::FORGET),
    ("unverified", import::UNVERIFIED),
    ("note good", import::NOTE_GOOD),
    ("note bad", import::NOTE_BAD),
    ("add name", import::ADD_NAME),
    ("drop name", import::DROP_NAME),
    ("walk repositories", walk::REPOSITORIES),
    ("walk links", walk::LINKS),
    ("walk manifests", walk::MANIFESTS),
    ("walk tags", walk::TAGS),
    ("walk blobs", walk::BLOBS),
];

/// Pages must come out of an index in order, or each one reads all the others.
const IN_ORDER: &[&str] = &[
    "repositories page",
    "tags page",
    "stale uploads",
    "stale links",
    "untagged manifests",
    "range of blobs",
    "orphans",
    "deleting",
    "unverified",
    "walk repositories",
    "walk links",
    "walk manifests",
    "walk tags",
    "walk blobs",
];

fn plan(store: &Sqlite, sql: &str) -> Vec<String> {
    let explain = format!("EXPLAIN QUERY PLAN {sql}");
    let found = store.read(|connection| {
        let mut statement = connection.prepare(&explain)?;
        let rows = statement.raw_query().mapped(|row| row.get(3)).collect::<Result<Vec<_>, _>>();
        Ok(rows?)
    });
    found.unwrap()
}

#[test]
fn no_statement_reads_a_whole_table() {
    let fresh = Temporary::new();
    for (name, sql) in STATEMENTS {
        let plan = plan(&fresh.store, sql);
        assert!(!plan.is_empty(), "{name}");
        for step in &plan {
            let scan = step.starts_with("SCAN") && !step.starts_with("SCAN CONSTANT ROW");
            let own = step.starts_with("SCAN (subquery");
            assert!(!scan || own, "{name} reads all rows: {step}\n{plan:#?}");
            let sorts = step.contains("USE TEMP B-TREE FOR ORDER BY");
            assert!(!sorts || !IN_ORDER.contains(name), "{name} sorts: {plan:#?}");
        }
    }
}

#[test]
fn a_manifest_is_found_with_one_look_per_table() {
    let fresh = Temporary::new();
    let plan = plan(&fresh.store, content::MANIFEST_BY_TAG);
    assert_eq!(plan.len(), 4, "{plan:#?}");
    assert!(plan.iter().all(|step| step.starts_with("SEARCH")), "{plan:#?}");
}
