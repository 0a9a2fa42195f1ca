//! Keeping the bad out: how much one address or one user may ask for.
//!
//! Off unless the operator sets limits. The memory for it is bounded: when it
//! is full of clients that still count, it begins anew and lets more through
//! for a moment rather than fewer.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::HeaderName;
use http::header::RETRY_AFTER;
use oci::ErrorCode;
use parking_lot::Mutex;
use registry::access::Caller;
use store::Clock;

use crate::answer::Answer;
use crate::failure::Failure;

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const SOURCE: HeaderName = HeaderName::from_static("docker-ratelimit-source");

/// Addresses or users remembered at once.
const MAX_KEYS: usize = 100_000;
/// How many seconds' worth of requests may come at once.
const BURST: u32 = 5;

/// How many manifests may be pulled within a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PullLimit {
    /// At most so many, from 1.
    pub pulls: u32,
    /// Counted from the first of them.
    pub window: Duration,
}

/// Bounds of what one client may ask for. None of them by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RateLimits {
    /// Of manifests, for each address whose callers do not sign in.
    pub anonymous_pulls: Option<PullLimit>,
    /// Of manifests, for each user and robot.
    pub signed_in_pulls: Option<PullLimit>,
    /// Of requests, for each address and for each user and robot, in the long
    /// run; bursts may have five seconds' worth.
    pub requests_per_second: Option<u32>,
}

/// Counts what clients ask for.
pub struct Guard {
    limits: RateLimits,
    clock: Arc<dyn Clock>,
    pulls: Mutex<HashMap<Source, Window>>,
    requests: Requests<IpAddr>,
    /// Apart from the addresses: no flood from many of these makes room here.
    requests_of: Requests<String>,
    told_about_proxies: AtomicBool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Source {
    Address(IpAddr),
    Name(String),
}

#[derive(Debug, Clone, Copy)]
struct Window {
    ends: Duration,
    pulls: u32,
}

/// What a pull leaves, for the headers that tools know from Docker Hub.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    limit: PullLimit,
    remaining: u32,
    source: String,
}

impl Guard {
    /// Keeps to `limits`.
    pub fn new(limits: RateLimits, clock: Arc<dyn Clock>) -> Self {
        Self {
            limits,
            clock,
            pulls: Mutex::default(),
            requests: Requests::default(),
            requests_of: Requests::default(),
            told_about_proxies: AtomicBool::new(false),
        }
    }

    /// Counts a request from `address`.
    pub(crate) fn request(&self, address: Option<IpAddr>) -> Result<(), Failure> {
        match (self.limits.requests_per_second, address) {
            (Some(rate), Some(address)) => {
                self.requests.count(client(address), rate, self.clock.elapsed())
            }
            _ => Ok(()),
        }
    }

    /// Counts a request of somebody known, from wherever it came.
    pub(crate) fn request_of(&self, caller: &Caller) -> Result<(), Failure> {
        match (self.limits.requests_per_second, caller.name()) {
            (Some(rate), Some(name)) => {
                self.requests_of.count(name.to_owned(), rate, self.clock.elapsed())
            }
            _ => Ok(()),
        }
    }

    /// Counts a pull of a manifest, or with `peek` only looks. `None` where
    /// nothing is limited.
    pub(crate) fn pull(
        &self,
        caller: &Caller,
        address: impl FnOnce() -> Option<IpAddr>,
        peek: bool,
    ) -> Result<Option<Allowance>, Failure> {
        let limit = match caller.is_anonymous() {
            true => self.limits.anonymous_pulls,
            false => self.limits.signed_in_pulls,
        };
        let Some(limit) = limit else { return Ok(None) };
        let source = match caller.name() {
            Some(name) => Source::Name(name.to_owned()),
            // A local socket whose proxy says nothing has one client: the proxy.
            None => Source::Address(client(address().unwrap_or(Ipv6Addr::UNSPECIFIED.into()))),
        };
        let now = self.clock.elapsed();
        let mut pulls = self.pulls.lock();
        make_room(&mut pulls, |window| window.ends > now);
        let fresh = Window { ends: now + limit.window, pulls: 0 };
        let window = pulls.entry(source.clone()).or_insert(fresh);
        if window.ends <= now {
            *window = fresh;
        }
        if !peek {
            if window.pulls >= limit.pulls {
                let left = window.ends.saturating_sub(now);
                let allowance = Allowance { limit, remaining: 0, source: source.to_string() };
                return Err(allowance.on_failure(too_many("pulls", left)));
            }
            window.pulls += 1;
        }
        let remaining = limit.pulls.saturating_sub(window.pulls);
        Ok(Some(Allowance { limit, remaining, source: source.to_string() }))
    }

    /// Says once how to declare a proxy; `forwards` looks whether the request
    /// came through one.
    pub(crate) fn stranger(&self, forwards: impl FnOnce() -> Option<IpAddr>) {
        if self.told_about_proxies.load(Ordering::Relaxed) {
            return;
        }
        if let Some(proxy) = forwards()
            && !self.told_about_proxies.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(
                %proxy,
                "a forwarded header was ignored, as this address is not a declared proxy; if it is \
                 yours, add it to berth.http.trusted_proxies (this is said once)"
            );
        }
    }
}

/// When each of them would have used up what it asked for so far.
struct Requests<K>(Mutex<HashMap<K, Duration>>);

