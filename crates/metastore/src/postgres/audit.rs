//! `AuditStore`: the log, in the order of its rows.

use std::time::Duration;

use async_trait::async_trait;
use store::{
    AuditFilter, AuditNote, AuditOrder, AuditRecord, AuditSeal, AuditStore, StoreError, Timestamp,
};
use tokio_postgres::Row;

use super::args::{Arg, arg, args};
use super::failure::Failure;
use super::lease::now;
use super::transaction::{Tx, Work};
use super::{Postgres, plain, rows};
use crate::access::{PAGE, STEP};
use crate::audit_prune::{Sealed, count};
use crate::audit_query::{AuditQuery, Dialect, Parameter};

const APPEND: &str = concat!(
    "INSERT INTO audit (at, written, actor, via, address, action, target, outcome, request, \
     detail, count) SELECT n.at, ",
    now!(),
    ", n.actor, n.via, n.address, n.action, n.target, n.outcome, n.request, n.detail, n.count \
     FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], \
         $7::text[], $8::text[], $9::text[], $10::bigint[]) WITH ORDINALITY \
         AS n (at, actor, via, address, action, target, outcome, request, detail, count, place) \
     ORDER BY n.place"
);
pub(crate) const LAST: &str = "SELECT sequence, hash FROM audit WHERE sequence IS NOT NULL \
     ORDER BY sequence DESC LIMIT 1";
pub(crate) const FIRST: &str = "SELECT sequence, hash FROM audit WHERE sequence IS NOT NULL \
     ORDER BY sequence LIMIT 1";
pub(crate) const UNSEALED: &str = concat!(
    "SELECT id, at, actor, via, address, action, target, outcome, request, detail, count, \
     sequence, hash FROM audit WHERE sequence IS NULL AND written <= ",
    now!(),
    " - $1 ORDER BY id LIMIT $2"
);
/// `berth` in ASCII, and one: whoever seals lines of the log holds it.
const LOCK: &str = "SELECT pg_advisory_xact_lock(422844362857)";
pub(crate) const SEAL: &str = "UPDATE audit a SET sequence = s.sequence, hash = s.hash \
     FROM unnest($1::bigint[], $2::bigint[], $3::bytea[]) AS s (id, sequence, hash) \
     WHERE a.id = s.id AND a.sequence IS NULL";
pub(crate) const FIRST_YOUNG: &str = "SELECT sequence FROM audit \
     WHERE sequence >= $1 AND sequence < $2 AND at >= $3 ORDER BY sequence LIMIT 1";
pub(crate) const FIRST_ABOVE: &str = "SELECT sequence FROM audit \
     WHERE sequence >= $1 AND sequence < $2 AND id > $3 ORDER BY sequence LIMIT 1";
pub(crate) const COUNT_UNSEALED: &str =
    "SELECT count(*) FROM (SELECT 1 FROM audit WHERE sequence IS NULL LIMIT $1) AS unsealed";
pub(crate) const PRUNE: &str = "DELETE FROM audit WHERE sequence >= $1 AND sequence < $2";

/// Writes lines inside of somebody's transaction.
pub(crate) async fn append(tx: &Tx, notes: &[AuditNote]) -> Result<(), Failure> {
    if notes.is_empty() {
        return Ok(());
    }
    tx.change(APPEND, &columns(notes.iter())).await.map(drop)
}

/// What lines say, as arrays, from their times to their counts.
pub(crate) fn columns<'a>(notes: impl Iterator<Item = &'a AuditNote> + Clone) -> Vec<Arg<'static>> {
    let texts = |of: fn(&AuditNote) -> &str| -> Vec<String> {
        notes.clone().map(|note| rows::text(of(note))).collect()
    };
    let options = |of: fn(&AuditNote) -> Option<&str>| -> Vec<Option<String>> {
        notes.clone().map(|note| of(note).map(rows::text)).collect()
    };
    let times: Vec<i64> = notes.clone().map(|note| note.at.millis()).collect();
    let counts: Vec<i64> = notes.clone().map(|note| count(note.count)).collect();
    vec![
        arg(times),
        arg(texts(|note| &note.actor)),
        arg(texts(|note| &note.via)),
        arg(options(|note| note.address.as_deref())),
        arg(texts(|note| &note.action)),
        arg(texts(|note| &note.target)),
        arg(texts(|note| &note.outcome)),
        arg(options(|note| note.request.as_deref())),
        arg(options(|note| note.detail.as_deref())),
        arg(counts),
    ]
}

fn seal(row: &Row, column: usize) -> Result<Option<AuditSeal>, Failure> {
    let Some(hash) = rows::get::<Option<&[u8]>>(row, column + 1)? else { return Ok(None) };
    let hash = hash
        .try_into()
        .map_err(|_| Failure::Damaged("a hash of the log has not 32 bytes".into()))?;
    Ok(Some(AuditSeal { sequence: rows::size(row, column)?, hash }))
}

fn record(row: &Row) -> Result<AuditRecord, Failure> {
    let note = AuditNote {
        at: rows::time(row, 1)?,
        actor: rows::get(row, 2)?,
        via: rows::get(row, 3)?,
        address: rows::get(row, 4)?,
        action: rows::get(row, 5)?,
        target: rows::get(row, 6)?,
        outcome: rows::get(row, 7)?,
        request: rows::get(row, 8)?,
        detail: rows::get(row, 9)?,
        count: rows::size(row, 10)?,
    };
    Ok(AuditRecord { id: rows::get(row, 0)?, note, seal: seal(row, 11)? })
}

