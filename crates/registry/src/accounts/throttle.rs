//! Failed logins make the next ones wait.
//!
//! Counted per account and per address, in memory, with a bound. Waiting
//! doubles with each failure. An account's counter must not become a way to
//! lock its owner out: who signed in before from an address waits only for
//! that address's own failures, and a password that was right within the last
//! minute is not counted at all.
//!
//! Where many share an address that says nothing about any of them (behind a
//! proxy that nobody declared, on a local socket) there is none to count for:
//! one who guesses names would keep all others waiting. There the account's own
//! counter holds for everybody, and passwords only take turns.

mod turn;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use store::Clock;

use self::turn::Line;
use crate::access::Subject;

/// Entries of each kind kept at once; the least recently used ones go.
const MAX_COUNTERS: u64 = 50_000;

/// How failed logins are slowed down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThrottleSettings {
    /// So many failures cost nothing.
    pub free: u32,
    /// Failures are forgotten after so long without another.
    pub window: Duration,
    /// No wait is longer.
    pub longest: Duration,
}

impl Default for ThrottleSettings {
    fn default() -> Self {
        let window = Duration::from_secs(15 * 60);
        Self { free: 5, window, longest: Duration::from_secs(60) }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    /// Wrong passwords for that user.
    Account(Box<str>),
    /// Wrong passwords from there.
    Address(IpAddr),
    /// Wrong secrets of 256 bits from there. Nobody finds one by guessing, but a
    /// job with an old one tries for ever: its neighbours must not wait for it.
    Secrets(IpAddr),
    /// Passwords from where no address tells people apart; they take turns and
    /// count for nothing.
    Crowd,
}

#[derive(Debug, Clone, Copy, Default)]
struct Failures {
    count: u32,
    last: Duration,
}

/// Who tries to sign in from where.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    /// A user's name in the one form that all its spellings share. `None` for
    /// what nobody can be called: made-up names must not push out counters.
    account: Option<Box<str>>,
    /// `None` where no address tells people apart.
    from: Option<IpAddr>,
    /// Whether it is a password that is tried, which can be guessed.
    is_password: bool,
}

impl Attempt {
    /// A password for the user `name`, as typed.
    pub(super) fn password(name: &str, from: Option<IpAddr>) -> Self {
        // Some sources know a name in capitals, or with a space behind it, as well.
        let name = Some(name.trim()).filter(|name| Subject::user(name).is_ok());
        let account = name.map(|name| name.to_lowercase().into());
        Self { account, from: from.map(block), is_password: true }
    }

    /// A secret that somebody made by chance. It cannot be guessed, so it counts for no account.
    pub(super) fn secret(from: Option<IpAddr>) -> Self {
        Self { account: None, from: from.map(block), is_password: false }
    }

    fn account_key(&self) -> Option<Key> {
        self.account.clone().map(Key::Account)
    }

    fn address_key(&self) -> Option<Key> {
        self.from.map(if self.is_password { Key::Address } else { Key::Secrets })
    }
}

/// Counts failed logins.
pub(super) struct Throttle {
    clock: Arc<dyn Clock>,
    settings: ThrottleSettings,
    /// Apart from the addresses: many names of one kind push out only each other.
    accounts: Cache<Key, Failures>,
    addresses: Cache<Key, Failures>,
    /// Which accounts have signed in from where.
    familiar: Cache<(Box<str>, Option<IpAddr>), ()>,
    line: Line,
}

impl Throttle {
    pub(super) fn new(clock: Arc<dyn Clock>, settings: ThrottleSettings) -> Self {
        Self {
            clock,
            settings,
            accounts: bounded(),
            addresses: bounded(),
            familiar: bounded(),
            line: Line::default(),
        }
    }

    /// How many seconds the attempt has to wait, if it has to.
    pub(super) fn wait(&self, attempt: &Attempt) -> Option<u32> {
        self.slowing(attempt).iter().filter_map(|key| self.wait_of(key)).max()
    }

    /// The counters that make this attempt wait.
    fn slowing(&self, attempt: &Attempt) -> Vec<Key> {
        let name = attempt.account.clone();
        let is_familiar = name.is_some_and(|it| self.familiar.contains_key(&(it, attempt.from)));
        let account = attempt.account_key();
        let keys = match attempt.from {
            Some(_) => [account.filter(|_| !is_familiar), attempt.address_key()],
            // Whoever guesses comes from where the owner came from: nothing but
            // the account's counter bounds the guesses.
            None => [account, Some(Key::Crowd).filter(|_| attempt.is_password && !is_familiar)],
        };
        keys.into_iter().flatten().collect()
    }

