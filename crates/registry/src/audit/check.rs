//! Checks that the log is what it was when it was sealed, part by part, so
//! that a log of any length is checked without a long request.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use store::{AuditFilter, AuditOrder, AuditRecord, AuditSeal, AuditStore, StoreError};

use super::seal::{BrokenChain, verify_chain};

/// Lines that are read at once.
const PAGE: usize = 1_000;
/// Pages of one part.
const PAGES: usize = 20;
/// Lines that one is held back for, since numbers follow the order of the chain only roughly.
const AHEAD: usize = 5_000;
/// Lines after which one that is still held back is where it cannot belong.
const FAR: usize = 2 * AHEAD;

/// Where a check goes on. The default is the beginning.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CheckFrom {
    /// Lines above this number are read.
    pub above: Option<i64>,
    /// Lines up to this number were read before.
    pub seen: Option<i64>,
    /// The last place of the chain that was checked.
    pub sequence: Option<u64>,
    /// Its hash, hexadecimal.
    pub hash: Option<String>,
}

/// What was found in one part of the log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CheckedPart {
    /// Sealed lines that fit.
    pub sealed: u64,
    /// Lines that nobody has sealed yet.
    pub unsealed: u64,
    /// The last place of the chain that was checked.
    pub last: Option<u64>,
    /// Its hash, hexadecimal: whoever wrote it down elsewhere can compare.
    pub hash: Option<String>,
    /// Where the chain is broken, if it is. Nothing behind that was looked at.
    pub broken: Option<String>,
    /// Where to go on; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<CheckFrom>,
}

/// Why nothing was checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// `sequence` and `hash` are no place of a chain.
    #[error("is no hash of a place; give the sequence and the hash of the part before, or neither")]
    NoSuchPlace,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl CheckFrom {
    /// The seal that is gone on from, if it is not the beginning.
    fn seal(&self) -> Result<Option<AuditSeal>, CheckError> {
        let (sequence, text) = match (self.sequence, &self.hash) {
            (None, None) => return Ok(None),
            (Some(sequence), Some(text)) => (sequence, text),
            _ => return Err(CheckError::NoSuchPlace),
        };
        let digits = text.as_bytes().chunks(2).map(|pair| {
            let digits = std::str::from_utf8(pair).ok().filter(|it| it.len() == 2)?;
            u8::from_str_radix(digits, 16).ok()
        });
        let bytes: Option<Vec<u8>> = digits.collect();
        let hash = bytes.and_then(|bytes| bytes.try_into().ok());
        let hash = hash.ok_or(CheckError::NoSuchPlace)?;
        Ok(Some(AuditSeal { sequence, hash }))
    }
}

/// One part of the log in the making.
#[derive(Default)]
struct Part {
    /// The last seal that fits.
    before: Option<AuditSeal>,
    /// Lines that wait for those before them, with when they were read.
    ahead: BTreeMap<u64, (usize, AuditRecord)>,
    seen: i64,
    /// The number that was read last.
    above: i64,
    /// The first line that nobody had sealed: whoever seals meanwhile begins there.
    tail: Option<i64>,
    /// The tail from which lines were read once more, and how far they had been read.
    again: Option<(i64, i64)>,
    read: usize,
    sealed: u64,
    unsealed: u64,
}

/// Checks some 20,000 lines from there on.
pub async fn check_part(
    store: &dyn AuditStore,
    from: &CheckFrom,
) -> Result<CheckedPart, CheckError> {
    let before = from.seal()?;
    let (seen, above) = (from.seen.unwrap_or(0), from.above.unwrap_or(0));
    let mut part = Part { before, seen, above, ..Part::default() };
    for _ in 0..PAGES {
        let order = AuditOrder::OldestFirst(Some(part.above));
        let page = store.audit(AuditFilter::default(), order, PAGE).await?;
        let is_last = page.len() < PAGE;
        if let Err(broken) = part.take(page, is_last) {
            if part.reads_again(&broken) {
                continue;
            }
            return Ok(part.end(Some(broken)));
        }
        if is_last {
            return Ok(part.end(None));
        }
    }
    Ok(match part.next() {
        Ok(next) => CheckedPart { next: Some(next), ..part.end(None) },
        Err(broken) => part.end(Some(broken)),
    })
}

