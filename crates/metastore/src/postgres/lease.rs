//! `LeaseStore`: rows that run out by the server's clock.

use std::time::Duration;

use async_trait::async_trait;
use store::{Lease, LeaseStore, StoreError, Timestamp};

use super::args::args;
use super::failure::Failure;
use super::transaction::{Tx, Work};
use super::{Postgres, rows};

/// The present moment in milliseconds; it goes on inside of a transaction.
macro_rules! now {
    () => {
        "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
    };
}
pub(crate) use now;

const TAKE: &str = concat!(
    "INSERT INTO lease (name, holder, until) VALUES ($1, $2, ",
    now!(),
    " + $3) ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = ",
    now!(),
    " + $3 WHERE lease.holder = excluded.holder OR lease.until <= ",
    now!()
);
const RELEASE: &str = "DELETE FROM lease WHERE name = $1 AND holder = $2";
const NOW: &str = concat!("SELECT ", now!());

struct Take {
    lease: Lease,
    /// Milliseconds.
    term: i64,
}

impl Work for Take {
    type Output = bool;

    async fn run(&self, tx: &Tx) -> Result<bool, Failure> {
        Ok(tx.change(TAKE, args![&self.lease.name, &self.lease.holder, self.term]).await? > 0)
    }
}

struct Release(Lease);

impl Work for Release {
    type Output = ();

    async fn run(&self, tx: &Tx) -> Result<(), Failure> {
        tx.change(RELEASE, args![&self.0.name, &self.0.holder]).await.map(drop)
    }
}

#[async_trait]
impl LeaseStore for Postgres {
    async fn take_lease(&self, lease: Lease, term: Duration) -> Result<bool, StoreError> {
        let term = i64::try_from(term.as_millis()).unwrap_or(i64::MAX / 2);
        self.write_soft(Take { lease, term }).await
    }

    async fn release_lease(&self, lease: Lease) -> Result<(), StoreError> {
        self.write_soft(Release(lease)).await
    }

    async fn store_time(&self) -> Result<Timestamp, StoreError> {
        self.first(NOW, args![], |row| rows::time(row, 0))
            .await?
            .ok_or_else(|| StoreError::Failed("PostgreSQL told no time".into()))
    }
}
