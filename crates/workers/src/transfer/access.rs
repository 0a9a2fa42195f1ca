//! Accounts, tokens, teams, roles, grants and visibilities: all of them at the end, when nobody
//! changes them any more, since they are few beside the content.

use oci::Hasher;
use store::{AccountWalk, RestoreAccess};

use super::access_rows::{self, lists};
use super::cursor::{Pair, Pairs};
use super::error::{Difference, TransferError};
use super::pass::Run;
use super::sum::go_on;
use crate::Shutdown;

/// Rows that are written at once.
const BATCH: usize = 100;

impl Run<'_> {
    /// Makes the target's rows those of the source.
    pub(super) async fn access(&mut self) -> Result<(), TransferError> {
        let transfer = self.porter.transfer;
        let (from, to) = (&*transfer.from.accounts, &*transfer.to.accounts);
        for (source, target) in lists(from).into_iter().zip(lists(to)) {
            let mut pairs = Pairs::new(source, target);
            let mut batch = Vec::new();
            while let Some(Pair { source, target }) = pairs.next().await? {
                self.porter.go_on()?;
                match (source, target) {
                    (Some(source), target) if target.as_ref() != Some(&source) => {
                        batch.push(source);
                    }
                    (None, Some(target)) => batch.push(access_rows::removal(target)),
                    _ => {}
                }
                if batch.len() >= BATCH {
                    self.write_access(std::mem::take(&mut batch)).await?;
                }
            }
            self.write_access(batch).await?;
        }
        Ok(())
    }

    async fn write_access(&mut self, rows: Vec<RestoreAccess>) -> Result<(), TransferError> {
        if !rows.is_empty() {
            self.books.moved.access += rows.len() as u64;
            self.porter.transfer.to.accounts.restore_access(rows).await?;
        }
        Ok(())
    }
}

/// How many accounts and grants a side has, with all rows added to `hasher`.
pub(super) async fn sum(
    side: &dyn AccountWalk,
    hasher: &mut Hasher,
    shutdown: &Shutdown,
) -> Result<(u64, u64), TransferError> {
    let (mut accounts, mut grants) = (0, 0);
    for mut list in lists(side) {
        while let Some(row) = list.next().await? {
            go_on(shutdown)?;
            hasher.update(access_rows::text(&row).as_bytes());
            accounts += u64::from(matches!(row, RestoreAccess::Account(_)));
            grants += u64::from(matches!(row, RestoreAccess::Grant(_)));
        }
    }
    Ok((accounts, grants))
}

/// Where two sides differ first, without a secret.
pub(super) async fn difference(
    from: &dyn AccountWalk,
    to: &dyn AccountWalk,
    shutdown: &Shutdown,
) -> Result<Option<Difference>, TransferError> {
    for (source, target) in lists(from).into_iter().zip(lists(to)) {
        let mut pairs = Pairs::new(source, target);
        while let Some(Pair { source, target }) = pairs.next().await? {
            go_on(shutdown)?;
            let text = |row: &Option<RestoreAccess>| row.as_ref().map(access_rows::text);
            if text(&source) == text(&target) {
                continue;
            }
            let what = source.as_ref().or(target.as_ref()).map(access_rows::what);
            return Ok(Some(Difference {
                what: what.unwrap_or_default(),
                source: source.map(|_| "something".to_owned()),
                target: target.map(|_| "something else".to_owned()),
            }));
        }
    }
    Ok(None)
}

/// The first row that a side has, as an operator would call it.
pub(super) async fn first(side: &dyn AccountWalk) -> Result<Option<String>, TransferError> {
    for mut list in lists(side) {
        if let Some(row) = list.next().await? {
            return Ok(Some(access_rows::what(&row)));
        }
    }
    Ok(None)
}