impl Part {
    fn take(&mut self, page: Vec<AuditRecord>, is_last: bool) -> Result<(), BrokenChain> {
        for line in page {
            self.above = line.id;
            self.read += 1;
            let is_new = line.id > self.seen;
            let is_new_here = is_new && self.again.is_none_or(|(_, seen)| line.id > seen);
            let checked = self.before.as_ref().map_or(0, |seal| seal.sequence);
            match line.seal.as_ref().map(|seal| seal.sequence) {
                None => {
                    self.unsealed += u64::from(is_new);
                    self.tail.get_or_insert(line.id);
                }
                // Read again for those that had to wait.
                Some(sequence) if !is_new_here && sequence <= checked => {}
                Some(sequence) => {
                    let id = line.id;
                    if self.ahead.insert(sequence, (self.read, line)).is_some() {
                        return Err(BrokenChain::Twice { id, found: sequence });
                    }
                }
            }
        }
        while let Some(first) = self.ahead.first_entry() {
            if !is_last && self.read.saturating_sub(first.get().0) < AHEAD {
                break;
            }
            let (_, line) = first.remove();
            self.before = verify_chain(self.before.clone(), [&line])?;
            self.sealed += 1;
        }
        Ok(())
    }

    /// Goes back to the tail after a gap, once for each: the lines in between may have
    /// been sealed while those after them were read.
    fn reads_again(&mut self, broken: &BrokenChain) -> bool {
        let BrokenChain::Gap { id, .. } = broken else { return false };
        let Some(tail) = self.tail.filter(|tail| self.again.is_none_or(|(last, _)| last < *tail))
        else {
            return false;
        };
        let waiting = self.ahead.values().map(|(_, line)| line.id).chain([*id, tail]).min();
        self.again = Some((tail, self.again.map_or(self.above, |(_, seen)| seen.max(self.above))));
        self.above = waiting.unwrap_or(tail).saturating_sub(1);
        // All of them are behind the tail, and counted anew.
        (self.tail, self.unsealed) = (None, 0);
        self.ahead.clear();
        true
    }

    /// Where the next part begins: before the first line that waits, and before the
    /// first that nobody has sealed yet if that is near.
    fn next(&self) -> Result<CheckFrom, BrokenChain> {
        let first = self.ahead.iter().min_by_key(|(_, (read, _))| *read);
        let mut above = self.above;
        let far = i64::try_from(FAR).unwrap_or(i64::MAX);
        if let Some(tail) = self.tail.filter(|tail| above.saturating_sub(*tail) < far) {
            above = tail.saturating_sub(1);
        }
        if let Some((found, (read, line))) = first {
            if self.read.saturating_sub(*read) > FAR {
                let before = self.before.as_ref().map_or(0, |seal| seal.sequence);
                return Err(BrokenChain::Gap { id: line.id, found: *found, before });
            }
            above = above.min(line.id.saturating_sub(1));
        }
        let (sequence, hash) = place(self.before.as_ref());
        let seen = self.again.map_or(self.above, |(_, seen)| seen.max(self.above));
        Ok(CheckFrom { above: Some(above), seen: Some(seen), sequence, hash })
    }

    fn end(&self, broken: Option<BrokenChain>) -> CheckedPart {
        let (last, hash) = place(self.before.as_ref());
        let (sealed, unsealed) = (self.sealed, self.unsealed);
        let broken = broken.map(|broken| broken.to_string());
        CheckedPart { sealed, unsealed, last, hash, broken, next: None }
    }
}

