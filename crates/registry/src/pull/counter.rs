//! How often manifests are pulled: gathered in memory, written in batches,
//! because a read writes nothing.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use oci::{Digest, Reference, RepositoryName, Tag};
use parking_lot::Mutex;
use store::{CounterStore, PullCount, Timestamp};

use super::PulledManifest;
use crate::access::Pull;
use crate::{Error, Granted, Registry};

/// Different manifests and names that are kept between two flushes. Pulls of
/// more are not counted.
const ENTRIES: usize = 10_000;

/// What was pulled: a manifest under a name.
type Key = (RepositoryName, Digest, Option<Tag>);

/// Pulls since the last flush.
#[derive(Debug, Default)]
pub(crate) struct Pulls {
    gathered: Mutex<Gathered>,
}

#[derive(Debug, Default)]
struct Gathered {
    /// How many, and when the last one was.
    counts: HashMap<Key, (u64, Timestamp)>,
    /// Pulls that found no room.
    lost: u64,
}

impl Gathered {
    fn add(&mut self, key: Key, count: u64, at: Timestamp) {
        let full = self.counts.len() >= ENTRIES;
        match self.counts.entry(key) {
            Entry::Occupied(mut held) => {
                let (total, last) = held.get_mut();
                *total = total.saturating_add(count);
                *last = (*last).max(at);
            }
            Entry::Vacant(_) if full => self.lost = self.lost.saturating_add(count),
            Entry::Vacant(free) => {
                free.insert((count, at));
            }
        }
    }
}

impl Pulls {
    fn add(&self, key: Key, at: Timestamp) {
        self.gathered.lock().add(key, 1, at);
    }

    /// Everything gathered, and how many pulls found no room.
    fn take(&self) -> (Vec<PullCount>, u64) {
        let Gathered { counts, lost } = std::mem::take(&mut *self.gathered.lock());
        let pulls = counts.into_iter().map(|((repository, digest, tag), (count, last))| {
            PullCount { repository, digest, tag, count, last }
        });
        (pulls.collect(), lost)
    }

    /// Puts back what could not be written, as far as there is room.
    fn put_back(&self, pulls: Vec<PullCount>) {
        let mut gathered = self.gathered.lock();
        for PullCount { repository, digest, tag, count, last } in pulls {
            gathered.add((repository, digest, tag), count, last);
        }
    }
}

impl Registry {
    /// Counts one pull of a manifest: a GET that was answered with its bytes,
    /// never a HEAD. Costs a look into memory.
    pub fn count_pull(
        &self,
        granted: &Granted<Pull>,
        reference: &Reference,
        manifest: &PulledManifest,
    ) {
        let tag = match reference {
            Reference::Tag(tag) => Some(tag.clone()),
            Reference::Digest(_) => None,
        };
        let key = (granted.repository().clone(), manifest.digest, tag);
        self.pulls.add(key, self.clock.now());
    }

    /// Writes the pulls gathered since the last flush; returns how many
    /// manifests and names they were of. What a failure kept from being
    /// written is tried again by the next flush.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn flush_pulls(&self, counters: &dyn CounterStore) -> Result<usize, Error> {
        let (pulls, lost) = self.pulls.take();
        if lost > 0 {
            tracing::warn!(
                lost,
                kept = ENTRIES,
                "more different manifests were pulled than are counted between two flushes"
            );
        }
        let count = pulls.len();
        if count == 0 {
            return Ok(0);
        }
        if let Err(error) = counters.add_pulls(pulls.clone()).await {
            self.pulls.put_back(pulls);
            return Err(error.into());
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> Key {
        let repository = RepositoryName::parse("a").unwrap();
        (repository, Digest::sha256(&number.to_le_bytes()), None)
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn pulls_of_one_name_are_one_count_with_the_last_time() {
        let pulls = Pulls::default();
        for millis in [5, 9, 7] {
            pulls.add(key(1), at(millis));
        }
        let (counts, lost) = pulls.take();
        assert_eq!((counts.len(), lost), (1, 0));
        assert_eq!((counts[0].count, counts[0].last), (3, at(9)));
        assert_eq!(pulls.take(), (vec![], 0));
    }

    #[test]
    fn a_full_gatherer_counts_what_it_knows_and_no_more() {
        let pulls = Pulls::default();
        (0..ENTRIES + 2).for_each(|number| pulls.add(key(number), at(1)));
        pulls.add(key(0), at(2));
        let (counts, lost) = pulls.take();
        assert_eq!((counts.len(), lost), (ENTRIES, 2));
        let total: u64 = counts.iter().map(|count| count.count).sum();
        assert_eq!(total, ENTRIES as u64 + 1);
    }

    #[test]
    fn what_was_not_written_is_added_to_what_came_meanwhile() {
        let pulls = Pulls::default();
        pulls.add(key(1), at(5));
        let (counts, _) = pulls.take();
        pulls.add(key(1), at(8));
        pulls.put_back(counts);
        let (counts, _) = pulls.take();
        assert_eq!((counts.len(), counts[0].count, counts[0].last), (1, 2, at(8)));
    }
}
