//! The chain over the log, and the end of its oldest lines.
//!
//! Each seal is the hash over the seal before and the line, so that a line
//! that is changed or taken out breaks every seal after it.

use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use store::{AuditNote, AuditRecord, AuditSeal, AuditStore, StoreError, Timestamp};

/// Lines younger than this are not sealed: a slower transaction may still come
/// in between.
const SETTLED: Duration = Duration::from_secs(10);

/// Seals up to `limit` lines; how many. For the one who holds the lease, again
/// and again until it seals none.
pub async fn seal_once(store: &dyn AuditStore, limit: usize) -> Result<usize, StoreError> {
    let (last, lines) = store.unsealed_audit(SETTLED, limit).await?;
    let seals = seals_of(last.clone(), &lines);
    let count = seals.len();
    if count == 0 || !store.seal_audit(last, seals).await? {
        return Ok(0);
    }
    Ok(count)
}

pub(super) fn seals_of(
    mut before: Option<AuditSeal>,
    lines: &[AuditRecord],
) -> Vec<(i64, AuditSeal)> {
    let mut seals = Vec::with_capacity(lines.len());
    for line in lines {
        let seal = next_seal(before.as_ref(), line);
        before = Some(seal.clone());
        seals.push((line.id, seal));
    }
    seals
}

/// How long lines of the audit log are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AuditRetention {
    /// At most so long.
    pub age: Option<Duration>,
    /// At most so many.
    pub lines: Option<u64>,
}

/// What one step took away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// So many lines.
    pub lines: usize,
    /// So many of them were not copied to where the operator wants them as well.
    pub uncopied: usize,
}

/// Lines that were not copied yet stay until the log is so many times as long
/// as it may be: a copy that fails for ever must not fill the store.
const UNCOPIED: u32 = 2;

/// Removes up to `limit` lines that are older or more than they may be; how
/// many. Only sealed lines go, and the last seal stays. With `copied`, the last
/// line that was copied elsewhere, those after it stay as well until the log is
/// twice as long as it may be, or twice as old where its length has no bound.
pub async fn prune_once(
    store: &dyn AuditStore,
    retention: AuditRetention,
    copied: Option<i64>,
    now: Timestamp,
    limit: usize,
) -> Result<Pruned, StoreError> {
    let before = retention.age.map(|age| now.before(age));
    if before.is_none() && retention.lines.is_none() {
        return Ok(Pruned::default());
    }
    let lines = store.prune_audit(before, retention.lines, copied, limit).await?;
    if copied.is_none() || lines >= limit {
        return Ok(Pruned { lines, uncopied: 0 });
    }
    let (before, most) = match (retention.lines, retention.age) {
        (Some(lines), _) => (None, Some(lines.saturating_mul(u64::from(UNCOPIED)))),
        (None, age) => (age.map(|age| now.before(age.saturating_mul(UNCOPIED))), None),
    };
    let uncopied = store.prune_audit(before, most, None, limit - lines).await?;
    Ok(Pruned { lines: lines + uncopied, uncopied })
}

/// Where a chain is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BrokenChain {
    /// Lines are missing before this one.
    #[error("line {id}: sequence {found} follows {before}; lines in between are missing")]
    Gap {
        /// The number of the line.
        id: i64,
        /// Its sequence.
        found: u64,
        /// The sequence before it.
        before: u64,
    },
    /// This line has the place of another one.
    #[error("line {id}: sequence {found} is there a second time")]
    Twice {
        /// The number of the line.
        id: i64,
        /// Its sequence.
        found: u64,
    },
    /// This line, or the one before it, is not what was sealed.
    #[error("line {id}: it was changed after it was sealed, or the line before it was")]
    Changed {
        /// The number of the line.
        id: i64,
    },
}

/// Checks sealed `lines` in the order of their sequence; lines without a seal
/// are passed over. `after` is the seal before them; without one the first
/// line is believed, since older ones may have been pruned. Gives the last
/// seal, to go on with.
pub fn verify_chain<'a>(
    after: Option<AuditSeal>,
    lines: impl IntoIterator<Item = &'a AuditRecord>,
) -> Result<Option<AuditSeal>, BrokenChain> {
    let mut before = after;
    for line in lines {
        let Some(seal) = &line.seal else { continue };
        let is_first = seal.sequence == 1;
        if let Some(known) = &before
            && seal.sequence != known.sequence.saturating_add(1)
        {
            let (id, found) = (line.id, seal.sequence);
            return Err(BrokenChain::Gap { id, found, before: known.sequence });
        }
        if (before.is_some() || is_first) && next_seal(before.as_ref(), line) != *seal {
            return Err(BrokenChain::Changed { id: line.id });
        }
        before = Some(seal.clone());
    }
    Ok(before)
}

