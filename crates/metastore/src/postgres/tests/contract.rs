//! The contract of all metadata stores, with and without prepared statements.

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

async fn contract(prepared: bool) {
    let server = PostgresServer::start();
    let count = AtomicU32::new(0);
    crate::conformance::all(async || {
        let name = format!("check{}", count.fetch_add(1, Ordering::Relaxed));
        let mut options = PostgresOptions::from_url(&server.create_database(&name)).unwrap();
        options.prepared = prepared;
        options.max_connections = 2;
        Postgres::open(options).await.unwrap()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn postgres_keeps_the_contract() {
    contract(true).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn postgres_keeps_the_contract_without_prepared_statements() {
    contract(false).await;
}
