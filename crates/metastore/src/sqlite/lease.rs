//! `LeaseStore`: rows that run out by the clock that SQLite reads.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, params};
use store::{Lease, LeaseStore, StoreError, Timestamp};

use super::failure::Failure;
use super::{Sqlite, rows};

/// The present moment in milliseconds.
macro_rules! now {
    () => {
        "CAST(unixepoch('subsec') * 1000 AS INTEGER)"
    };
}
pub(crate) use now;

const TAKE: &str = concat!(
    "INSERT INTO lease (name, holder, until) VALUES (?1, ?2, ",
    now!(),
    " + ?3) ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until \
     WHERE lease.holder = excluded.holder OR lease.until <= ",
    now!()
);
pub(crate) const RELEASE: &str = "DELETE FROM lease WHERE name = ?1 AND holder = ?2";
const NOW: &str = concat!("SELECT ", now!());

#[async_trait]
impl LeaseStore for Sqlite {
    async fn take_lease(&self, lease: Lease, term: Duration) -> Result<bool, StoreError> {
        let term = i64::try_from(term.as_millis()).unwrap_or(i64::MAX / 2);
        self.write_soft(move |connection| {
            Ok(rows::change(connection, TAKE, params![lease.name, lease.holder, term])? > 0)
        })
        .await
    }

    async fn release_lease(&self, lease: Lease) -> Result<(), StoreError> {
        self.write_soft(move |connection| {
            rows::change(connection, RELEASE, [&lease.name, &lease.holder]).map(drop)
        })
        .await
    }

    async fn store_time(&self) -> Result<Timestamp, StoreError> {
        let now = |connection: &Connection| {
            rows::first(connection, NOW, [], |row| rows::time(row, 0))?
                .ok_or_else(|| Failure::Failed("SQLite told no time".into()))
        };
        self.read(now)
    }
}
