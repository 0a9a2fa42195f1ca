//! Hearing of changes that another replica made.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use store::{
    AccessChange, AccountId, AccountKind, AccountStore, CredentialId, CredentialKind, NewAccount,
    NewCredential,
};
use tokio_postgres::{AsyncMessage, NoTls};

use super::*;
use crate::MetadataStore;

const LISTENING: &str = "SELECT count(*) FROM pg_stat_activity WHERE query = 'LISTEN berth_access'";
/// Far less than the time after which one is woken anyway.
const SOON: Duration = Duration::from_secs(20);

async fn change(store: &Postgres, team: &str) {
    let steps = vec![AccessChange::AddTeam(team.into())];
    store.change_access(steps, Box::new(|_| Ok(())), vec![], at(1)).await.unwrap();
}

/// Waits until the store listens: it says so by waking everybody.
async fn until_it_listens(store: &Postgres) {
    tokio::time::timeout(SOON, store.access_changed()).await.expect("it listens");
}

/// Whoever waits at `store` while `work` is done is woken soon.
async fn wakes(store: &Postgres, work: impl Future<Output = ()>) {
    let mut waiting = pin!(store.access_changed());
    let begun = waiting.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(begun.is_pending(), "nothing has changed yet");
    work.await;
    tokio::time::timeout(SOON, waiting).await.expect("somebody says that there was a change");
}

/// What replicas are told while `work` is done.
async fn told(url: &str, work: impl Future<Output = ()>) -> Vec<String> {
    let (client, mut connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    let (sender, mut heard) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notification(it) = message {
                sender.send(it.payload().to_owned()).unwrap();
            }
        }
    });
    client.batch_execute("LISTEN berth_access").await.unwrap();
    work.await;
    client.batch_execute("NOTIFY berth_access, 'end'").await.unwrap();
    let mut all = Vec::new();
    loop {
        let next = tokio::time::timeout(SOON, heard.recv()).await.expect("the end is told");
        match next.expect("the connection stays") {
            end if end == "end" => return all,
            version => all.push(version),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn nobody_is_told_of_a_new_token_and_everybody_of_a_revoked_one() {
    let server = PostgresServer::start();
    let url = server.create_database("waking");
    let store = open(&url).await;
    let change = async |step| {
        store.change_access(vec![step], Box::new(|_| Ok(())), vec![], at(1)).await.unwrap().made[0]
    };
    let work = async {
        let (name, source) = ("ann".to_owned(), "local".to_owned());
        let (kind, source_id, secret, expires) = (AccountKind::User, None, None, None);
        let new = NewAccount { kind, name, source, source_id, is_admin: false, secret, expires };
        let account = AccountId(change(AccessChange::AddAccount(new)).await.unwrap());
        for (byte, kind) in [(1, CredentialKind::Refresh), (2, CredentialKind::Personal)] {
            let (hash, label, scopes) = ([byte; 32], "docker".to_owned(), Vec::new());
            let new = NewCredential { account, kind, hash, label, scopes, expires: None };
            let id = CredentialId(change(AccessChange::AddCredential(new)).await.unwrap());
            if byte == 2 {
                let (account, id) = (Some(account), id);
                change(AccessChange::RemoveCredential { account, id }).await;
            }
        }
    };
    assert_eq!(told(&url, work).await, ["1", "2"], "the account, and the token that went");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_change_wakes_other_replicas_over_one_connection() {
    let server = PostgresServer::start();
    let url = server.create_database("waking");
    let (store, other) = (open(&url).await, open(&url).await);
    assert_eq!(server.sql("waking", LISTENING), "0", "nobody has waited yet");
    until_it_listens(&store).await;
    wakes(&store, change(&other, "one")).await;
    assert_eq!(store.access_version().await.unwrap(), 1);
    let many = futures_util::future::join_all((0..5).map(|_| store.access_changed()));
    tokio::time::timeout(SOON, futures_util::future::join(many, change(&other, "two")))
        .await
        .expect("all who wait are woken");
    assert_eq!(server.sql("waking", LISTENING), "1");
    store.close().await;
    let gone = async {
        while server.sql("waking", LISTENING) != "0" {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(SOON, gone).await.expect("a closed store does not listen");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_listener_that_lost_its_connection_makes_another_one() {
    let server = PostgresServer::start();
    let url = server.create_database("waking");
    let (store, other) = (open(&url).await, open(&url).await);
    until_it_listens(&store).await;
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE query = 'LISTEN berth_access'";
    // What changed meanwhile may have been missed, so to be back wakes, too.
    wakes(&store, async { assert_eq!(server.sql("waking", end), "t") }).await;
    wakes(&store, change(&other, "one")).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn behind_a_proxy_only_changes_of_the_process_itself_wake() {
    let server = PostgresServer::start();
    let mut options = PostgresOptions::from_url(&server.url()).unwrap();
    options.prepared = false;
    let store = Postgres::open(options).await.unwrap();
    wakes(&store, change(&store, "one")).await;
    assert_eq!(server.sql("postgres", LISTENING), "0");
}
