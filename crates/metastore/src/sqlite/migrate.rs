//! Numbered, forward-only changes of the schema, applied at open.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::failure::Failure;

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
        sql: include_str!("../migrations/sqlite/0001_initial.sql"),
    },
    Migration {
        number: 2,
        min_binary: 1,
        sql: include_str!("../migrations/sqlite/0002_pulls.sql"),
    },
    Migration {
        number: 3,
        min_binary: 1,
        sql: include_str!("../migrations/sqlite/0003_uploads.sql"),
    },
    Migration {
        number: 4,
        min_binary: 1,
        sql: include_str!("../migrations/sqlite/0004_replicas.sql"),
    },
    Migration {
        number: 5,
        min_binary: 1,
        sql: include_str!("../migrations/sqlite/0005_access.sql"),
    },
    Migration {
        number: 6,
        min_binary: 1,
        sql: include_str!("../migrations/sqlite/0006_emptied.sql"),
    },
];

/// The newest migration that this program knows.
fn newest() -> i64 {
    MIGRATIONS.last().map_or(0, |migration| migration.number)
}

/// Brings the file up to date in one exclusive transaction.
pub(crate) fn run(connection: &mut Connection) -> Result<(), Failure> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    let (schema, min_binary) = stamp(&transaction)?;
    if min_binary > newest() {
        return Err(Failure::Failed(format!(
            "the metadata was written by a newer version: it needs a program that knows schema \
             {min_binary}, this one knows {}; start the newer version again",
            newest()
        )));
    }
    for migration in MIGRATIONS.iter().filter(|migration| migration.number > schema) {
        transaction.execute_batch(migration.sql)?;
        transaction.execute(
            "UPDATE meta SET schema = ?1, min_binary = max(min_binary, ?2)",
            [migration.number, migration.min_binary],
        )?;
    }
    Ok(transaction.commit()?)
}

/// `(schema, min_binary)` of the file; zeros for an empty one.
fn stamp(connection: &Connection) -> Result<(i64, i64), Failure> {
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 {
        return Ok((0, 0));
    }
    connection
        .query_row("SELECT schema, min_binary FROM meta", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
        .ok()
        .flatten()
        .ok_or_else(|| {
            Failure::Damaged("the file is a database, but holds no registry metadata".into())
        })
}