fn next_seal(before: Option<&AuditSeal>, line: &AuditRecord) -> AuditSeal {
    let mut hash = Sha256::new();
    hash.update(before.map_or([0; 32], |seal| seal.hash));
    hash.update(canonical(line).to_string().as_bytes());
    let sequence = before.map_or(0, |seal| seal.sequence).saturating_add(1);
    AuditSeal { sequence, hash: hash.finalize().into() }
}

/// The line as the one JSON text that is hashed: these fields, in this order,
/// without spaces.
fn canonical(line: &AuditRecord) -> Value {
    let AuditNote { at, actor, via, address, action, target, outcome, request, detail, count } =
        &line.note;
    json!({
        "id": line.id, "at": at.millis(), "actor": actor, "via": via, "address": address,
        "action": action, "target": target, "outcome": outcome, "request": request,
        "detail": detail, "count": count,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain() -> Vec<AuditRecord> {
        let line = |id: i64| AuditRecord {
            id,
            note: AuditNote {
                at: Timestamp::from_millis(1_000 + id),
                actor: "user:ann".into(),
                via: "password".into(),
                address: None,
                action: "manifest.push".into(),
                target: "team/app:v1".into(),
                outcome: "ok".into(),
                request: None,
                detail: Some("{\"a\": 1}".into()),
                count: 1,
            },
            seal: None,
        };
        // Numbers may have gaps, sequences not.
        let mut lines: Vec<_> = [3, 4, 7, 8, 20, 21].map(line).into();
        // In two batches, as the sealer comes by.
        let mut last = None;
        for batch in lines.chunks_mut(4) {
            let seals = seals_of(last.clone(), batch);
            for (line, (_, seal)) in batch.iter_mut().zip(seals) {
                last = Some(seal.clone());
                line.seal = Some(seal);
            }
        }
        lines
    }

    #[test]
    fn a_chain_that_nobody_touched_is_whole_from_any_line_on() {
        let chain = chain();
        let sequences: Vec<_> =
            chain.iter().map(|line| line.seal.as_ref().unwrap().sequence).collect();
        assert_eq!(sequences, [1, 2, 3, 4, 5, 6]);
        let last = chain[5].seal.clone();
        assert_eq!(verify_chain(None, &chain), Ok(last.clone()));
        assert_eq!(verify_chain(None, &chain[2..]), Ok(last.clone()), "older ones were pruned");
        assert_eq!(verify_chain(chain[2].seal.clone(), &chain[3..]), Ok(last.clone()));
        let mut longer = chain.clone();
        longer.push(AuditRecord { id: 22, seal: None, ..chain[0].clone() });
        assert_eq!(verify_chain(None, &longer), Ok(last), "not sealed yet");
    }

    #[test]
    fn a_line_that_was_changed_breaks_the_chain_there() {
        let whole = chain();
        let changes: [fn(&mut AuditRecord); 5] = [
            |line| line.note.actor = "user:eve".into(),
            |line| line.note.detail = None,
            |line| line.note.count = 2,
            |line| line.note.at = Timestamp::from_millis(0),
            |line| line.id = 9,
        ];
        for change in changes {
            for at in 0..whole.len() {
                let mut chain = whole.clone();
                change(&mut chain[at]);
                let id = chain[at].id;
                assert_eq!(verify_chain(None, &chain), Err(BrokenChain::Changed { id }), "{at}");
            }
        }
    }

    #[test]
    fn a_line_that_was_taken_out_is_missed() {
        let whole = chain();
        for at in 1..whole.len() - 1 {
            let mut chain = whole.clone();
            chain.remove(at);
            let before = u64::try_from(at).unwrap();
            let (id, found) = (whole[at + 1].id, before + 2);
            assert_eq!(verify_chain(None, &chain), Err(BrokenChain::Gap { id, found, before }));
        }
        let after = whole[0].seal.clone();
        assert!(verify_chain(after, &whole[2..]).is_err(), "between two reads");
        let mut swapped = whole;
        swapped.swap(2, 3);
        assert!(verify_chain(None, &swapped).is_err());
    }
}
