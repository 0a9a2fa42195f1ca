//! What each connection and each transaction asks of the server.

use super::super::args::args;
use super::super::failure::Failure;
use super::super::rows;
use super::super::transaction::{Tx, Work};
use super::*;

/// Reads settings of the server as they are inside of a write.
struct Settings;

impl Work for Settings {
    type Output = Vec<String>;

    async fn run(&self, tx: &Tx) -> Result<Vec<String>, Failure> {
        let sql = "SELECT current_setting(name) FROM unnest(ARRAY['synchronous_commit', \
                   'transaction_isolation', 'statement_timeout', 'lock_timeout', \
                   'idle_in_transaction_session_timeout']) WITH ORDINALITY AS s (name, n) \
                   ORDER BY n";
        tx.list(sql, args![], |row| rows::get(row, 0)).await
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn hard_writes_are_synced_whatever_the_server_does_by_default() {
    for default in ["off", "on", "remote_apply"] {
        let server = PostgresServer::with(&format!("synchronous_commit = {default}\n"));
        for prepared in [true, false] {
            let mut options = PostgresOptions::from_url(&server.url()).unwrap();
            options.prepared = prepared;
            options.max_connections = 1;
            let store = Postgres::open(options).await.unwrap();
            let hard = if default == "off" { "on" } else { default };
            let rest = ["read committed", "8s", "5s", "10s"];
            for _ in 0..2 {
                let got = store.write_hard(Settings).await.unwrap();
                assert_eq!((got[0].as_str(), &got[1..]), (hard, &rest.map(str::to_owned)[..]));
                let got = store.write_soft(Settings).await.unwrap();
                assert_eq!((got[0].as_str(), &got[1..]), ("off", &rest.map(str::to_owned)[..]));
            }
        }
    }
}

/// A rule that does not end well.
struct Panic;

impl Work for Panic {
    type Output = ();

    async fn run(&self, tx: &Tx) -> Result<(), Failure> {
        tx.change("INSERT INTO setting VALUES ('half', '')", args![]).await?;
        panic!("a rule that panics");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_panic_is_an_error_to_its_caller_alone() {
    use store::{SettingsStore, StoreError, WriteError};
    let server = PostgresServer::start();
    let mut options = PostgresOptions::from_url(&server.url()).unwrap();
    options.max_connections = 1;
    let store = Postgres::open(options).await.unwrap();
    let outcome = store.write_hard(Panic).await;
    assert!(matches!(outcome, Err(WriteError::Store(StoreError::Failed(_)))), "{outcome:?}");
    assert_eq!(store.setting("half").await.unwrap(), None);
    store.set_setting("k", vec![1]).await.unwrap();
}

/// A write whose caller goes away in the middle.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_caller_that_goes_away_leaves_a_whole_write() {
    use store::ContentStore;
    let server = PostgresServer::start();
    let store = open(&server.url()).await;
    for number in 0..40_u64 {
        let content = format!("m-{number}");
        let put = store.put_manifest(push("a", &content, &[], &["t"]), Box::new(|_| Ok(())));
        drop(tokio::time::timeout(std::time::Duration::from_micros(100 * number), put).await);
    }
    crate::MetadataStore::close(&*store).await;
    let half = "SELECT count(*) FROM manifest m JOIN repository r ON r.id = m.repository_id \
                HAVING count(*) <> min(r.manifests)";
    assert_eq!(server.sql("postgres", half), "");
    let counted = server.sql("postgres", "SELECT manifests > 0 FROM repository");
    assert_eq!(counted, "t");
}