    fn counters(&self, key: &Key) -> &Cache<Key, Failures> {
        match key {
            Key::Account(_) => &self.accounts,
            Key::Address(_) | Key::Secrets(_) | Key::Crowd => &self.addresses,
        }
    }

    /// Failures that are not forgotten yet.
    fn count_of(&self, key: &Key) -> u32 {
        let failures = self.counters(key).get(key).unwrap_or_default();
        let since = self.clock.elapsed().saturating_sub(failures.last);
        if since >= self.settings.window { 0 } else { failures.count }
    }

    fn wait_of(&self, key: &Key) -> Option<u32> {
        let failures = self.counters(key).get(key)?;
        let over = failures.count.checked_sub(self.settings.free)?;
        let wait = Duration::from_secs(1 << over.min(16)).min(self.settings.longest);
        let since = self.clock.elapsed().saturating_sub(failures.last);
        let left = wait.checked_sub(since).filter(|left| !left.is_zero())?;
        // Rounded up: whoever waits as long is let in.
        u32::try_from(left.as_millis().div_ceil(1000)).ok()
    }

    /// It was wrong.
    pub(super) fn failed(&self, attempt: &Attempt) {
        let now = self.clock.elapsed();
        let window = self.settings.window;
        for key in [attempt.account_key(), attempt.address_key()].into_iter().flatten() {
            self.counters(&key).entry(key.clone()).and_upsert_with(|entry| {
                let before = entry.map(moka::Entry::into_value).unwrap_or_default();
                let is_over = now.saturating_sub(before.last) >= window;
                let count = if is_over { 1 } else { before.count.saturating_add(1) };
                Failures { count, last: now }
            });
        }
    }

    /// It was right: who comes from there waits no more for what others try. The
    /// failures stay: otherwise a job that signs in each minute would give fresh
    /// tries to whoever guesses from many addresses.
    pub(super) fn succeeded(&self, attempt: &Attempt) {
        if let Some(name) = attempt.account.clone() {
            self.familiar.insert((name, attempt.from), ());
        }
    }
}

fn bounded<K, V>() -> Cache<K, V>
where
    K: std::hash::Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    Cache::builder().max_capacity(MAX_COUNTERS).eviction_policy(EvictionPolicy::lru()).build()
}

