//! Whether a proxy in between hands our connections to whichever server
//! process is free.
//!
//! Behind such a proxy a statement that one connection has prepared is unknown,
//! or another one, to the process that runs it next, and settings of a session
//! become somebody else's. So a store that stands on both does not open there.

use std::sync::Arc;

use super::args::args;
use super::connect;
use super::failure::Failure;
use super::limits;
use super::options::PostgresOptions;
use super::pool::Shared;
use super::rows;
use super::session::{Session, within};

const PROCESS: &str = "SELECT pg_backend_pid()::bigint";
/// How often to look. A proxy gives away the process that was used last, or
/// the next in turn: alone there, one look is enough.
const LOOKS: usize = 5;

/// Refuses a proxy that pools transactions.
///
/// # Errors
/// [`Failure::Failed`] with the way out; others if the server is not there.
pub(crate) async fn refuse(options: &PostgresOptions) -> Result<(), Failure> {
    // It takes two to see it.
    if options.max_connections < 2 {
        return Ok(());
    }
    // Nothing is prepared and nothing set on connections that may be others'.
    let options = PostgresOptions { prepared: false, max_connections: 2, ..options.clone() };
    let pool = connect::pool(&options).map_err(|error| Failure::Failed(error.to_string()))?;
    let shared = Shared::new(pool, options.prepared, Arc::clone(&options.random));
    let (one, other) = (shared.session().await?, shared.session().await?);
    for _ in 0..LOOKS {
        if within(limits::WAIT, share(&one, &other)).await? {
            return Err(Failure::Failed(
                "a proxy that pools transactions stands before PostgreSQL (PgBouncer with \
                 pool_mode=transaction, for one), and prepared statements get lost there; set \
                 berth.metadata.prepared_statements: false, or name the server itself"
                    .into(),
            ));
        }
    }
    Ok(())
}

/// Whether two connections were seen to have the same process, or one of them
/// two.
async fn share(one: &Session, other: &Session) -> Result<bool, Failure> {
    let before = process(one).await?;
    other.batch("BEGIN READ ONLY").await?;
    // One that waits for the other's process would wait for ever.
    let shared = process(other).await? == before || process(one).await? != before;
    other.batch("COMMIT").await?;
    Ok(shared)
}

async fn process(session: &Session) -> Result<i64, Failure> {
    let rows = session.rows(PROCESS, args![]).await?;
    let row = rows.first().ok_or_else(|| Failure::Failed("PostgreSQL has no process".into()))?;
    rows::get(row, 0)
}
