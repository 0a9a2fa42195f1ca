//! The log of who did what, with its numbers and seals: its chain is over both.
//!
//! It grows at its end and shrinks at its beginning, so what both sides have in between is passed
//! over, and from the first line that differs on the target's is written anew.

use std::time::Duration;

use store::{AccountWalk, AuditRecord};

use super::cursor::{self, Cursor, Pair, Pairs};
use super::error::{Difference, TransferError};
use super::pass::Run;
use super::sum::go_on;
use crate::{Shutdown, WorkError};

/// Lines that are written at once.
const BATCH: usize = 500;
/// Servers write down what has happened each second.
const LAG: Duration = Duration::from_secs(2);

/// A list of lines.
type Lines<'a> = Cursor<'a, AuditRecord, i64>;

impl Run<'_> {
    /// Lets the servers of a source that was frozen at `since`, on the clock's `elapsed` scale,
    /// write down what they did until then.
    pub(super) async fn await_lines(&self, since: Duration) -> Result<(), TransferError> {
        let transfer = self.porter.transfer;
        let last = transfer.from.accounts.last_numbers().await?;
        let left = LAG.saturating_sub(transfer.clock.elapsed().saturating_sub(since));
        let has_log = last.account > 0 || last.line > 0;
        match has_log && !left.is_zero() && !self.porter.shutdown.sleep(left).await {
            true => Err(WorkError::Interrupted.into()),
            false => Ok(()),
        }
    }

    /// Brings the log over as it is now. Lines that are written meanwhile are left where they are.
    pub(super) async fn lines(&mut self) -> Result<(), TransferError> {
        let transfer = self.porter.transfer;
        let (from, to) = (&*transfer.from.accounts, &*transfer.to.accounts);
        self.last = from.last_numbers().await?;
        let (mut source, mut target) = (cursor::lines(from), cursor::lines(to));
        if let Some(first) = source.first().await?.map(|line| line.id) {
            drop_beginning(to, &mut target, first).await?;
        }
        while let (Some(ours), Some(theirs)) = (source.first().await?, target.first().await?)
            && ours == theirs
        {
            self.porter.go_on()?;
            source.next().await?;
            target.next().await?;
        }
        if let Some(theirs) = target.first().await? {
            to.remove_audit(theirs.id, i64::MAX).await?;
        }
        let mut batch = Vec::new();
        while let Some(line) = source.next().await?.filter(|line| line.id <= self.last.line) {
            self.porter.go_on()?;
            batch.push(line);
            if batch.len() >= BATCH {
                self.write_lines(std::mem::take(&mut batch)).await?;
            }
        }
        self.write_lines(batch).await?;
        to.raise_numbers(self.last).await?;
        Ok(())
    }

    async fn write_lines(&mut self, lines: Vec<AuditRecord>) -> Result<(), TransferError> {
        if !lines.is_empty() {
            self.books.moved.lines += lines.len() as u64;
            self.porter.transfer.to.accounts.restore_audit(lines).await?;
        }
        Ok(())
    }

    /// Proves that the target's log is the source's up to the last line that was brought over; how
    /// many lines that are.
    pub(super) async fn compare_lines(&self) -> Result<u64, TransferError> {
        let transfer = self.porter.transfer;
        let (from, to) = (&*transfer.from.accounts, &*transfer.to.accounts);
        same_lines(from, to, self.last.line, self.porter.shutdown).await
    }
}

/// Removes what lies before the first line of the source, which has grown old there.
async fn drop_beginning(
    to: &dyn AccountWalk,
    target: &mut Lines<'_>,
    first: i64,
) -> Result<(), TransferError> {
    let is_older = |line: &AuditRecord| line.id < first;
    if target.first().await?.is_some_and(is_older) {
        to.remove_audit(i64::MIN, first - 1).await?;
        while target.first().await?.is_some_and(is_older) {
            target.next().await?;
        }
    }
    Ok(())
}

async fn same_lines(
    from: &dyn AccountWalk,
    to: &dyn AccountWalk,
    last: i64,
    shutdown: &Shutdown,
) -> Result<u64, TransferError> {
    let mut pairs = Pairs::new(cursor::lines(from), cursor::lines(to));
    let mut count = 0;
    while let Some(Pair { source, target }) = pairs.next().await? {
        go_on(shutdown)?;
        let source = source.filter(|line| line.id <= last);
        let id = match (&source, &target) {
            // Written later.
            (None, None) => return Ok(count),
            // One without a seal may have got it since.
            (Some(ours), Some(theirs))
                if ours.note == theirs.note
                    && (theirs.seal.is_none() || ours.seal == theirs.seal) =>
            {
                count += 1;
                continue;
            }
            (one, other) => one.as_ref().or(other.as_ref()).map_or(0, |line| line.id),
        };
        return Err(TransferError::Differs(Difference {
            what: format!("line {id} of the audit log"),
            source: source.map(|_| "something".to_owned()),
            target: target.map(|_| "something else".to_owned()),
        }));
    }
    Ok(count)
}