fn place(seal: Option<&AuditSeal>) -> (Option<u64>, Option<String>) {
    let hash = seal.map(|seal| seal.hash.iter().map(|byte| format!("{byte:02x}")).collect());
    (seal.map(|seal| seal.sequence), hash)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use async_trait::async_trait;
    use metastore::{OpenOptions, Sqlite};
    use store::{AuditNote, Timestamp};

    use super::super::seal::seals_of;
    use super::*;

    fn note() -> AuditNote {
        AuditNote {
            at: Timestamp::from_millis(1_000),
            actor: "user:ann".into(),
            via: "password".into(),
            address: None,
            action: "manifest.push".into(),
            target: "team/app:v1".into(),
            outcome: "ok".into(),
            request: None,
            detail: None,
            count: 1,
        }
    }

    /// A log of so many thousand lines, sealed in the order that `turn` makes of each thousand.
    async fn sealed(thousands: usize, turn: impl Fn(&mut Vec<AuditRecord>)) -> Log {
        let directory = testkit::directory();
        let path = directory.path().join("berth");
        let store = Sqlite::open(OpenOptions { path, synchronous_off: true }).unwrap();
        let log = Log { store, _directory: directory };
        log.write(thousands).await;
        loop {
            let (last, mut lines) = log.store.unsealed_audit(Duration::ZERO, 1_000).await.unwrap();
            turn(&mut lines);
            if lines.is_empty() {
                return log;
            }
            let seals = seals_of(last.clone(), &lines);
            assert!(log.store.seal_audit(last, seals).await.unwrap());
        }
    }

    struct Log {
        store: Arc<Sqlite>,
        _directory: tempfile::TempDir,
    }

    impl Log {
        async fn write(&self, thousands: usize) {
            for _ in 0..thousands {
                self.store.append_audit(vec![note(); 1_000]).await.unwrap();
            }
        }

        /// What all parts add up to, and how many there are.
        async fn checked(&self) -> (CheckedPart, usize) {
            let (mut from, mut sum, mut parts) = (CheckFrom::default(), [0, 0], 0);
            loop {
                let part = check_part(&*self.store, &from).await.unwrap();
                (sum, parts) = ([sum[0] + part.sealed, sum[1] + part.unsealed], parts + 1);
                let Some(next) = part.next else {
                    return (CheckedPart { sealed: sum[0], unsealed: sum[1], ..part }, parts);
                };
                from = next;
            }
        }
    }

    #[tokio::test]
    async fn a_long_log_is_checked_in_parts() {
        let log = sealed(45, |_| {}).await;
        log.write(30).await;
        let (found, parts) = log.checked().await;
        assert_eq!((found.sealed, found.unsealed), (45_000, 30_000));
        assert_eq!((found.last, found.broken), (Some(45_000), None));
        assert!(found.hash.is_some() && parts > 4, "{parts}");
    }

    #[tokio::test]
    async fn lines_may_be_sealed_in_another_order_than_that_of_their_numbers() {
        let log = sealed(45, |lines| lines.reverse()).await;
        let (found, _) = log.checked().await;
        assert_eq!((found.sealed, found.last, found.broken), (45_000, Some(45_000), None));
    }

    #[tokio::test]
    async fn a_line_that_is_far_from_its_place_is_found() {
        let log = sealed(45, |lines| lines.retain(|line| line.id != 1)).await;
        let (found, _) = log.checked().await;
        assert_eq!((found.sealed, found.unsealed, found.broken), (44_999, 1, None));
        let (last, lines) = log.store.unsealed_audit(Duration::ZERO, 1).await.unwrap();
        let seals = seals_of(last.clone(), &lines);
        assert!(log.store.seal_audit(last, seals).await.unwrap());
        let (found, _) = log.checked().await;
        assert!(found.broken.unwrap().starts_with("line 1: sequence 45000"));
    }

    /// A log that is sealed, all of it, once so many pages were read.
    struct Live {
        log: Arc<Sqlite>,
        pages: AtomicUsize,
    }

    #[async_trait]
    impl AuditStore for Live {
        async fn append_audit(&self, notes: Vec<AuditNote>) -> Result<(), StoreError> {
            self.log.append_audit(notes).await
        }

        async fn audit(
            &self,
            filter: AuditFilter,
            order: AuditOrder,
            limit: usize,
        ) -> Result<Vec<AuditRecord>, StoreError> {
            let page = self.log.audit(filter, order, limit).await;
            if self.pages.fetch_sub(1, Ordering::SeqCst) == 1 {
                seal_all(&self.log).await;
            }
            page
        }

        async fn unsealed_audit(
            &self,
            settled: Duration,
            limit: usize,
        ) -> Result<(Option<AuditSeal>, Vec<AuditRecord>), StoreError> {
            self.log.unsealed_audit(settled, limit).await
        }

        async fn seal_audit(
            &self,
            after: Option<AuditSeal>,
            seals: Vec<(i64, AuditSeal)>,
        ) -> Result<bool, StoreError> {
            self.log.seal_audit(after, seals).await
        }

        async fn prune_audit(
            &self,
            before: Option<Timestamp>,
            keep: Option<u64>,
            up_to: Option<i64>,
            limit: usize,
        ) -> Result<usize, StoreError> {
            self.log.prune_audit(before, keep, up_to, limit).await
        }
    }

    async fn seal_all(log: &Sqlite) {
        loop {
            let (last, lines) = log.unsealed_audit(Duration::ZERO, 1_000).await.unwrap();
            if lines.is_empty() {
                return;
            }
            assert!(log.seal_audit(last.clone(), seals_of(last, &lines)).await.unwrap());
        }
    }

    #[tokio::test]
    async fn a_log_that_is_sealed_between_two_pages_is_whole() {
        let log = sealed(2, |_| {}).await;
        log.store.append_audit(vec![note(); 500]).await.unwrap();
        log.write(4).await;
        let live = Live { log: log.store.clone(), pages: AtomicUsize::new(3) };
        let part = check_part(&live, &CheckFrom::default()).await.unwrap();
        assert_eq!((part.sealed, part.unsealed, part.broken), (6_500, 0, None));
    }

    #[test]
    fn a_gap_behind_a_line_without_a_seal_is_found_at_the_second_look() {
        let seal = Some(AuditSeal { sequence: 9, hash: [0; 32] });
        let line = |id, seal| AuditRecord { id, note: note(), seal };
        let mut part = Part { before: seal, ..Part::default() };
        let far = Some(AuditSeal { sequence: 11, hash: [0; 32] });
        for is_first in [true, false] {
            let page = vec![line(1, None), line(2, far.clone())];
            let broken = part.take(page, true).unwrap_err();
            assert_eq!(broken, BrokenChain::Gap { id: 2, found: 11, before: 9 });
            assert_eq!(part.reads_again(&broken), is_first);
        }
    }

    #[tokio::test]
    async fn a_log_that_is_sealed_between_two_parts_is_whole() {
        let log = sealed(19, |_| {}).await;
        log.write(3).await;
        let first = check_part(&*log.store, &CheckFrom::default()).await.unwrap();
        seal_all(&log.store).await;
        let from = first.next.unwrap();
        let second = check_part(&*log.store, &from).await.unwrap();
        assert_eq!((second.last, second.broken), (Some(22_000), None));
    }

    #[tokio::test]
    async fn a_place_of_another_log_does_not_fit() {
        let log = sealed(2, |_| {}).await;
        let (sequence, hash) = (Some(500), Some("ab".repeat(32)));
        let from = CheckFrom { above: Some(500), seen: Some(500), sequence, hash };
        let part = check_part(&*log.store, &from).await.unwrap();
        assert!(part.broken.unwrap().starts_with("line 501: it was changed"));
    }

    #[test]
    fn a_place_that_is_taken_twice_is_found() {
        let seal = Some(AuditSeal { sequence: 7, hash: [0; 32] });
        let line = |id| AuditRecord { id, note: note(), seal: seal.clone() };
        let mut part = Part::default();
        let broken = part.take(vec![line(7), line(8)], false).unwrap_err();
        assert_eq!(broken, BrokenChain::Twice { id: 8, found: 7 });
    }
}