fn parameter(parameter: &Parameter) -> Arg<'_> {
    match parameter {
        Parameter::Text(text) => arg(rows::text(text)),
        Parameter::Number(number) => arg(*number),
    }
}

async fn end(tx: &Tx, sql: &str) -> Result<Option<AuditSeal>, Failure> {
    Ok(tx.first(sql, args![], |row| seal(row, 0)).await?.flatten())
}

struct Append(Vec<AuditNote>);

impl Work for Append {
    type Output = ();

    async fn run(&self, tx: &Tx) -> Result<(), Failure> {
        append(tx, &self.0).await
    }
}

/// Writes seals if `after` is still the last one.
struct Seal {
    after: Option<AuditSeal>,
    seals: Vec<(i64, AuditSeal)>,
}

impl Work for Seal {
    type Output = bool;

    async fn run(&self, tx: &Tx) -> Result<bool, Failure> {
        tx.list(LOCK, args![], |_| Ok(())).await?;
        if end(tx, LAST).await? != self.after {
            return Ok(false);
        }
        let ids: Vec<i64> = self.seals.iter().map(|(id, _)| *id).collect();
        let sequences = self.seals.iter().map(|(_, seal)| count(seal.sequence));
        let hashes = self.seals.iter().map(|(_, seal)| seal.hash.to_vec());
        let columns = args![&ids, sequences.collect::<Vec<_>>(), hashes.collect::<Vec<_>>()];
        let sealed = tx.change(SEAL, columns).await?;
        if usize::try_from(sealed) != Ok(ids.len()) {
            return Err(Failure::Failed(format!(
                "of {} lines of the log, {sealed} could be sealed; the others are sealed already",
                ids.len()
            )));
        }
        Ok(true)
    }
}

/// Removes at most `limit` lines; how many.
struct Prune {
    before: Option<Timestamp>,
    keep: Option<u64>,
    up_to: Option<i64>,
    limit: usize,
}

impl Work for Prune {
    type Output = u64;

    async fn run(&self, tx: &Tx) -> Result<u64, Failure> {
        let (Some(first), Some(last)) = (end(tx, FIRST).await?, end(tx, LAST).await?) else {
            return Ok(0);
        };
        let sealed = Sealed { first: count(first.sequence), last: count(last.sequence) };
        let reach = sealed.reach(self.limit);
        let number = |row: &Row| rows::get::<i64>(row, 0);
        let mut end = sealed.first;
        if let Some(before) = self.before {
            let range = args![sealed.first, reach, before.millis()];
            end = tx.first(FIRST_YOUNG, range, number).await?.unwrap_or(reach);
        }
        if let Some(keep) = self.keep.map(count) {
            let unsealed = tx.first(COUNT_UNSEALED, args![keep], number).await?.unwrap_or(0);
            end = end.max(sealed.end_by_count(keep, unsealed));
        }
        let mut end = end.min(reach);
        if let Some(up_to) = self.up_to {
            let first_above =
                tx.first(FIRST_ABOVE, args![sealed.first, end, up_to], number).await?;
            end = first_above.unwrap_or(end);
        }
        tx.change(PRUNE, args![sealed.first, end]).await
    }
}

#[async_trait]
impl AuditStore for Postgres {
    async fn append_audit(&self, notes: Vec<AuditNote>) -> Result<(), StoreError> {
        plain(self.write_hard(Append(notes)).await)
    }

    async fn audit(
        &self,
        filter: AuditFilter,
        order: AuditOrder,
        limit: usize,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let query = AuditQuery::new(Dialect::Postgres, filter, order, limit);
        let parameters: Vec<Arg<'_>> = query.parameters.iter().map(parameter).collect();
        self.list_slowly(&query.sql, &parameters, record).await
    }

    async fn unsealed_audit(
        &self,
        settled: Duration,
        limit: usize,
    ) -> Result<(Option<AuditSeal>, Vec<AuditRecord>), StoreError> {
        let settled = i64::try_from(settled.as_millis()).unwrap_or(i64::MAX / 2);
        // The seal first: if somebody seals in between, it is out of date, and
        // whoever was told of it loses.
        let last = self.first(LAST, args![], |row| seal(row, 0)).await?.flatten();
        let start = args![settled, rows::limit(limit.min(PAGE))];
        Ok((last, self.list(UNSEALED, start, record).await?))
    }

    async fn seal_audit(
        &self,
        after: Option<AuditSeal>,
        seals: Vec<(i64, AuditSeal)>,
    ) -> Result<bool, StoreError> {
        self.write_bulk(Seal { after, seals }).await
    }

    async fn prune_audit(
        &self,
        before: Option<Timestamp>,
        keep: Option<u64>,
        up_to: Option<i64>,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let Some(_passing) = self.hold.pass().await else { return Ok(0) };
        let mut total = 0;
        while total < limit {
            let step = (limit - total).min(STEP);
            let removed = self.write_bulk(Prune { before, keep, up_to, limit: step }).await?;
            let removed = usize::try_from(removed).unwrap_or(usize::MAX);
            total += removed;
            if removed < step {
                break;
            }
        }
        Ok(total)
    }
}