impl<K> Default for Requests<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq> Requests<K> {
    /// One more of `who`, who may have `rate` in a second.
    fn count(&self, who: K, rate: u32, now: Duration) -> Result<(), Failure> {
        let each = Duration::from_secs(1) / rate.max(1);
        let mut requests = self.0.lock();
        make_room(&mut requests, |paid| *paid > now);
        let paid = requests.entry(who).or_insert(now);
        let next = (*paid).max(now) + each;
        let ahead = next.saturating_sub(now);
        let allowed = each * rate.max(1) * BURST;
        if ahead > allowed {
            return Err(too_many("requests", ahead.saturating_sub(allowed)));
        }
        *paid = next;
        Ok(())
    }
}

impl Allowance {
    fn headers(&self) -> [(HeaderName, String); 3] {
        let seconds = self.limit.window.as_secs();
        [
            (LIMIT, format!("{};w={seconds}", self.limit.pulls)),
            (REMAINING, format!("{};w={seconds}", self.remaining)),
            (SOURCE, self.source.clone()),
        ]
    }

    /// Tells the client.
    pub(crate) fn on(&self, answer: Answer) -> Answer {
        self.headers().into_iter().fold(answer, |answer, (name, value)| answer.text(name, value))
    }

    fn on_failure(&self, failure: Failure) -> Failure {
        self.headers().into_iter().fold(failure, |failure, (name, value)| failure.with(name, value))
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// Whoever has one IPv6 address has the 2^64 beside it as well.
fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(network.into())
        }
        address => address,
    }
}

fn make_room<K: Hash + Eq, V>(entries: &mut HashMap<K, V>, mut counts: impl FnMut(&V) -> bool) {
    if entries.len() < MAX_KEYS {
        return;
    }
    entries.retain(|_, entry| counts(entry));
    // Room for one more would mean looking at all of them again next time.
    if entries.len() > MAX_KEYS / 4 * 3 {
        entries.clear();
    }
}

fn too_many(what: &str, wait: Duration) -> Failure {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let text = format!("too many {what}, try again in {seconds} s");
    Failure::new(http::StatusCode::TOO_MANY_REQUESTS, ErrorCode::TooManyRequests, text)
        .with(RETRY_AFTER, seconds.max(1).to_string())
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard").field("limits", &self.limits).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use store::SystemClock;

    use super::*;

    fn guard(limits: RateLimits) -> Guard {
        Guard::new(limits, Arc::new(SystemClock::new()))
    }

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn a_window_has_so_many_pulls_for_each_and_no_more() {
        let limit = PullLimit { pulls: 2, window: Duration::from_secs(21_600) };
        let guard = guard(RateLimits { anonymous_pulls: Some(limit), ..RateLimits::default() });
        let pull = |from: &'static str| {
            guard
                .pull(&Caller::anonymous(), || address(from), false)
                .map(|it| it.unwrap().remaining)
        };
        assert_eq!(pull("192.0.2.1").unwrap(), 1);
        assert_eq!(pull("192.0.2.1").unwrap(), 0);
        let refused = pull("192.0.2.1").unwrap_err();
        assert_eq!(refused.status, http::StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refused.headers[RETRY_AFTER], "21600");
        assert_eq!(refused.headers[LIMIT], "2;w=21600");
        assert_eq!(pull("192.0.2.2").unwrap(), 1, "others are not concerned");
        assert_eq!(pull("2001:db8::1").unwrap(), 1);
        assert_eq!(pull("2001:db8::2").unwrap(), 0, "one network is one client");
        assert_eq!(guard.pull(&Caller::user("ann"), || None, false).unwrap(), None);
    }

    #[test]
    fn to_look_costs_nothing() {
        let limit = PullLimit { pulls: 1, window: Duration::from_secs(60) };
        let guard = guard(RateLimits { signed_in_pulls: Some(limit), ..RateLimits::default() });
        for _ in 0..3 {
            let seen = guard.pull(&Caller::user("ann"), || None, true).unwrap().unwrap();
            assert_eq!((seen.remaining, seen.source.as_str()), (1, "ann"));
        }
    }

    #[test]
    fn a_flood_of_requests_is_told_to_wait() {
        let guard = guard(RateLimits { requests_per_second: Some(2), ..RateLimits::default() });
        let from = address("192.0.2.1");
        let passed = (0..100).take_while(|_| guard.request(from).is_ok()).count();
        assert!((10..=12).contains(&passed), "{passed}");
        assert!(guard.request(from).unwrap_err().headers.contains_key(RETRY_AFTER));
        assert!(guard.request(address("192.0.2.2")).is_ok());
        assert!(guard.request(None).is_ok());
    }

    #[test]
    fn a_user_has_so_many_requests_from_all_addresses_together() {
        let guard = guard(RateLimits { requests_per_second: Some(2), ..RateLimits::default() });
        let ann = Caller::user("ann");
        let passed = (0..100).take_while(|_| guard.request_of(&ann).is_ok()).count();
        assert!((10..=12).contains(&passed), "{passed}");
        let refused = guard.request_of(&ann).unwrap_err();
        assert_eq!(refused.status, http::StatusCode::TOO_MANY_REQUESTS);
        assert!(refused.headers.contains_key(RETRY_AFTER));
        assert!(guard.request_of(&Caller::user("bob")).is_ok());
        for _ in 0..100 {
            assert!(guard.request_of(&Caller::anonymous()).is_ok(), "their addresses are counted");
        }
    }

    #[test]
    fn the_memory_of_addresses_is_bounded() {
        let mut entries: HashMap<usize, bool> = (0..MAX_KEYS).map(|i| (i, i % 2 == 0)).collect();
        make_room(&mut entries, |counts| *counts);
        assert_eq!(entries.len(), MAX_KEYS / 2);
        let mut entries: HashMap<usize, bool> = (0..MAX_KEYS).map(|i| (i, true)).collect();
        make_room(&mut entries, |counts| *counts);
        assert!(entries.is_empty());
    }
}
