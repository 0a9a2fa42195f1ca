//! Opening: what is taken, what is refused, how many connections there are.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use store::{SettingsStore, StoreError};

use super::super::args::args;
use super::super::failure::Failure;
use super::super::transaction::{Tx, Work};
use super::*;
use crate::MetadataStore;

async fn refused(url: &str) -> StoreError {
    match Postgres::open(PostgresOptions::from_url(url).unwrap()).await {
        Ok(_) => panic!("{url} was opened"),
        Err(error) => error,
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn eight_replicas_start_at_once_on_an_empty_database() {
    let server = PostgresServer::start();
    let url = server.create_database("together");
    let openings = (0..8).map(|_| {
        let options = PostgresOptions::from_url(&url).unwrap();
        tokio::spawn(Postgres::open(options))
    });
    for opening in openings.collect::<Vec<_>>() {
        opening.await.unwrap().unwrap().ping().await.unwrap();
    }
    assert_eq!(server.sql("together", "SELECT schema, min_binary FROM meta"), "3|1");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn only_a_database_that_needs_a_newer_program_is_refused() {
    let server = PostgresServer::start();
    let url = server.create_database("newer");
    open(&url).await.close().await;
    server.sql("newer", "UPDATE meta SET schema = 9, min_binary = 1");
    open(&url).await.ping().await.unwrap();
    server.sql("newer", "UPDATE meta SET min_binary = 9");
    let text = refused(&url).await.to_string();
    assert!(text.contains("it needs a program that knows schema 9"), "{text}");
    assert_eq!(server.sql("newer", "SELECT schema FROM meta"), "9");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_database_that_does_not_fit_is_refused_with_the_reason() {
    let server = PostgresServer::start();
    let url = server.create_database("other");
    server.sql("other", "CREATE TABLE blob (id bigint)");
    let error = refused(&url).await;
    assert!(matches!(error, StoreError::Damaged(_)), "{error:?}");
    server.sql("postgres", "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    let text = refused(&server.database_url("latin")).await.to_string();
    assert!(text.contains("encoded as LATIN1"), "{text}");
    let text = refused(&server.database_url("nowhere")).await.to_string();
    assert!(text.contains("\"nowhere\" does not exist"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_closed_store_is_busy() {
    let server = PostgresServer::start();
    let store = open(&server.url()).await;
    store.close().await;
    store.close().await;
    for result in [store.ping().await, store.set_setting("k", vec![]).await] {
        assert!(matches!(result, Err(StoreError::Busy(_))), "{result:?}");
    }
    let ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'berth'";
    let gone = async {
        while server.sql("postgres", ours) != "0" {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.unwrap();
}

/// Work that keeps its connection until it is told to end.
struct Wait {
    begun: Arc<AtomicBool>,
    end: Arc<tokio::sync::Notify>,
}

impl Work for Wait {
    type Output = ();

    async fn run(&self, tx: &Tx) -> Result<(), Failure> {
        tx.list("SELECT 1", args![], |_| Ok(())).await?;
        self.begun.store(true, Ordering::Relaxed);
        self.end.notified().await;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn whoever_waits_too_long_for_a_connection_is_told_so() {
    let server = PostgresServer::start();
    let mut options = PostgresOptions::from_url(&server.url()).unwrap();
    options.max_connections = 1;
    let store = Postgres::open(options).await.unwrap();
    let (begun, end) = (Arc::new(AtomicBool::new(false)), Arc::new(tokio::sync::Notify::new()));
    let wait = Wait { begun: Arc::clone(&begun), end: Arc::clone(&end) };
    let holder = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.write_hard(wait).await })
    };
    while !begun.load(Ordering::Relaxed) {
        tokio::task::yield_now().await;
    }
    let figures = store.figures().pool.unwrap();
    assert_eq!((figures.cap, figures.open, figures.in_use), (1, 1, 1));
    let Err(StoreError::Busy(text)) = store.ping().await else { panic!("there is no other one") };
    assert!(text.contains("PostgreSQL pool"), "{text}");
    end.notify_one();
    holder.await.unwrap().unwrap();
    store.ping().await.unwrap();
    assert_eq!(store.figures().pool.unwrap().in_use, 0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn the_pool_never_has_more_connections_than_its_cap() {
    let server = PostgresServer::start();
    let mut options = PostgresOptions::from_url(&server.url()).unwrap();
    options.max_connections = 3;
    let store = Postgres::open(options).await.unwrap();
    let tasks = (0..64).map(|number| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for _ in 0..20 {
                store.ping().await.unwrap();
                store.set_setting(&number.to_string(), vec![1]).await.unwrap();
            }
        })
    });
    let tasks: Vec<_> = tasks.collect();
    let ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'berth'";
    for _ in 0..5 {
        assert!(server.sql("postgres", ours).parse::<u32>().unwrap() <= 3);
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert!(store.figures().pool.unwrap().open <= 3);
}
