//! Who did what: a log that only grows at its end and shrinks at its beginning.
//!
//! Rows are written unchained, so that no row is hot. One leased sealer gives
//! them a sequence and chains them by hash afterwards, in batches.

use std::time::Duration;

use async_trait::async_trait;

use crate::{StoreError, Timestamp};

/// One line of the log, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditNote {
    /// When.
    pub at: Timestamp,
    /// Who: `user:alice`, `robot:ci`, `anonymous`, `operator` for somebody on
    /// the machine itself.
    pub actor: String,
    /// Through what: `password`, `token`, `certificate`, `control-socket`,
    /// `command-line` …
    pub via: String,
    /// From where, if over a network.
    pub address: Option<String>,
    /// What, as `noun.verb`: `user.add`, `manifest.push`, `login`.
    pub action: String,
    /// On what: a repository with tag or digest, a subject.
    pub target: String,
    /// `ok`, `refused` or `failed`.
    pub outcome: String,
    /// Id of the request in the access log.
    pub request: Option<String>,
    /// What else there is to know, as JSON. No secrets.
    pub detail: Option<String>,
    /// How many times: more than one where refusals or logins of a minute were gathered.
    pub count: u64,
}

/// Its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditSeal {
    /// From 1, without gaps.
    pub sequence: u64,
    /// SHA-256 over the hash before and the row.
    pub hash: [u8; 32],
}

/// A line of the log, as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its number, roughly in the order of writing.
    pub id: i64,
    /// The line.
    pub note: AuditNote,
    /// Absent until the sealer came by.
    pub seal: Option<AuditSeal>,
}

/// Which lines are wanted. All that is given must match.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditFilter {
    /// Exactly this actor.
    pub actor: Option<String>,
    /// Exactly this action, or all of a noun: `user` finds `user.add`.
    pub action: Option<String>,
    /// Exactly this target, or all below it, which goes on with `/`, `:` or
    /// `@`: `team/web` finds `team/web:v1` and `team/web/app:v1`.
    pub target: Option<String>,
    /// Exactly this outcome.
    pub outcome: Option<String>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
}

/// Which way to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditOrder {
    /// From the newest, below a number if one is given.
    NewestFirst(Option<i64>),
    /// From the oldest, above a number if one is given.
    OldestFirst(Option<i64>),
}

/// Keeps the log. There is no way to change or remove a single line.
#[async_trait]
pub trait AuditStore: Send + Sync + 'static {
    /// Adds lines, durably but behind nobody: callers gather them in batches.
    async fn append_audit(&self, notes: Vec<AuditNote>) -> Result<(), StoreError>;

    /// Lines that match, at most `limit`, at most 1,000. Texts of the filter
    /// are compared as they are: `_` and `%` mean themselves.
    async fn audit(
        &self,
        filter: AuditFilter,
        order: AuditOrder,
        limit: usize,
    ) -> Result<Vec<AuditRecord>, StoreError>;

    /// The last seal, and the oldest lines without one that were written at
    /// least `settled` ago by the store's clock (so that no slower transaction
    /// comes in between), at most `limit`.
    async fn unsealed_audit(
        &self,
        settled: Duration,
        limit: usize,
    ) -> Result<(Option<AuditSeal>, Vec<AuditRecord>), StoreError>;

    /// Writes seals, in order, if the last seal is still `after`; `false` if
    /// somebody else sealed meanwhile.
    async fn seal_audit(
        &self,
        after: Option<AuditSeal>,
        seals: Vec<(i64, AuditSeal)>,
    ) -> Result<bool, StoreError>;

    /// Removes up to `limit` of the oldest sealed lines that are from before
    /// `before`, or that exceed the newest `keep` lines, those without a seal
    /// among them; how many. It stops at the first line that must stay, so
    /// that the chain gets no hole. The last seal always stays, and so does with
    /// `up_to` every line with a higher number.
    async fn prune_audit(
        &self,
        before: Option<Timestamp>,
        keep: Option<u64>,
        up_to: Option<i64>,
        limit: usize,
    ) -> Result<usize, StoreError>;
}
