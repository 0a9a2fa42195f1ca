//! The moves that tags have made, also of those that are gone.
//!
//! Runs after the tags, whose own moves in the target are not those of the source: what differs is
//! written over, from the first move of a tag that differs on.

use oci::{RepositoryName, Tag};
use store::{NewHistory, TagMove};

use super::cursor::{self, Cursor};
use super::error::TransferError;
use super::pass::Run;

/// Moves that are written at once.
const BATCH: usize = 500;

/// What is to be written together.
#[derive(Default)]
struct Batch {
    histories: Vec<NewHistory>,
    /// Moves, and tags whose history is cut.
    weight: usize,
}

/// A list of moves.
type Moves<'a> = Cursor<'a, TagMove, (String, i64)>;

impl Run<'_> {
    /// Brings the history of a repository's tags over.
    pub(super) async fn history(&mut self, name: &RepositoryName) -> Result<(), TransferError> {
        let transfer = self.porter.transfer;
        let (from, to) = (&*transfer.from.history, &*transfer.to.history);
        let (mut source, mut target) = (cursor::history(from, name), cursor::history(to, name));
        let mut batch = Batch::default();
        while let Some(tag) = next_tag(&mut source, &mut target).await? {
            self.porter.go_on()?;
            let mut differs = false;
            loop {
                let ours = next_of(&mut source, &tag).await?;
                let theirs = next_of(&mut target, &tag).await?;
                let cut = match (&ours, &theirs) {
                    (None, None) => break,
                    (Some(ours), Some(theirs)) if !differs && same(ours, theirs) => continue,
                    (_, theirs) => theirs.as_ref().map(|first| first.number).filter(|_| !differs),
                };
                differs = true;
                batch.add(&tag, cut, ours);
                if batch.weight >= BATCH {
                    self.write_history(name, std::mem::take(&mut batch)).await?;
                }
            }
        }
        self.write_history(name, batch).await
    }

    async fn write_history(
        &mut self,
        name: &RepositoryName,
        batch: Batch,
    ) -> Result<(), TransferError> {
        if !batch.histories.is_empty() {
            let to = &self.porter.transfer.to;
            to.history.write_history(name, batch.histories).await?;
        }
        Ok(())
    }
}

impl Batch {
    fn add(&mut self, tag: &Tag, cut: Option<i64>, one: Option<TagMove>) {
        if cut.is_none() && one.is_none() {
            return;
        }
        self.weight += 1;
        match self.histories.last_mut().filter(|last| last.tag == *tag) {
            Some(last) => last.moves.extend(one),
            None => {
                let (tag, moves) = (tag.clone(), one.into_iter().collect());
                self.histories.push(NewHistory { tag, from_number: cut, moves });
            }
        }
    }
}

/// The first tag that either list has next.
async fn next_tag(
    source: &mut Moves<'_>,
    target: &mut Moves<'_>,
) -> Result<Option<Tag>, TransferError> {
    let (ours, theirs) = (source.first().await?, target.first().await?);
    let tags = ours.into_iter().chain(theirs).map(|one| one.tag.clone());
    Ok(tags.min_by(|one, other| one.as_str().cmp(other.as_str())))
}

/// The next move in the list, if it is one of the tag.
async fn next_of(list: &mut Moves<'_>, tag: &Tag) -> Result<Option<TagMove>, TransferError> {
    match list.first().await? {
        Some(first) if first.tag == *tag => Ok(list.next().await?),
        _ => Ok(None),
    }
}

fn same(source: &TagMove, target: &TagMove) -> bool {
    source == &TagMove { number: source.number, ..target.clone() }
}
