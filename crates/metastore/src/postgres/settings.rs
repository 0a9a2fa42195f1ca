//! `SettingsStore`: keys and values.

use async_trait::async_trait;
use store::{SettingsStore, StoreError};
use tokio_postgres::Row;

use super::args::args;
use super::failure::Failure;
use super::transaction::{Tx, Work};
use super::{Postgres, plain, rows};

pub(crate) const GET: &str = "SELECT value FROM setting WHERE key = $1";
const SET: &str = "INSERT INTO setting (key, value) VALUES ($1, $2) \
     ON CONFLICT (key) DO UPDATE SET value = excluded.value";
const INSERT: &str = "INSERT INTO setting (key, value) VALUES ($1, $2) ON CONFLICT DO NOTHING";
const PING: &str = "SELECT schema FROM meta";

fn value(row: &Row) -> Result<Vec<u8>, Failure> {
    rows::get(row, 0)
}

struct Set {
    key: String,
    value: Vec<u8>,
}

impl Work for Set {
    type Output = ();

    async fn run(&self, tx: &Tx) -> Result<(), Failure> {
        tx.change(SET, args![&self.key, &self.value]).await.map(drop)
    }
}

struct GetOrInsert(Set);

impl Work for GetOrInsert {
    type Output = Vec<u8>;

    async fn run(&self, tx: &Tx) -> Result<Vec<u8>, Failure> {
        let Self(Set { key, value: new }) = self;
        tx.change(INSERT, args![key, new]).await?;
        let held = tx.first(GET, args![key], value).await?;
        held.ok_or_else(|| Failure::Failed(format!("the setting {key} was not kept")))
    }
}

#[async_trait]
impl SettingsStore for Postgres {
    async fn setting(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.first(GET, args![key], value).await
    }

    async fn set_setting(&self, key: &str, value: Vec<u8>) -> Result<(), StoreError> {
        plain(self.write_hard(Set { key: key.to_owned(), value }).await)
    }

    async fn setting_or_insert(&self, key: &str, value: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        plain(self.write_hard(GetOrInsert(Set { key: key.to_owned(), value })).await)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.first(PING, args![], |_| Ok(())).await.map(drop)
    }
}
