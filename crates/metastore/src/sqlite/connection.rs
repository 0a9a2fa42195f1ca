//! Connections: where the file lies and how it is opened.

use std::fs::{DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use store::StoreError;

use super::failure::Failure;

/// Name of the file in its directory.
const FILE: &str = "berth.db";
/// How long a connection waits for a lock of another one. Locks collide only
/// while the log is reset or when another program has the file open.
const BUSY: Duration = Duration::from_secs(5);
/// The log is cut back to this many bytes after a checkpoint.
const LOG: i64 = 64 << 20;

/// A store's file and how safely it is written.
#[derive(Debug, Clone)]
pub(crate) struct Location {
    file: PathBuf,
    synchronous_off: bool,
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
        let file = directory.join(FILE);
        let mut create = std::fs::OpenOptions::new();
        create.write(true).create(true).truncate(false).mode(0o600);
        create.open(&file).and_then(|file| file.sync_all()).map_err(failed)?;
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)?;
        Ok(Self { file, synchronous_off })
    }

    /// The level that makes a commit durable.
    pub(crate) fn hard_level(&self) -> &'static str {
        if self.synchronous_off { "OFF" } else { "FULL" }
    }

    /// The level of a commit that a power cut may undo.
    pub(crate) fn soft_level(&self) -> &'static str {
        if self.synchronous_off { "OFF" } else { "NORMAL" }
    }

    /// The one connection that writes.
    pub(crate) fn open_writer(&self) -> Result<Connection, Failure> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.file, flags)?;
        configure(&connection, 4096)?;
        connection.pragma_update(None, "synchronous", self.hard_level())?;
        connection.pragma_update(None, "foreign_keys", true)?;
        write_ahead(&connection)?;
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

/// Some shared mounts cannot map the log's index. There the rollback journal
/// is right but readers wait for the writer.
fn write_ahead(connection: &Connection) -> Result<(), Failure> {
    let set = |mode: &str| -> Result<String, Failure> {
        let read = |row: &rusqlite::Row<'_>| row.get(0);
        Ok(connection.pragma_update_and_check(None, "journal_mode", mode, read)?)
    };
    let mode = match set("WAL") {
        Err(failure) if failure.breaks_connection() => set("DELETE")?,
        mode => mode?,
    };
    if mode != "wal" {
        tracing::warn!(
            mode,
            "the file system of the metadata takes no write-ahead log; reads wait for writes"
        );
    }
    Ok(())
}
