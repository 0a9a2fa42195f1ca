//! What work on the server can end with, and what it means.

use std::error::Error as _;

use deadpool_postgres::PoolError;
use store::{Refusal, StoreError, WriteError};
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, Severity, SqlState};

/// Why work did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server said so, or went away in the middle.
    Database(Error),
    /// There was no connection to work on.
    Unreachable(String),
    /// A time limit of ours passed.
    Slow(String),
    /// Another write came between; run again.
    Race(&'static str),
    /// The answer to the commit was lost: it may have happened.
    Unknown(String),
    /// The rule said no.
    Refused(Refusal),
    /// A row holds what this program never writes.
    Damaged(String),
    /// Anything else: a plan that cannot be applied, wrong credentials.
    Failed(String),
}

/// What an error of the server or of the connection calls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Lost,
    Race,
    Busy,
    Full,
    Damaged,
    Failed,
}

impl Failure {
    /// Whether the connection cannot be used any more.
    pub(crate) fn breaks_connection(&self) -> bool {
        match self {
            Self::Database(error) => kind(error) == Kind::Lost,
            Self::Slow(_) | Self::Unknown(_) => true,
            _ => false,
        }
    }

    /// Whether the same work may succeed on a fresh connection.
    pub(crate) fn is_lost(&self) -> bool {
        matches!(self, Self::Database(error) if kind(error) == Kind::Lost)
    }

    /// Whether the same work is to be run again because it met another write.
    pub(crate) fn is_race(&self) -> bool {
        match self {
            Self::Race(_) => true,
            Self::Database(error) => kind(error) == Kind::Race,
            _ => false,
        }
    }

    /// Of a `COMMIT`: only a plain refusal of the server is an end that is
    /// known.
    pub(crate) fn of_commit(error: Error) -> Self {
        let plain = |error: &DbError| error.parsed_severity() == Some(Severity::Error);
        if error.as_db_error().is_some_and(plain) {
            return Self::Database(error);
        }
        Self::Unknown(format!(
            "the answer to a commit was lost, so it is unknown whether it happened: {}",
            text(&error)
        ))
    }

    /// As the error of an operation that has no rule.
    pub(crate) fn into_store(self) -> StoreError {
        match self {
            Self::Database(error) => {
                let text = format!("PostgreSQL: {}", text(&error));
                match kind(&error) {
                    Kind::Lost | Kind::Race | Kind::Busy => StoreError::Busy(text),
                    Kind::Full => StoreError::Full(text),
                    Kind::Damaged => StoreError::Damaged(text),
                    Kind::Failed => StoreError::Failed(text),
                }
            }
            Self::Unreachable(text) | Self::Slow(text) => StoreError::Busy(text),
            Self::Race(what) => StoreError::Busy(format!("PostgreSQL: {what} again and again")),
            Self::Refused(refusal) => {
                StoreError::Failed(format!("a rule refused where none was asked: {refusal:?}"))
            }
            Self::Damaged(text) => StoreError::Damaged(text),
            Self::Unknown(text) | Self::Failed(text) => StoreError::Failed(text),
        }
    }

    /// As the error of a write.
    pub(crate) fn into_write(self) -> WriteError {
        match self {
            Self::Refused(refusal) => WriteError::Refused(refusal),
            other => WriteError::Store(other.into_store()),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Timeout(_) => Self::Unreachable(
                "no connection of the PostgreSQL pool became free or could be made in time".into(),
            ),
            PoolError::Backend(error) if is_refusal(&error) => {
                Self::Failed(format!("PostgreSQL does not let us in: {}", text(&error)))
            }
            PoolError::Backend(error) => {
                Self::Unreachable(format!("PostgreSQL is out of reach: {}", text(&error)))
            }
            PoolError::Closed => Self::Unreachable("the metadata store is closed".into()),
            other => Self::Failed(format!("the PostgreSQL pool: {other}")),
        }
    }
}

/// Whether a connection was not made for a reason that stays.
fn is_refusal(error: &Error) -> bool {
    if let Some(error) = error.as_db_error() {
        return !matches!(error.code().code().get(..2), Some("08" | "53" | "57" | "58" | "55"));
    }
    match error.source().map(|source| source.downcast_ref::<std::io::Error>()) {
        Some(Some(error)) => {
            error.get_ref().is_some_and(|inner| inner.downcast_ref::<rustls::Error>().is_some())
        }
        // Neither the server nor the network: credentials or TLS do not fit.
        Some(None) => !error.is_closed(),
        None => false,
    }
}

fn kind(error: &Error) -> Kind {
    let Some(error) = error.as_db_error() else {
        let source = error.source();
        let network = source.is_none_or(|source| source.is::<std::io::Error>());
        return if network || error.is_closed() { Kind::Lost } else { Kind::Damaged };
    };
    // What a proxy says that will never carry a transaction.
    if error.message().contains("statement pooling mode") {
        return Kind::Failed;
    }
    if matches!(error.parsed_severity(), Some(Severity::Fatal | Severity::Panic)) {
        return Kind::Lost;
    }
    let code = error.code();
    if [
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::UNIQUE_VIOLATION,
        SqlState::FOREIGN_KEY_VIOLATION,
        // A statement that travelled beside it has failed, and may be heard of later.
        SqlState::IN_FAILED_SQL_TRANSACTION,
    ]
    .contains(code)
    {
        return Kind::Race;
    }
    match (code.code(), code.code().get(..2)) {
        ("53100", _) => Kind::Full,
        // A standby, a query that took too long, a lock that did not come.
        ("25006" | "57014" | "55P03", _) => Kind::Busy,
        (_, Some("08")) => Kind::Lost,
        (_, Some("53")) => Kind::Busy,
        (_, Some("57")) => Kind::Lost,
        (_, Some("XX")) if code != &SqlState::INTERNAL_ERROR => Kind::Damaged,
        _ => Kind::Failed,
    }
}

/// An error with what lies behind it; the driver alone says too little.
pub(crate) fn text(error: &Error) -> String {
    if let Some(error) = error.as_db_error() {
        let mut text = format!("{} ({})", error.message(), error.code().code());
        if let Some(detail) = error.detail() {
            text = format!("{text}, {detail}");
        }
        if error.code() == &SqlState::INVALID_SQL_STATEMENT_NAME {
            text.push_str(
                "; a proxy that pools transactions needs prepared statements to be switched off",
            );
        }
        return text;
    }
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = error.source();
    }
    text
}
