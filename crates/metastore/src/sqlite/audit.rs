//! `AuditStore`: the log, in the order of its rows.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params, params_from_iter};
use store::{
    AuditFilter, AuditNote, AuditOrder, AuditRecord, AuditSeal, AuditStore, StoreError, Timestamp,
};

use super::failure::Failure;
use super::lease::now;
use super::{Sqlite, plain, rows};
use crate::access::{PAGE, STEP};
use crate::audit_prune::{Sealed, count};
use crate::audit_query::{AuditQuery, Dialect, Parameter};

const APPEND: &str = concat!(
    "INSERT INTO audit (at, written, actor, via, address, action, target, outcome, request, \
     detail, count) VALUES (?1, ",
    now!(),
    ", ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
);
pub(crate) const LAST: &str = "SELECT sequence, hash FROM audit WHERE sequence IS NOT NULL \
     ORDER BY sequence DESC LIMIT 1";
pub(crate) const FIRST: &str = "SELECT sequence, hash FROM audit WHERE sequence IS NOT NULL \
     ORDER BY sequence LIMIT 1";
pub(crate) const UNSEALED: &str = concat!(
    "SELECT id, at, actor, via, address, action, target, outcome, request, detail, count, \
     sequence, hash FROM audit WHERE sequence IS NULL AND written <= ",
    now!(),
    " - ?1 ORDER BY id LIMIT ?2"
);
pub(crate) const SEAL: &str =
    "UPDATE audit SET sequence = ?2, hash = ?3 WHERE id = ?1 AND sequence IS NULL";
/// Never by age: there may be no line that is young enough.
pub(crate) const FIRST_YOUNG: &str = "SELECT sequence FROM audit \
     WHERE sequence >= ?1 AND sequence < ?2 AND +at >= ?3 ORDER BY sequence LIMIT 1";
/// Never by number either: lines of one batch are sealed in their order, but batches overlap.
pub(crate) const FIRST_ABOVE: &str = "SELECT sequence FROM audit \
     WHERE sequence >= ?1 AND sequence < ?2 AND +id > ?3 ORDER BY sequence LIMIT 1";
pub(crate) const COUNT_UNSEALED: &str =
    "SELECT count(*) FROM (SELECT 1 FROM audit WHERE sequence IS NULL LIMIT ?1)";
pub(crate) const PRUNE: &str = "DELETE FROM audit WHERE sequence >= ?1 AND sequence < ?2";

/// Writes lines inside of somebody's transaction.
pub(crate) fn append(connection: &Connection, notes: &[AuditNote]) -> Result<(), Failure> {
    notes.iter().try_for_each(|note| {
        let values = params![
            note.at.millis(),
            note.actor,
            note.via,
            note.address,
            note.action,
            note.target,
            note.outcome,
            note.request,
            note.detail,
            count(note.count),
        ];
        rows::change(connection, APPEND, values).map(drop)
    })
}

fn seal(row: &Row<'_>, column: usize) -> Result<Option<AuditSeal>, Failure> {
    let Some(hash) = row.get_ref(column + 1)?.as_blob_or_null()? else { return Ok(None) };
    let hash = hash
        .try_into()
        .map_err(|_| Failure::Damaged("a hash of the log has not 32 bytes".into()))?;
    Ok(Some(AuditSeal { sequence: rows::size(row, column)?, hash }))
}

fn record(row: &Row<'_>) -> Result<AuditRecord, Failure> {
    let note = AuditNote {
        at: rows::time(row, 1)?,
        actor: row.get(2)?,
        via: row.get(3)?,
        address: row.get(4)?,
        action: row.get(5)?,
        target: row.get(6)?,
        outcome: row.get(7)?,
        request: row.get(8)?,
        detail: row.get(9)?,
        count: rows::size(row, 10)?,
    };
    Ok(AuditRecord { id: row.get(0)?, note, seal: seal(row, 11)? })
}

