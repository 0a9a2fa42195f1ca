//! `SettingsStore`: keys and values.

use async_trait::async_trait;
use rusqlite::{Connection, params};
use store::{SettingsStore, StoreError};

use super::failure::Failure;
use super::{Sqlite, plain, rows};

pub(crate) const GET: &str = "SELECT value FROM setting WHERE key = ?1";
const SET: &str = "INSERT INTO setting (key, value) VALUES (?1, ?2) \
     ON CONFLICT (key) DO UPDATE SET value = excluded.value";
const INSERT: &str = "INSERT INTO setting (key, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
const PING: &str = "SELECT schema FROM meta";

fn get(connection: &Connection, key: &str) -> Result<Option<Vec<u8>>, Failure> {
    rows::first(connection, GET, [key], |row| Ok(row.get(0)?))
}

#[async_trait]
impl SettingsStore for Sqlite {
    async fn setting(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|connection| get(connection, key))
    }

    async fn set_setting(&self, key: &str, value: Vec<u8>) -> Result<(), StoreError> {
        let key = key.to_owned();
        let work = move |connection: &Connection| {
            rows::change(connection, SET, params![key, value]).map(drop)
        };
        plain(self.write_hard(work).await)
    }

    async fn setting_or_insert(&self, key: &str, value: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        let key = key.to_owned();
        let work = move |connection: &Connection| {
            rows::change(connection, INSERT, params![key, value])?;
            let held = get(connection, &key)?;
            held.ok_or_else(|| Failure::Failed(format!("the setting {key} was not kept")))
        };
        plain(self.write_hard(work).await)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.read(|connection| rows::first(connection, PING, [], |_| Ok(())).map(drop))
    }
}
