//! How SQLite finds rows: by index, never by reading a whole table.

use super::super::{
    account, account_walk, audit, change, content, counter, import, lease, liveness, manifest,
    mount, presence, repository, settings, tag, unlink, upload, walk,
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
    ("emptied", repository::EMPTIED),
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
    ("account", account::ACCOUNT),
    ("account by number", account::ACCOUNT_BY_ID),
    ("accounts page", account::ACCOUNTS),
    ("token with account", account::CREDENTIAL_AND_ACCOUNT),
    ("token by number", account::CREDENTIAL_BY_ID),
    ("tokens of an account", account::CREDENTIALS),
    ("teams page", account::TEAMS),
    ("note use", account::NOTE_USE),
    ("remove ended tokens", account::REMOVE_ENDED),
    ("walk accounts", account::ACCOUNTS_BY_ID),
    ("walk tokens", account::CREDENTIALS_BY_ID),
    ("free a name", account_walk::FREE_NAME),
    ("free a token", account_walk::FREE_TOKEN),
    ("leave teams", account_walk::LEAVE_TEAMS),
    ("remove account by number", account_walk::REMOVE_ACCOUNT),
    ("remove token by number", account_walk::REMOVE_CREDENTIAL),
    ("remove lines", account_walk::REMOVE_LINES),
    ("find account", change::FIND_ACCOUNT),
    ("find token", change::FIND_CREDENTIAL),
    ("role in use", change::ROLE_IN_USE),
    ("drop grants", change::DROP_GRANTS),
    ("last seal", audit::LAST),
    ("first seal", audit::FIRST),
    ("unsealed lines", audit::UNSEALED),
    ("seal", audit::SEAL),
    ("first young line", audit::FIRST_YOUNG),
    ("first line above", audit::FIRST_ABOVE),
    ("count unsealed", audit::COUNT_UNSEALED),
    ("prune the log", audit::PRUNE),
    ("remove account", change::REMOVE_ACCOUNT),
    ("new secret", change::SET_SECRET),
    ("drop groups", change::DROP_GROUPS),
    ("find team", change::FIND_TEAM),
    ("remove team", change::REMOVE_TEAM),
    ("remove member", change::REMOVE_MEMBER),
    ("epoch", change::EPOCH),
    ("remove token", change::REMOVE_CREDENTIAL),
    ("find role", change::FIND_ROLE),
    ("remove role", change::REMOVE_ROLE),
    ("remove grant", change::REMOVE_GRANT),
    ("drop visibility", change::DROP_VISIBILITY),
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
    "accounts page",
    "walk accounts",
    "walk tokens",
    "remove lines",
    "tokens of an account",
    "teams page",
    "last seal",
    "first seal",
    "unsealed lines",
    "first young line",
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
            // An index of nothing but the rows that are looked for.
            let own = own || step.ends_with("INDEX audit_unsealed");
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

#[test]
fn the_log_is_read_in_order_or_by_what_is_asked_for() {
    use crate::audit_query::{AuditQuery, Dialect};
    use store::AuditOrder::{NewestFirst, OldestFirst};
    let (fresh, text, none) =
        (Temporary::new(), || Some("x".to_owned()), store::AuditFilter::default);
    let (actor, target, time) =
        ("USING INDEX audit_by_actor", "USING INDEX audit_by_target", "USING INDEX audit_by_at");
    let span = store::AuditFilter { since: Some(Timestamp::from_millis(1)), ..none() };
    let of_actor = store::AuditFilter { actor: text(), ..span.clone() };
    let of_target = store::AuditFilter { target: text(), ..span.clone() };
    let cases = [
        (none(), OldestFirst(None), "SCAN audit", false),
        (none(), NewestFirst(Some(9)), "USING INTEGER PRIMARY KEY", false),
        (span.clone(), NewestFirst(None), time, true),
        (span, NewestFirst(Some(9)), "USING INTEGER PRIMARY KEY", false),
        (of_actor.clone(), NewestFirst(None), actor, false),
        (of_actor, OldestFirst(Some(9)), actor, false),
        (of_target.clone(), NewestFirst(None), target, true),
        (of_target, OldestFirst(Some(9)), target, true),
    ];
    for (filter, order, way, sorts) in cases {
        let query = AuditQuery::new(Dialect::Sqlite, filter, order, 10);
        let plan = plan(&fresh.store, &query.sql);
        assert!(plan[0].contains(way), "{}: {plan:#?}", query.sql);
        let sorted = plan.iter().any(|step| step.contains("TEMP B-TREE"));
        assert_eq!(sorted, sorts, "{}: {plan:#?}", query.sql);
    }
}

#[test]
fn what_is_unverified_is_counted_in_an_index_of_nothing_else() {
    let fresh = Temporary::new();
    let plan = plan(&fresh.store, import::UNVERIFIED_TOTAL);
    assert_eq!(plan, ["SCAN blob USING COVERING INDEX blob_unverified"]);
}
