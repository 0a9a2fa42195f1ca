//! Numbered, forward-only changes of the tables, applied at open.
//!
//! Each is one transaction under a lock that goes with it, so that replicas
//! may start together, also through a proxy that pools transactions.

use super::args::args;
use super::failure::Failure;
use super::pool::Shared;
use super::rows;
use super::transaction::Tx;

/// A step of the schema.
struct Migration {
    /// Counts from 1 without gaps.
    number: i64,
    /// The oldest program, by its newest migration, that can work on the result.
    min_binary: i64,
    sql: &'static str,
}

const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 1,
        min_binary: 1,
        sql: include_str!("../migrations/postgres/0001_initial.sql"),
    },
    Migration {
        number: 2,
        min_binary: 1,
        sql: include_str!("../migrations/postgres/0002_access.sql"),
    },
    Migration {
        number: 3,
        min_binary: 1,
        sql: include_str!("../migrations/postgres/0003_emptied.sql"),
    },
];

const ENCODING: &str = "SELECT current_setting('server_encoding'), \
     current_setting('server_version_num')::bigint, current_setting('server_version'), \
     pg_is_in_recovery()::text";
/// `berth` in ASCII: whoever changes our tables in this database holds it.
const LOCK: &str = "SELECT pg_advisory_xact_lock(422844362856)";
// The catalog as a table: `to_regclass` may answer from before the lock was had.
const TABLES: &str = "SELECT coalesce(bool_or(c.relname = 'meta'), false)::text, \
     coalesce(bool_or(c.relname IN ('repository', 'blob')), false)::text \
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     WHERE n.nspname = ANY (current_schemas(false)) \
     AND c.relname IN ('meta', 'repository', 'blob')";
const STAMP: &str = "SELECT schema, min_binary FROM meta WHERE id = 1";
const UPDATE: &str = "UPDATE meta SET schema = $1, min_binary = greatest(min_binary, $2)";

/// The oldest server that is taken, as the server says it.
const OLDEST: i64 = 130_000;

/// The newest migration that this program knows.
pub(crate) fn newest() -> i64 {
    MIGRATIONS.last().map_or(0, |migration| migration.number)
}

/// Looks at the server, then brings the tables up to date.
pub(crate) async fn run(shared: &Shared) -> Result<(), Failure> {
    let mut tx = shared.migration().await?;
    check_server(&tx).await?;
    let mut schema = stamp(&tx).await?;
    tx.commit().await?;
    while schema < newest() {
        let mut tx = shared.migration().await?;
        schema = step(&tx).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// The server's version and the schema of the tables; changes nothing.
pub(crate) async fn look(shared: &Shared) -> Result<(String, i64), Failure> {
    let mut tx = shared.migration().await?;
    let version = check_server(&tx).await?;
    let schema = stamp(&tx).await?;
    tx.commit().await?;
    Ok((version, schema))
}

/// Applies the next migration, if one is still missing; the schema after it.
async fn step(tx: &Tx) -> Result<i64, Failure> {
    tx.list(LOCK, args![], |_| Ok(())).await?;
    let schema = stamp(tx).await?;
    let Some(next) = MIGRATIONS.iter().find(|migration| migration.number > schema) else {
        return Ok(schema);
    };
    tx.batch(next.sql).await?;
    tx.change(UPDATE, args![next.number, next.min_binary]).await?;
    tracing::info!(schema = next.number, "the metadata tables were brought up to date");
    Ok(next.number)
}

/// The schema of the tables; zero if there are none.
async fn stamp(tx: &Tx) -> Result<i64, Failure> {
    let flags = |row: &tokio_postgres::Row| {
        Ok((rows::get::<&str>(row, 0)? == "true", rows::get::<&str>(row, 1)? == "true"))
    };
    let damaged = || {
        Failure::Damaged(
            "the database holds tables, but no registry metadata; give Berth a database of its own"
                .into(),
        )
    };
    let (meta, others) = tx.first(TABLES, args![], flags).await?.unwrap_or_default();
    if !meta {
        return if others { Err(damaged()) } else { Ok(0) };
    }
    let read = |row: &tokio_postgres::Row| Ok((rows::get(row, 0)?, rows::get(row, 1)?));
    let (schema, min_binary): (i64, i64) =
        tx.first(STAMP, args![], read).await?.ok_or_else(damaged)?;
    if min_binary > newest() {
        return Err(Failure::Failed(format!(
            "the metadata was written by a newer version: it needs a program that knows schema \
             {min_binary}, this one knows {}; start the newer version again",
            newest()
        )));
    }
    Ok(schema)
}

/// Refuses servers that will not do; the version of one that does.
async fn check_server(tx: &Tx) -> Result<String, Failure> {
    let facts = tx.first(ENCODING, args![], |row| {
        let encoding: String = rows::get(row, 0)?;
        let version: String = rows::get(row, 2)?;
        let standby: String = rows::get(row, 3)?;
        Ok((encoding, rows::get::<i64>(row, 1)?, version, standby == "true"))
    });
    let Some((encoding, number, version, standby)) = facts.await? else {
        return Err(Failure::Failed("PostgreSQL does not say what it is".into()));
    };
    if number < OLDEST {
        return Err(Failure::Failed(format!(
            "the server is PostgreSQL {version}; version 13 or newer is needed"
        )));
    }
    if encoding != "UTF8" {
        return Err(Failure::Failed(format!(
            "the database is encoded as {encoding}; make one with ENCODING 'UTF8'"
        )));
    }
    if standby {
        return Err(Failure::Unreachable(
            "the server is a standby that takes no writes; name the primary, or several hosts"
                .into(),
        ));
    }
    Ok(version)
}
