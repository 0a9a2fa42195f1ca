//! How the server finds rows: by index, never by reading a whole table.

use super::super::{
    account, account_walk, audit, change, content, counter, import, liveness, manifest, mount,
    presence, publish, repository, settings, tag, unlink, upload, walk,
};
use super::*;

/// Every statement that looks for more than one row or by more than a key.
const STATEMENTS: &[(&str, &str)] = &[
    ("emptied", repository::EMPTIED),
    ("manifest by tag", content::MANIFEST_BY_TAG),
    ("manifest by digest", content::MANIFEST_BY_DIGEST),
    ("blob by digest", content::BLOB),
    ("blob size", content::BLOB_SIZE),
    ("blob state", content::BLOB_STATE),
    ("repositories page", content::REPOSITORIES),
    ("tags page", content::TAGS),
    ("referrers", content::REFERRERS),
    ("add pulls", counter::ADD_MANIFESTS),
    ("add tag pulls", counter::ADD_TAGS),
    ("mount sources", mount::SOURCES),
    ("mount source", mount::SOURCE),
    ("present blobs", presence::BLOBS),
    ("present manifests", presence::MANIFESTS),
    ("lock a blob", publish::LOCK),
    ("needed by", unlink::NEEDED_BY),
    ("tag", tag::LOCK),
    ("setting", settings::GET),
    ("upload", upload::UPLOAD),
    ("stale uploads", upload::STALE),
    ("closing upload", upload::CLOSING),
    ("hold a manifest", manifest::HOLD_BY_NAME),
    ("lock tags", tag::LOCK_ALL),
    ("remove uploads", upload::REMOVE),
    ("stale links", liveness::STALE_LINKS),
    ("untagged manifests", liveness::UNTAGGED),
    ("range of blobs", liveness::RANGE),
    ("orphans", liveness::ORPHANS),
    ("deleting", liveness::DELETING),
    ("held by digest", liveness::HELD_BY_DIGEST),
    ("held by key", liveness::HELD_BY_KEY),
    ("unverified", import::UNVERIFIED),
    ("unverified total", import::UNVERIFIED_TOTAL),
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
    "last seal",
    "first seal",
    "unsealed lines",
    "first young line",
];

/// The plan for any parameters, if the server can help it neither a scan nor a
/// sort.
fn plan(server: &PostgresServer, sql: &str) -> String {
    let count = (1..=9).rev().find(|number| sql.contains(&format!("${number}"))).unwrap_or(0);
    let nulls = vec!["NULL"; count].join(", ");
    let run = if count == 0 { "EXECUTE q".to_owned() } else { format!("EXECUTE q ({nulls})") };
    server.sql(
        "postgres",
        &format!(
            "SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off; \
             SET plan_cache_mode = force_generic_plan; PREPARE q AS {sql}; EXPLAIN {run}"
        ),
    )
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn no_statement_reads_a_whole_table() {
    let server = PostgresServer::start();
    open(&server.url()).await;
    for (name, sql) in STATEMENTS {
        let plan = plan(&server, sql);
        assert!(!plan.is_empty(), "{name}");
        assert!(!plan.contains("Seq Scan"), "{name} reads all rows:\n{plan}");
        let sorts = plan.contains("Sort");
        assert!(!sorts || !IN_ORDER.contains(name), "{name} sorts:\n{plan}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn what_is_unverified_is_counted_in_an_index_of_nothing_else() {
    let server = PostgresServer::start();
    open(&server.url()).await;
    let plan = plan(&server, import::UNVERIFIED_TOTAL);
    assert!(plan.contains("Index Only Scan using blob_unverified"), "{plan}");
}
