//! What a piece of work in a transaction can end with, and what it means.

use rusqlite::ErrorCode;
use store::{Refusal, StoreError, WriteError};

/// Why work did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// SQLite said so.
    Sqlite(rusqlite::Error),
    /// The rule said no.
    Refused(Refusal),
    /// A row holds what this program never writes.
    Damaged(String),
    /// Anything else: a plan that cannot be applied, a panic.
    Failed(String),
}

impl Failure {
    /// Whether the connection cannot be trusted any more: the state of the
    /// files is unknown after an I/O or sync error.
    pub(crate) fn breaks_connection(&self) -> bool {
        matches!(
            self.code(),
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::NotADatabase)
        )
    }

    /// Whether the file is something else.
    pub(crate) fn is_no_database(&self) -> bool {
        self.code() == Some(ErrorCode::NotADatabase)
    }

    fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Sqlite(error) => error.sqlite_error_code(),
            _ => None,
        }
    }

    /// As the error of an operation that has no rule.
    pub(crate) fn into_store(self) -> StoreError {
        self.to_store()
    }

    /// The same for several members of one failed group.
    pub(crate) fn to_store(&self) -> StoreError {
        let text = match self {
            Self::Sqlite(error) => format!("metadata: {error}"),
            Self::Refused(refusal) => format!("a rule refused where none was asked: {refusal:?}"),
            Self::Damaged(text) => return StoreError::Damaged(text.clone()),
            Self::Failed(text) => text.clone(),
        };
        match self.code() {
            Some(ErrorCode::DiskFull) => StoreError::Full(text),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy(text),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Damaged(text),
            _ => StoreError::Failed(text),
        }
    }

    /// As the error of a write.
    pub(crate) fn into_write(self) -> WriteError {
        match self {
            Self::Refused(refusal) => WriteError::Refused(refusal),
            other => WriteError::Store(other.to_store()),
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<rusqlite::types::FromSqlError> for Failure {
    fn from(error: rusqlite::types::FromSqlError) -> Self {
        Self::Damaged(format!("a column of the metadata has the wrong type: {error}"))
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
