//! A bounded memory of records, oldest out first.
//!
//! Two generations: what is kept goes into the young one; when that is full, or
//! as old as anything may become, it becomes the old one, and the old one goes.

use std::collections::HashMap;
use std::time::Duration;

use oci::{Digest, RepositoryName};

/// What a record is known under.
pub(super) type Key = (RepositoryName, Digest);

/// Bytes of one generation, at most.
const GENERATION: usize = 16 << 20;
/// What an entry costs beside its content, in bytes; it bounds their number too.
const ENTRY: usize = 512;

#[derive(Debug)]
struct Entry<T> {
    record: T,
    /// Bytes, all in all.
    weight: usize,
    /// When the store was asked for it.
    asked: Duration,
}

#[derive(Debug)]
pub(super) struct Memory<T> {
    /// How long anything is remembered.
    term: Duration,
    young: HashMap<Key, Entry<T>>,
    /// Bytes of the young generation.
    weight: usize,
    /// When the young generation began.
    since: Duration,
    old: HashMap<Key, Entry<T>>,
}

impl<T: Clone> Memory<T> {
    pub(super) fn new(term: Duration) -> Self {
        let (weight, since) = (0, Duration::ZERO);
        Self { term, young: HashMap::new(), weight, since, old: HashMap::new() }
    }

    /// Keeps a record with `content` bytes that the store was asked for at
    /// `asked`. One that is too large for the memory is not kept.
    pub(super) fn keep(&mut self, key: Key, record: T, content: usize, asked: Duration) {
        let weight = content.saturating_add(ENTRY);
        if weight > GENERATION {
            return self.forget(&key);
        }
        let is_full = self.weight + weight > GENERATION;
        if is_full || asked.saturating_sub(self.since) > self.term {
            self.old = std::mem::take(&mut self.young);
            (self.weight, self.since) = (0, asked);
        }
        self.weight += weight;
        if let Some(replaced) = self.young.insert(key, Entry { record, weight, asked }) {
            self.weight = self.weight.saturating_sub(replaced.weight);
        }
    }

    /// What the store said within the term before `now`.
    pub(super) fn recall(&self, key: &Key, now: Duration) -> Option<T> {
        let entry = self.young.get(key).or_else(|| self.old.get(key))?;
        let is_fresh = now.saturating_sub(entry.asked) <= self.term;
        is_fresh.then(|| entry.record.clone())
    }

    pub(super) fn forget(&mut self, key: &Key) {
        if let Some(gone) = self.young.remove(key) {
            self.weight = self.weight.saturating_sub(gone.weight);
        }
        self.old.remove(key);
    }

    pub(super) fn forget_all(&mut self) {
        *self = Self { since: self.since, ..Self::new(self.term) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERM: Duration = Duration::from_secs(60);

    fn key(number: usize) -> Key {
        (RepositoryName::parse("a").unwrap(), Digest::sha256(&number.to_le_bytes()))
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_record_is_remembered_for_the_term_since_it_was_asked_for_last() {
        let mut memory = Memory::new(TERM);
        memory.keep(key(1), 'a', 1, at(10));
        assert_eq!(memory.recall(&key(1), at(70)), Some('a'));
        assert_eq!(memory.recall(&key(1), at(71)), None);
        memory.keep(key(1), 'b', 1, at(71));
        assert_eq!(memory.recall(&key(1), at(131)), Some('b'));
        assert_eq!(memory.recall(&key(2), at(71)), None);
    }

    #[test]
    fn what_is_forgotten_is_not_remembered_by_either_generation() {
        let mut memory = Memory::new(TERM);
        memory.keep(key(1), 'a', 1, at(0));
        memory.keep(key(2), 'b', 1, at(61));
        memory.forget(&key(1));
        memory.forget(&key(2));
        assert_eq!((memory.young.len(), memory.old.len(), memory.weight), (0, 0, 0));
    }

    #[test]
    fn the_memory_is_bounded_in_bytes_and_entries_and_keeps_the_newest() {
        let mut memory = Memory::new(TERM);
        for number in 0..3 * GENERATION / ENTRY {
            memory.keep(key(number), number, 0, at(0));
            assert!(memory.weight <= GENERATION);
            assert!(memory.young.len() + memory.old.len() <= 2 * GENERATION / ENTRY);
            assert_eq!(memory.recall(&key(number), at(1)), Some(number));
        }
        let mut memory = Memory::new(TERM);
        memory.keep(key(1), 'a', 1, at(0));
        memory.keep(key(1), 'b', GENERATION, at(0));
        assert_eq!(memory.recall(&key(1), at(0)), None);
    }

    #[test]
    fn keeping_the_same_again_costs_nothing_more() {
        let mut memory = Memory::new(TERM);
        (0..10).for_each(|_| memory.keep(key(1), 'a', 1, at(0)));
        assert_eq!(memory.weight, ENTRY + 1);
    }
}
