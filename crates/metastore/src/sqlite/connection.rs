//! Connections: where the file lies and how it is opened.

use std::fs::{DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use store::StoreError;

use super::failure::Failure;
use super::file_system;

/// Name of the file in its directory.
const FILE: &str = "berth.db";
/// How long a connection waits for a lock of another one. Locks collide only
/// while the log is reset or when another program has the file open.
const BUSY: Duration = Duration::from_secs(5);
/// A log of this many pages is moved into the file in the middle of writes.
const LOG_PAGES: i64 = 4096;
/// The log is cut back to this many bytes after a checkpoint.
const LOG: i64 = 64 << 20;

/// A store's file and how safely it is written.
#[derive(Debug, Clone)]
pub(crate) struct Location {
    file: PathBuf,
    synchronous_off: bool,
    /// Whether the file system takes a write-ahead log.
    write_ahead: bool,
}

impl Location {
    /// Makes the directory and an empty file if they are missing, for this
    /// user only: the file holds secrets.
    pub(crate) fn prepare(directory: &Path, synchronous_off: bool) -> Result<Self, StoreError> {
        let failed = |error| StoreError::io(format!("opening {}", directory.display()), &error);
        if !directory.is_dir() {
            DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
            if let Some(parent) = directory.parent().filter(|parent| parent.is_dir()) {
                File::open(parent).and_then(|parent| parent.sync_all()).map_err(failed)?;
            }
        }
        file_system::check(directory)?;
        let file = directory.join(FILE);
        let mut create = std::fs::OpenOptions::new();
        create.write(true).create(true).truncate(false).mode(0o600);
        create.open(&file).and_then(|file| file.sync_all()).map_err(failed)?;
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)?;
        let mut location = Self { file, synchronous_off, write_ahead: true };
        location.write_ahead = location.takes_write_ahead_log().map_err(Failure::into_store)?;
        Ok(location)
    }

    /// Tries a transaction with a write-ahead log. Some shared mounts cannot
    /// map its index; there a rollback journal is right, but readers wait for
    /// the writer.
    fn takes_write_ahead_log(&self) -> Result<bool, Failure> {
        let tried = self
            .open_writer()
            .and_then(|connection| Ok(connection.execute_batch("BEGIN IMMEDIATE; COMMIT")?));
        match tried {
            Ok(()) => Ok(true),
            Err(failure) if failure.breaks_connection() && !failure.is_no_database() => {
                tracing::warn!(
                    error = %failure.to_store(),
                    file = %self.file.display(),
                    "the file system of the metadata takes no write-ahead log; reads wait for \
                     writes. A local disk or a block volume for this directory is faster"
                );
                Ok(false)
            }
            Err(failure) => Err(failure),
        }
    }

    /// The level that makes a commit durable.
    pub(crate) fn hard_level(&self) -> &'static str {
        if self.synchronous_off { "OFF" } else { "FULL" }
    }

    /// The level of a commit that a power cut may undo. A rollback journal
    /// that is not synced could damage the file.
    pub(crate) fn soft_level(&self) -> &'static str {
        match (self.synchronous_off, self.write_ahead) {
            (true, _) => "OFF",
            (false, true) => "NORMAL",
            (false, false) => "FULL",
        }
    }

    /// The one connection that writes.
    pub(crate) fn open_writer(&self) -> Result<Connection, Failure> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.file, flags)?;
        if !self.write_ahead {
            // A file that had a log elsewhere is opened without the log's
            // index, which needs the file for this connection alone.
            connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        }
        configure(&connection, 4096)?;
        connection.pragma_update(None, "synchronous", self.hard_level())?;
        connection.pragma_update(None, "foreign_keys", true)?;
        journal(&connection, self.write_ahead)?;
        connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
        connection.pragma_update(None, "journal_size_limit", LOG)?;
        Ok(connection)
    }

    /// A connection that cannot write. It maps nothing of the file: a disk
    /// error under a mapping would end the process instead of one read.
    pub(crate) fn open_reader(&self) -> Result<Connection, Failure> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.file, flags)?;
        configure(&connection, 2048)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    }
}

fn configure(connection: &Connection, cache_kib: i64) -> Result<(), Failure> {
    connection.busy_timeout(BUSY)?;
    // Without this each use of a cached statement plans its joins anew.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_prepared_statement_cache_capacity(128);
    connection.pragma_update(None, "cache_size", -cache_kib)?;
    Ok(())
}

fn journal(connection: &Connection, write_ahead: bool) -> Result<(), Failure> {
    if write_ahead {
        return set_journal(connection, "WAL");
    }
    // Cut instead of removed: a removal would need a sync of the directory.
    set_journal(connection, "TRUNCATE")?;
    connection.pragma_update(None, "locking_mode", "NORMAL")?;
    // The lock is given back by the next look into the file.
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(())
}

fn set_journal(connection: &Connection, mode: &str) -> Result<(), Failure> {
    let read = |row: &rusqlite::Row<'_>| row.get(0);
    let got: String = connection.pragma_update_and_check(None, "journal_mode", mode, read)?;
    if got.eq_ignore_ascii_case(mode) {
        return Ok(());
    }
    Err(Failure::Failed(format!("the metadata keeps its journal as {got}, not as {mode}")))
}
