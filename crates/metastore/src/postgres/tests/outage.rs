//! A server that goes away and comes back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use store::{ContentStore, SettingsStore, StoreError, WriteError};
use tokio::sync::oneshot;

use super::super::failure::Failure;
use super::super::transaction::{Tx, Work};
use super::*;
use crate::MetadataStore;

/// Puts manifests by a tag each until told to stop; the acknowledged ones.
async fn write_on(
    store: Arc<Postgres>,
    number: usize,
    acknowledged: Arc<Mutex<Vec<String>>>,
    over: Arc<AtomicBool>,
) {
    let mut count = 0;
    while !over.load(Ordering::Relaxed) {
        let name = format!("t-{number}-{count}");
        count += 1;
        let command = push("a", &name, &[], &[&name]);
        match store.put_manifest(command, Box::new(|_| Ok(()))).await {
            Ok(()) => acknowledged.lock().push(name),
            Err(WriteError::Store(StoreError::Busy(_))) => {}
            Err(WriteError::Store(StoreError::Failed(text))) => {
                assert!(text.contains("it is unknown whether it happened"), "{text}");
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// Reads one tag until told to stop: it is there or nobody can say.
async fn read_on(store: Arc<Postgres>, over: Arc<AtomicBool>) {
    while !over.load(Ordering::Relaxed) {
        match store.manifest(&repository("a"), &by_tag("first")).await {
            Ok(found) => assert!(found.is_some(), "an outage is no absence"),
            Err(StoreError::Busy(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
}

async fn until_more_than(count: usize, acknowledged: &Mutex<Vec<String>>) {
    let enough = async {
        while acknowledged.lock().len() <= count {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), enough).await.expect("writes go on");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn what_was_acknowledged_survives_a_crash_of_the_server() {
    let server = Arc::new(PostgresServer::durable());
    let store = open(&server.url()).await;
    store.put_manifest(push("a", "first", &[], &["first"]), Box::new(|_| Ok(()))).await.unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = vec![tokio::spawn(read_on(Arc::clone(&store), Arc::clone(&over)))];
    for number in 0..8 {
        let (store, over) = (Arc::clone(&store), Arc::clone(&over));
        tasks.push(tokio::spawn(write_on(store, number, Arc::clone(&acknowledged), over)));
    }
    for _ in 0..2 {
        let count = acknowledged.lock().len();
        until_more_than(count + 50, &acknowledged).await;
        let server = Arc::clone(&server);
        tokio::task::spawn_blocking(move || server.restart()).await.unwrap();
    }
    let count = acknowledged.lock().len();
    until_more_than(count + 50, &acknowledged).await;
    over.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.unwrap();
    }
    let acknowledged = acknowledged.lock().clone();
    for name in &acknowledged {
        let found = store.manifest(&repository("a"), &by_tag(name)).await.unwrap();
        assert!(found.is_some(), "{name} is lost");
    }
    let figures = store.figures().pool.unwrap();
    eprintln!("{} acknowledged, {figures:?}", acknowledged.len());
    assert!(figures.open <= figures.cap);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_server_that_is_away_is_busy_and_found_again() {
    let server = PostgresServer::start();
    let store = open(&server.url()).await;
    server.stop();
    let read = store.manifest(&repository("a"), &by_tag("t")).await;
    assert!(matches!(read, Err(StoreError::Busy(_))), "{read:?}");
    let write = store.set_setting("k", b"v".to_vec()).await;
    assert!(matches!(write, Err(StoreError::Busy(_))), "{write:?}");
    let options = PostgresOptions::from_url(&server.url()).unwrap();
    let opened = Postgres::open(options).await.map(|_| ());
    assert!(matches!(opened, Err(StoreError::Busy(_))), "{opened:?}");
    server.start_again();
    store.set_setting("k", b"v".to_vec()).await.unwrap();
    assert_eq!(store.setting("k").await.unwrap(), Some(b"v".to_vec()));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn idle_connections_that_broke_are_replaced_unseen() {
    let server = PostgresServer::start();
    let store = open(&server.url()).await;
    store.ping().await.unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE application_name = 'berth'";
    for _ in 0..5 {
        server.sql("postgres", end);
        store.ping().await.unwrap();
        server.sql("postgres", end);
        store.set_setting("k", b"v".to_vec()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_server_that_stands_still_is_given_up() {
    let server = PostgresServer::start();
    let store = open(&server.url()).await;
    store.ping().await.unwrap();
    let still = Still::new(&server);
    let read = tokio::time::timeout(Duration::from_secs(15), store.ping()).await;
    let read = read.expect("an answer within the limit");
    assert!(matches!(read, Err(StoreError::Busy(_))), "{read:?}");
    drop(still);
    store.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_reader_that_goes_away_leaves_no_query_to_the_next_one() {
    let server = PostgresServer::start();
    let mut options = PostgresOptions::from_url(&server.url()).unwrap();
    options.max_connections = 2;
    let store = Postgres::open(options).await.unwrap();
    let (locked, lock) = oneshot::channel();
    let (go, over) = oneshot::channel();
    let holder = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.write_hard(Hold(Mutex::new(Some((locked, over))))).await }
    });
    lock.await.unwrap();
    let open = || store.figures().pool.unwrap().open;
    let read = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.setting("k").await }
    });
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    while server.sql("postgres", waits) != "1" {
        assert!(!read.is_finished(), "the table is locked");
    }
    assert_eq!(open(), 2);
    read.abort();
    assert!(read.await.unwrap_err().is_cancelled());
    assert_eq!(open(), 1, "the connection still waits for the lock");
    store.ping().await.unwrap();
    go.send(()).unwrap();
    holder.await.unwrap().unwrap();
}

/// Locks the settings, says so, and waits to be told to end.
struct Hold(Mutex<Option<(oneshot::Sender<()>, oneshot::Receiver<()>)>>);

impl Work for Hold {
    type Output = ();

    async fn run(&self, tx: &Tx) -> Result<(), Failure> {
        tx.batch("LOCK TABLE setting IN ACCESS EXCLUSIVE MODE").await?;
        let (locked, over) = self.0.lock().take().unwrap();
        locked.send(()).unwrap();
        over.await.unwrap();
        Ok(())
    }
}

/// All processes of a server, stopped until this is dropped.
struct Still(Vec<String>);

impl Still {
    fn new(server: &PostgresServer) -> Self {
        let pids = "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()";
        let mut pids: Vec<_> = server.sql("postgres", pids).lines().map(str::to_owned).collect();
        let file = std::fs::read_to_string(server.directory().join("data/postmaster.pid"));
        pids.extend(file.unwrap().lines().next().map(str::to_owned));
        signal("-STOP", &pids);
        Self(pids)
    }
}

impl Drop for Still {
    fn drop(&mut self) {
        signal("-CONT", &self.0);
    }
}

fn signal(signal: &str, pids: &[String]) {
    let done = std::process::Command::new("kill").arg(signal).args(pids).status().unwrap();
    assert!(done.success());
}
