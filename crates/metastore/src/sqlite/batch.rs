//! Group commit: many writes, one transaction, one sync.
//!
//! On a full disk (or lack of memory) SQLite may roll back the whole
//! transaction, savepoints and neighbours included. Then each member is run
//! again alone, so that only those that cannot be written fail.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rusqlite::Connection;

use super::connection::Location;
use super::failure::Failure;
use super::queue::{Strength, Task, Trouble};
use super::writer::Counters;

/// Moves what no reader needs any more into the file; waits for nobody.
const PASSIVE: &str = "PRAGMA wal_checkpoint(PASSIVE)";
/// Moves the log into the file; the log keeps its space for what comes next.
const RESTART: &str = "PRAGMA wal_checkpoint(RESTART)";
/// The same, and gives the space back.
const TRUNCATE: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

type Group = Vec<Box<dyn Task>>;

/// Why a group was not committed.
enum Ending {
    /// Members may succeed alone. `None`: a member's own failure took the
    /// transaction along.
    Lost(Option<Failure>),
    /// No member can.
    Failed(Failure),
    /// The same, and the connection must be opened anew.
    Broken(Failure),
}

/// The writer's connection, opened again after an I/O error.
pub(crate) struct WriteConnection {
    location: Location,
    counters: Arc<Counters>,
    /// `None` after an I/O error until it can be opened again.
    connection: Option<Connection>,
    /// The present `PRAGMA synchronous`.
    level: &'static str,
}

impl WriteConnection {
    pub(crate) fn new(location: Location, connection: Connection, counters: Arc<Counters>) -> Self {
        let level = location.hard_level();
        Self { location, counters, connection: Some(connection), level }
    }

    /// Writes the group and answers every member.
    pub(crate) fn commit(&mut self, group: Group) {
        let Some((group, failure)) = self.commit_or_return(group) else { return };
        // A log that moved into the file is written over from its start:
        // deletions must succeed on a full disk if they can at all.
        let room = self.connection.as_ref().is_some_and(|open| checkpoint(open, RESTART).is_ok());
        if group.len() == 1 && !room {
            return end(group, failure);
        }
        tracing::warn!(
            writes = group.len(),
            "a group of writes was rolled back; each is run alone"
        );
        for task in group {
            if let Some((alone, failure)) = self.commit_or_return(vec![task]) {
                end(alone, failure);
            }
        }
    }

    /// Moves the log into the file while nobody waits, so that the next burst
    /// of writes begins at the start of the log and need not make it longer.
    pub(crate) fn rest(&mut self) {
        if let Some(connection) = &self.connection
            && let Err(failure) = checkpoint(connection, PASSIVE)
        {
            tracing::debug!(error = %failure.to_store(), "the metadata log was not moved into its file; a later write does it");
        }
    }

    /// Moves the log into the file and closes it.
    pub(crate) fn close(mut self) {
        if let Some(connection) = self.connection.take()
            && let Err(failure) = checkpoint(&connection, TRUNCATE)
        {
            tracing::warn!(error = %failure.to_store(), "the metadata log was not moved into its file; the next start does it");
        }
    }

    /// Gives the group back if its members are to be run alone.
    fn commit_or_return(&mut self, mut group: Group) -> Option<(Group, Option<Failure>)> {
        match self.attempt(&mut group) {
            Ok(()) => {
                self.counters.commits.fetch_add(1, Ordering::Relaxed);
                self.counters.writes.fetch_add(group.len() as u64, Ordering::Relaxed);
                group.into_iter().for_each(|task| task.answer());
                None
            }
            Err(Ending::Lost(failure)) => Some((group, failure)),
            Err(Ending::Failed(failure)) => {
                group.into_iter().for_each(|task| task.fail(&failure));
                None
            }
            Err(Ending::Broken(failure)) => {
                tracing::error!(error = %failure.to_store(), "the metadata connection broke and is opened anew");
                self.connection = None;
                group.into_iter().for_each(|task| task.fail(&failure));
                None
            }
        }
    }

    fn attempt(&mut self, group: &mut Group) -> Result<(), Ending> {
        if self.connection.is_none() {
            self.reopen().map_err(Ending::Broken)?;
        }
        let hard = group.iter().any(|task| task.strength() == Strength::Hard);
        let level = if hard { self.location.hard_level() } else { self.location.soft_level() };
        let Some(connection) = self.connection.as_ref() else {
            return Err(Ending::Failed(Failure::Failed("the metadata is not open".into())));
        };
        if level != self.level {
            connection.pragma_update(None, "synchronous", level).map_err(at_begin)?;
            self.level = level;
        }
        run(connection, "BEGIN IMMEDIATE").map_err(at_begin)?;
        let result = members(connection, group).and_then(|()| {
            run(connection, "COMMIT").map_err(|error| after_begin(Failure::Sqlite(error)))
        });
        if result.is_err() && !connection.is_autocommit() {
            run(connection, "ROLLBACK").map_err(|error| Ending::Broken(error.into()))?;
        }
        result
    }

    /// After a failed sync the kernel may have dropped pages of the log that
    /// it still shows to us. Moving the log into the file, with its own sync,
    /// makes sure that nothing later stands on them.
    fn reopen(&mut self) -> Result<(), Failure> {
        let connection = self.location.open_writer()?;
        checkpoint(&connection, RESTART)?;
        self.level = self.location.hard_level();
        self.connection = Some(connection);
        Ok(())
    }
}

/// Tells members that were lost alone: their own failure, or that of the commit.
fn end(group: Group, failure: Option<Failure>) {
    group.into_iter().for_each(|task| match &failure {
        Some(failure) => task.fail(failure),
        None => task.answer(),
    });
}

fn members(connection: &Connection, group: &mut Group) -> Result<(), Ending> {
    let sql = |text| run(connection, text).map_err(|error| after_begin(Failure::Sqlite(error)));
    for task in group {
        sql("SAVEPOINT member")?;
        match task.run(connection) {
            Ok(()) => {}
            Err(Trouble::Broken(failure)) => return Err(Ending::Broken(failure)),
            Err(Trouble::Own) if connection.is_autocommit() => {
                return Err(Ending::Lost(None));
            }
            Err(Trouble::Own) => sql("ROLLBACK TO member")?,
        }
        sql("RELEASE member")?;
    }
    Ok(())
}

fn run(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

fn at_begin(error: rusqlite::Error) -> Ending {
    let failure = Failure::Sqlite(error);
    if failure.breaks_connection() { Ending::Broken(failure) } else { Ending::Failed(failure) }
}

fn after_begin(failure: Failure) -> Ending {
    if failure.breaks_connection() { Ending::Broken(failure) } else { Ending::Lost(Some(failure)) }
}

fn checkpoint(connection: &Connection, mode: &str) -> Result<(), Failure> {
    let busy: i64 = connection.query_row(mode, [], |row| row.get(0))?;
    match busy {
        0 => Ok(()),
        _ => Err(Failure::Failed("the metadata log is in use by a reader".into())),
    }
}
