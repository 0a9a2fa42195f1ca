//! How long anything may take, told to the server and kept here as well.

use std::time::Duration;

use super::transaction::Strength;

/// How long the server works on one statement.
const STATEMENT: Duration = Duration::from_secs(8);
/// How long it waits for a row that another transaction holds.
const LOCK: Duration = Duration::from_secs(5);
/// How long it keeps a transaction that says nothing.
const SILENCE: Duration = Duration::from_secs(10);
/// How long a query may look at rows for a collector.
const SLOW: Duration = Duration::from_secs(300);

/// How long to wait for the server, however busy it is.
pub(crate) const WAIT: Duration = Duration::from_secs(10);
/// The same for a collector's query.
pub(crate) const SLOW_WAIT: Duration = Duration::from_secs(310);
/// How long to wait for a free connection, or for a new one.
pub(crate) const CONNECT: Duration = Duration::from_secs(5);
/// How long closing waits for work that goes on.
pub(crate) const CLOSE: Duration = Duration::from_secs(10);

/// Set once for a connection that nobody else uses. A server whose commits
/// are soft by default is told better.
pub(crate) fn of_session() -> String {
    format!("{}; SET jit = off; {}", times("SET"), hard("false"))
}

/// How a transaction begins. A connection through a proxy has no settings of
/// its own, so each transaction brings them.
pub(crate) fn begin(strength: Strength, own_session: bool) -> String {
    let mut begin = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE".to_owned();
    if !own_session {
        begin = format!("{begin}; {}", times("SET LOCAL"));
    }
    match strength {
        Strength::Soft => format!("{begin}; SET LOCAL synchronous_commit = off"),
        Strength::Hard if !own_session => format!("{begin}; {}", hard("true")),
        Strength::Hard => begin,
    }
}

/// How a transaction for one long query begins.
pub(crate) fn begin_slowly() -> String {
    format!("BEGIN READ ONLY; SET LOCAL statement_timeout = {}", SLOW.as_millis())
}

/// How a transaction that changes tables begins: others may work, so it waits.
pub(crate) fn begin_migration() -> String {
    "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; \
     SET LOCAL idle_in_transaction_session_timeout = 0"
        .to_owned()
}

fn times(set: &str) -> String {
    format!(
        "{set} statement_timeout = {}; {set} lock_timeout = {}; \
         {set} idle_in_transaction_session_timeout = {}",
        STATEMENT.as_millis(),
        LOCK.as_millis(),
        SILENCE.as_millis()
    )
}

fn hard(local: &str) -> String {
    format!(
        "SELECT set_config('synchronous_commit', 'on', {local}) \
         WHERE current_setting('synchronous_commit') = 'off'"
    )
}