fn end(connection: &Connection, sql: &str) -> Result<Option<AuditSeal>, Failure> {
    Ok(rows::first(connection, sql, [], |row| seal(row, 0))?.flatten())
}

fn value(parameter: Parameter) -> Value {
    match parameter {
        Parameter::Text(text) => Value::Text(text),
        Parameter::Number(number) => Value::Integer(number),
    }
}

/// Writes seals if `after` is still the last one.
fn write_seals(
    connection: &Connection,
    after: Option<&AuditSeal>,
    seals: &[(i64, AuditSeal)],
) -> Result<bool, Failure> {
    if end(connection, LAST)?.as_ref() != after {
        return Ok(false);
    }
    for (id, seal) in seals {
        let values = params![id, count(seal.sequence), seal.hash.as_slice()];
        if rows::change(connection, SEAL, values)? == 0 {
            return Err(Failure::Failed(format!("line {id} of the log cannot be sealed again")));
        }
    }
    Ok(true)
}

/// Removes at most `limit` lines; how many.
fn prune(
    connection: &Connection,
    before: Option<Timestamp>,
    keep: Option<u64>,
    up_to: Option<i64>,
    limit: usize,
) -> Result<usize, Failure> {
    let (Some(first), Some(last)) = (end(connection, FIRST)?, end(connection, LAST)?) else {
        return Ok(0);
    };
    let sealed = Sealed { first: count(first.sequence), last: count(last.sequence) };
    let reach = sealed.reach(limit);
    let number = |row: &Row<'_>| Ok(row.get::<_, i64>(0)?);
    let mut end = sealed.first;
    if let Some(before) = before {
        let range = [sealed.first, reach, before.millis()];
        end = rows::first(connection, FIRST_YOUNG, range, number)?.unwrap_or(reach);
    }
    if let Some(keep) = keep.map(count) {
        let unsealed = rows::first(connection, COUNT_UNSEALED, [keep], number)?.unwrap_or(0);
        end = end.max(sealed.end_by_count(keep, unsealed));
    }
    let mut end = end.min(reach);
    if let Some(up_to) = up_to {
        let first_above = rows::first(connection, FIRST_ABOVE, [sealed.first, end, up_to], number)?;
        end = first_above.unwrap_or(end);
    }
    rows::change(connection, PRUNE, [sealed.first, end])
}

#[async_trait]
impl AuditStore for Sqlite {
    async fn append_audit(&self, notes: Vec<AuditNote>) -> Result<(), StoreError> {
        plain(self.write_hard(move |connection| append(connection, &notes)).await)
    }

    async fn audit(
        &self,
        filter: AuditFilter,
        order: AuditOrder,
        limit: usize,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let query = AuditQuery::new(Dialect::Sqlite, filter, order, limit);
        self.read_slowly(move |connection| {
            let parameters = params_from_iter(query.parameters.into_iter().map(value));
            rows::list(connection, &query.sql, parameters, record)
        })
        .await
    }

    async fn unsealed_audit(
        &self,
        settled: Duration,
        limit: usize,
    ) -> Result<(Option<AuditSeal>, Vec<AuditRecord>), StoreError> {
        let settled = i64::try_from(settled.as_millis()).unwrap_or(i64::MAX / 2);
        let start = [settled, rows::limit(limit.min(PAGE))];
        // The seal first: if somebody seals in between, it is out of date, and
        // whoever was told of it loses.
        self.read(|connection| {
            Ok((end(connection, LAST)?, rows::list(connection, UNSEALED, start, record)?))
        })
    }

    async fn seal_audit(
        &self,
        after: Option<AuditSeal>,
        seals: Vec<(i64, AuditSeal)>,
    ) -> Result<bool, StoreError> {
        self.write_bulk(move |connection| write_seals(connection, after.as_ref(), &seals)).await
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
            let removed = self
                .write_bulk(move |connection| prune(connection, before, keep, up_to, step))
                .await?;
            total += removed;
            if removed < step {
                break;
            }
        }
        Ok(total)
    }
}