/// An address, or all that one customer of a provider has.
fn block(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use testkit::FakeClock;

    use super::*;

    pub(super) fn throttle() -> (Throttle, Arc<FakeClock>) {
        let clock = Arc::new(FakeClock::new());
        (Throttle::new(clock.clone(), ThrottleSettings::default()), clock)
    }

    pub(super) fn from(account: &str, address: &str) -> Attempt {
        Attempt::password(account, Some(address.parse().unwrap()))
    }

    #[test]
    fn after_five_failures_each_further_one_doubles_the_wait_up_to_a_minute() {
        let (throttle, clock) = throttle();
        let ann = from("ann", "192.0.2.1");
        for _ in 0..4 {
            throttle.failed(&ann);
            assert_eq!(throttle.wait(&ann), None);
        }
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            throttle.failed(&ann);
            assert_eq!(throttle.wait(&ann), Some(seconds));
            clock.advance(Duration::from_secs(seconds.into()));
            assert_eq!(throttle.wait(&ann), None);
        }
    }

    #[test]
    fn failures_are_forgotten_after_a_quarter_of_an_hour() {
        let (throttle, clock) = throttle();
        let ann = from("ann", "192.0.2.1");
        (0..20).for_each(|_| throttle.failed(&ann));
        clock.advance(Duration::from_secs(15 * 60));
        throttle.failed(&ann);
        assert_eq!(throttle.wait(&ann), None);
    }

    #[test]
    fn an_address_is_throttled_for_all_names_and_a_v6_one_as_a_whole_network() {
        let (throttle, _) = throttle();
        for name in ["a", "b", "c", "d", "e"] {
            throttle.failed(&from(name, "2001:db8::1"));
        }
        assert_eq!(throttle.wait(&from("f", "2001:db8::ffff:1")), Some(1));
        assert_eq!(throttle.wait(&from("a", "2001:db8:0:1::1")), None);
        (0..5).for_each(|_| throttle.failed(&from("x", "192.0.2.9")));
        assert_eq!(throttle.wait(&from("y", "::ffff:192.0.2.9")), Some(1));
    }

    #[test]
    fn a_success_gives_fresh_tries_to_nobody() {
        let (throttle, clock) = throttle();
        let job = from("ann", "198.51.100.1");
        for number in 0..10 {
            throttle.failed(&from("ann", &format!("192.0.2.{number}")));
            clock.advance(Duration::from_secs(60));
            throttle.succeeded(&job);
        }
        throttle.failed(&from("ann", "192.0.2.10"));
        assert_eq!(throttle.wait(&from("ann", "192.0.2.11")), Some(60));
        assert_eq!(throttle.wait(&job), None, "it was here before");
        // Where no address tells people apart as well.
        let owner = Attempt::password("bob", None);
        (0..50).for_each(|_| throttle.failed(&owner));
        throttle.succeeded(&owner);
        assert_eq!(throttle.wait(&owner), Some(60));
    }

    #[test]
    fn a_success_forgives_an_address_nothing() {
        let (throttle, _) = throttle();
        let ann = from("ann", "192.0.2.1");
        (0..5).for_each(|_| throttle.failed(&ann));
        throttle.succeeded(&ann);
        assert_eq!(throttle.wait(&from("bob", "192.0.2.1")), Some(1));
    }

    #[test]
    fn a_job_with_an_old_secret_does_not_keep_its_neighbours_waiting() {
        let (throttle, _) = throttle();
        let address = Some("192.0.2.1".parse().unwrap());
        let job = Attempt::secret(address);
        (0..50).for_each(|_| throttle.failed(&job));
        assert_eq!(throttle.wait(&job), Some(60));
        assert_eq!(throttle.wait(&from("ann", "192.0.2.1")), None);
    }

    #[test]
    fn an_attacker_does_not_lock_a_user_out_where_the_user_was_before() {
        let (throttle, _) = throttle();
        let home = from("ann", "198.51.100.1");
        throttle.succeeded(&home);
        (0..50).for_each(|_| throttle.failed(&from("ann", "192.0.2.1")));
        assert_eq!(throttle.wait(&from("ann", "203.0.113.1")), Some(60));
        assert_eq!(throttle.wait(&home), None);
    }

    #[test]
    fn where_no_address_tells_people_apart_nobody_waits_for_the_names_that_others_try() {
        let (throttle, _) = throttle();
        for number in 0..200 {
            throttle.failed(&Attempt::password(&format!("user{number}"), None));
            throttle.failed(&Attempt::secret(None));
        }
        assert_eq!(throttle.wait(&Attempt::password("ann", None)), None);
        assert_eq!(throttle.wait(&Attempt::secret(None)), None);
    }

    #[test]
    fn guesses_at_one_account_are_bounded_where_no_address_tells_people_apart() {
        let (throttle, _) = throttle();
        let ann = Attempt::password("ann", None);
        // She was here before, and so is whoever guesses.
        throttle.succeeded(&ann);
        (0..50).for_each(|_| throttle.failed(&ann));
        assert_eq!(throttle.wait(&ann), Some(60));
        assert_eq!(throttle.wait(&Attempt::password("bob", None)), None);
    }

    #[test]
    fn spellings_of_a_name_share_one_counter() {
        let (throttle, _) = throttle();
        for name in ["ann", "ANN", " ann", "Ann ", "\tanN"] {
            throttle.failed(&Attempt::password(name, None));
        }
        assert_eq!(throttle.wait(&Attempt::password("aNn", None)), Some(1));
    }

    #[test]
    fn names_that_no_user_can_have_push_no_counter_out() {
        let (throttle, _) = throttle();
        (0..5).for_each(|_| throttle.failed(&from("ann", "192.0.2.1")));
        for number in 0..200 {
            throttle.failed(&from(&format!("robot${number}:x"), "192.0.2.1"));
            throttle.failed(&from(&format!("{number} {}", "x".repeat(300)), "192.0.2.1"));
        }
        throttle.accounts.run_pending_tasks();
        assert_eq!(throttle.accounts.entry_count(), 1, "ann alone");
        assert_eq!(throttle.wait(&from("ann", "203.0.113.1")), Some(1));
    }
}
