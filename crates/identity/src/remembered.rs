//! Verified secrets, so that a client that sends its password with every
//! request does not cost a hash each time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use parking_lot::Mutex;
use sha2::Sha256;
use store::{Clock, Random};

/// How long a verified secret is remembered.
pub(crate) const REMEMBER: Duration = Duration::from_secs(60);
/// Secrets remembered at once; more are verified each time.
const MAX_REMEMBERED: usize = 10_000;

/// What an entry is found by. Says nothing about the secret outside of this process.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RememberedKey([u8; 32]);

/// Secrets that were found right within the last minute, with what was found.
///
/// Only successes are kept: an entry never turns a later right answer into a
/// wrong one. What the answer depends on (above all the stored hash) is part
/// of the key, so a changed password is forgotten by construction.
pub struct Remembered<T> {
    clock: Arc<dyn Clock>,
    /// Makes the keys worthless outside this process.
    keyed: Hmac<Sha256>,
    entries: Mutex<HashMap<RememberedKey, (Duration, T)>>,
    most: usize,
}

impl<T: Clone> Remembered<T> {
    /// Nothing yet, under a key from `random`.
    pub fn new(clock: Arc<dyn Clock>, random: &dyn Random) -> Self {
        let mut key = [0; 64];
        random.fill(&mut key);
        let keyed = Hmac::new(&key.into());
        Self { clock, keyed, entries: Mutex::default(), most: MAX_REMEMBERED }
    }

    /// The key of these `parts`, such as user, password and stored hash. Each
    /// part's length is part of it: `("ab", "c")` is not `("a", "bc")`.
    pub fn key(&self, parts: &[&[u8]]) -> RememberedKey {
        let mut keyed = self.keyed.clone();
        for part in parts {
            keyed.update(&(part.len() as u64).to_le_bytes());
            keyed.update(part);
        }
        RememberedKey(keyed.finalize().into_bytes().into())
    }

    /// What was found for `key` within the last minute.
    pub fn recall(&self, key: &RememberedKey) -> Option<T> {
        let now = self.clock.elapsed();
        let entries = self.entries.lock();
        let (until, found) = entries.get(key)?;
        (now < *until).then(|| found.clone())
    }

    /// Keeps what was found for `key`, if there is room.
    pub fn remember(&self, key: RememberedKey, found: T) {
        let now = self.clock.elapsed();
        let mut entries = self.entries.lock();
        if entries.len() >= self.most {
            entries.retain(|_, (until, _)| now < *until);
        }
        if entries.len() < self.most || entries.contains_key(&key) {
            entries.insert(key, (now + REMEMBER, found));
        }
    }

    /// Forgets everything, as after a change of accounts.
    pub fn clear(&self) {
        self.entries.lock().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestClock;
    use store::OsRandom;

    fn remembered(clock: &TestClock) -> Remembered<u8> {
        Remembered::new(Arc::new(clock.clone()), &OsRandom)
    }

    #[test]
    fn an_entry_lives_for_a_minute() {
        let clock = TestClock::new();
        let remembered = remembered(&clock);
        let key = remembered.key(&[b"ann", b"secret", b"hash"]);
        assert_eq!(remembered.recall(&key), None);
        remembered.remember(key, 7);
        clock.pass(REMEMBER - Duration::from_millis(1));
        assert_eq!(remembered.recall(&key), Some(7));
        clock.pass(Duration::from_millis(1));
        assert_eq!(remembered.recall(&key), None);
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let remembered = remembered(&TestClock::new());
        assert!(remembered.key(&[b"ab", b"c"]) != remembered.key(&[b"a", b"bc"]));
        assert!(remembered.key(&[b"ab"]) != remembered.key(&[b"ab", b""]));
    }

    #[test]
    fn keys_differ_between_processes() {
        let clock = TestClock::new();
        assert!(remembered(&clock).key(&[b"a"]) != remembered(&clock).key(&[b"a"]));
    }

    #[test]
    fn a_full_memory_forgets_the_old_and_keeps_its_bound() {
        let clock = TestClock::new();
        let mut remembered = remembered(&clock);
        remembered.most = 2;
        let keys = [b"a", b"b", b"c"].map(|part| remembered.key(&[part]));
        for key in keys {
            remembered.remember(key, 1);
        }
        assert_eq!(keys.map(|key| remembered.recall(&key)), [Some(1), Some(1), None]);
        clock.pass(REMEMBER);
        remembered.remember(keys[2], 2);
        assert_eq!(remembered.recall(&keys[2]), Some(2));
        remembered.clear();
        assert_eq!(remembered.recall(&keys[2]), None);
    }
}
