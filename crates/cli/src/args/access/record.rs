//! The record of who did what.

use std::time::Duration;

use clap::{Args, Subcommand};
use registry::accounts::Moment;

use super::At;
use crate::config::duration;

/// `berth audit`.
#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[command(subcommand)]
    pub(crate) verb: Option<AuditVerb>,
    #[command(flatten)]
    pub(crate) filter: AuditFilter,
    /// The newest so many lines.
    #[arg(long, value_name = "COUNT", default_value_t = 50, conflicts_with = "all")]
    pub(crate) tail: usize,
    /// Every line, the oldest first: to keep the record elsewhere.
    #[arg(long)]
    pub(crate) all: bool,
    /// Go on with new lines as they come.
    #[arg(long)]
    pub(crate) follow: bool,
    /// One JSON object per line.
    #[arg(long, conflicts_with = "json")]
    pub(crate) json_lines: bool,
    #[command(flatten)]
    pub(crate) at: At,
}

/// What else to do with the record.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum AuditVerb {
    /// Check that no line was changed, taken out or put in since it was sealed.
    Verify,
}

/// Which lines; all that is given must match.
#[derive(Debug, Clone, Args)]
pub(crate) struct AuditFilter {
    /// Who: user:alice, robot:ci, operator.
    #[arg(long, value_name = "SUBJECT")]
    pub(crate) actor: Option<String>,
    /// What: user.add, or user for all about users.
    #[arg(long)]
    pub(crate) action: Option<String>,
    /// On what: team/web finds also what is below it.
    #[arg(long)]
    pub(crate) target: Option<String>,
    /// How it ended.
    #[arg(long, value_parser = ["ok", "refused", "failed"])]
    pub(crate) outcome: Option<String>,
    /// Not before: 2026-01-31T12:00:00Z, or such a time ago: 2h, 7d.
    #[arg(long, value_name = "WHEN", value_parser = when)]
    pub(crate) since: Option<When>,
    /// Before: 2026-01-31T12:00:00Z, or such a time ago: 2h, 7d.
    #[arg(long, value_name = "WHEN", value_parser = when)]
    pub(crate) until: Option<When>,
}

/// A moment, or so long ago.
#[derive(Debug, Clone, Copy)]
pub(crate) enum When {
    /// Then.
    At(Moment),
    /// Before now.
    Ago(Duration),
}

fn when(text: &str) -> Result<When, String> {
    match duration::parse_long(text) {
        Some(ago) => Ok(When::Ago(ago)),
        None => text.parse().map(When::At),
    }
}
