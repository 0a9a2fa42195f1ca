//! What is known about accounts and tokens, for a few seconds.
//!
//! Each request asks whether its account may still do anything. The answer
//! comes from here, at most [`session_check`](super::AccountSettings) old, and
//! from the store at once after a change of which this process knows.
//!
//! If the operator wants that, what was known last counts while the store is
//! away, for a stated time after the store was heard to agree. That it says no,
//! or that nothing is known, is never overruled.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use parking_lot::Mutex;
use store::{
    AccountId, AccountKind, AccountRecord, AccountStore, Clock, CredentialId, CredentialRecord,
    StoreError,
};

use crate::pull::is_away;

/// Accounts and tokens that are remembered at once.
const MAX_KNOWN: u64 = 50_000;

/// Something that was read at some time.
struct Seen<T> {
    what: Arc<T>,
    at: Duration,
    generation: u64,
}

impl<T> Clone for Seen<T> {
    fn clone(&self) -> Self {
        Self { what: self.what.clone(), at: self.at, generation: self.generation }
    }
}

/// Accounts and tokens as they were a moment ago.
pub(super) struct Known {
    store: Arc<dyn AccountStore>,
    clock: Arc<dyn Clock>,
    session_check: Duration,
    /// How long what is known counts while the store is away; zero: not at all.
    stale_reads: Duration,
    /// When the store said last that nothing has changed, in milliseconds of the
    /// clock that never goes back.
    confirmed: AtomicU64,
    /// Whether anything was answered from memory since then.
    is_away: AtomicBool,
    /// Rises when everything read before is void. What is read while it rises
    /// is void as well: it is noted before the reading.
    generation: AtomicU64,
    /// Rises when that happens to what was answered from memory.
    overtaken: AtomicU64,
    names: Cache<(AccountKind, Box<str>), Seen<AccountRecord>>,
    /// Somebody who was found.
    found: Mutex<Option<(AccountKind, Box<str>)>>,
    numbers: Cache<AccountId, Seen<AccountRecord>>,
    hashes: Cache<[u8; 32], Seen<(CredentialRecord, AccountRecord)>>,
    tokens: Cache<CredentialId, Seen<CredentialRecord>>,
}

impl Known {
    pub(super) fn new(
        store: Arc<dyn AccountStore>,
        clock: Arc<dyn Clock>,
        session_check: Duration,
        stale_reads: Duration,
    ) -> Self {
        Self {
            store,
            clock,
            session_check,
            stale_reads,
            confirmed: AtomicU64::new(0),
            is_away: AtomicBool::new(false),
            generation: AtomicU64::new(0),
            overtaken: AtomicU64::new(0),
            names: Cache::new(MAX_KNOWN),
            found: Mutex::default(),
            numbers: Cache::new(MAX_KNOWN),
            hashes: Cache::new(MAX_KNOWN),
            tokens: Cache::new(MAX_KNOWN),
        }
    }

    /// Everything is read again.
    pub(super) fn forget(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        if self.is_away() {
            self.overtaken.fetch_add(1, Ordering::SeqCst);
        }
        self.names.invalidate_all();
        self.numbers.invalidate_all();
        self.hashes.invalidate_all();
        self.tokens.invalidate_all();
    }

    /// The store said, when it was asked at `at`, that nothing has changed.
    pub(super) fn confirm(&self, at: Duration) {
        let millis = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        self.confirmed.fetch_max(millis, Ordering::SeqCst);
        self.is_away.store(false, Ordering::SeqCst);
    }

    /// Whether the store was away when it was asked last, so that what was
    /// answered may be untrue by now.
    pub(super) fn is_away(&self) -> bool {
        self.is_away.load(Ordering::SeqCst)
    }

    /// How often what was answered from memory turned out to be untrue.
    pub(super) fn overtaken(&self) -> u64 {
        self.overtaken.load(Ordering::SeqCst)
    }

    /// Whether what is known may count after this answer of the store.
    pub(super) fn may_go_on(&self, after: &StoreError) -> bool {
        !self.stale_reads.is_zero() && is_away(after)
    }

    /// The account as it was known when the store went away.
    pub(super) fn last_account(
        &self,
        kind: AccountKind,
        name: &str,
        after: &StoreError,
    ) -> Option<Arc<AccountRecord>> {
        self.last(&self.names, &(kind, name.into()), after)
    }

    pub(super) async fn account(
        &self,
        kind: AccountKind,
        name: &str,
    ) -> Result<Option<Arc<AccountRecord>>, StoreError> {
        let read = self.store.account(kind, name);
        self.look_up(&self.names, (kind, name.into()), read).await
    }

    /// The account as it was a moment ago, if that is remembered.
    pub(super) fn recent_account(
        &self,
        kind: AccountKind,
        name: &str,
    ) -> Option<Arc<AccountRecord>> {
        self.recent(&self.names, &(kind, name.into()))
    }

    /// The account as it is: one question to the store, for those that are
    /// remembered as for those that are not there.
    pub(super) async fn account_now(
        &self,
        kind: AccountKind,
        name: &str,
    ) -> Result<Option<Arc<AccountRecord>>, StoreError> {
        let read = self.store.account(kind, name);
        let found = self.read(&self.names, (kind, name.into()), read).await?;
        if found.is_some() {
            *self.found.lock() = Some((kind, name.into()));
        }
        Ok(found)
    }

    /// After a question to the store that found somebody one that finds nobody,
    /// and the other way round: both together take as long for every name.
    pub(super) async fn ask_the_other_way(&self, kind: AccountKind, has_found: bool) {
        // Nobody can have that name.
        let nobody = || (kind, "".into());
        let somebody = self.found.lock().clone().filter(|_| !has_found);
        let (kind, name) = somebody.unwrap_or_else(nobody);
        // As those who ask for an account do, first from memory.
        drop(self.recent_account(kind, &name));
        let _ = self.account_now(kind, &name).await;
    }

    pub(super) async fn account_by_id(
        &self,
        id: AccountId,
    ) -> Result<Option<Arc<AccountRecord>>, StoreError> {
        self.look_up(&self.numbers, id, self.store.account_by_id(id)).await
    }

    pub(super) async fn credential(
        &self,
        hash: [u8; 32],
    ) -> Result<Option<Arc<(CredentialRecord, AccountRecord)>>, StoreError> {
        self.look_up(&self.hashes, hash, self.store.credential(&hash)).await
    }

    pub(super) async fn credential_by_id(
        &self,
        id: CredentialId,
    ) -> Result<Option<Arc<CredentialRecord>>, StoreError> {
        self.look_up(&self.tokens, id, self.store.credential_by_id(id)).await
    }

    /// What is in `cache`, if it is young enough, else what `read` gives, else
    /// what was known last. Absence is not remembered: a new account can sign in
    /// at once.
    async fn look_up<K, T>(
        &self,
        cache: &Cache<K, Seen<T>>,
        key: K,
        read: impl Future<Output = Result<Option<T>, StoreError>>,
    ) -> Result<Option<Arc<T>>, StoreError>
    where
        K: std::hash::Hash + Eq + Clone + Send + Sync + 'static,
        T: Send + Sync + 'static,
    {
        if let Some(what) = self.recent(cache, &key) {
            return Ok(Some(what));
        }
        match self.read(cache, key.clone(), read).await {
            Err(error) => self.last(cache, &key, &error).ok_or(error).map(Some),
            found => found,
        }
    }

    /// What is in `cache` and may count though the store is away.
    fn last<K, T>(&self, cache: &Cache<K, Seen<T>>, key: &K, after: &StoreError) -> Option<Arc<T>>
    where
        K: std::hash::Hash + Eq + Send + Sync + 'static,
        T: Send + Sync + 'static,
    {
        let seen = cache.get(key).filter(|_| self.may_go_on(after))?;
        let confirmed = Duration::from_millis(self.confirmed.load(Ordering::SeqCst));
        let heard = seen.at.max(confirmed);
        let is_young = self.clock.elapsed().saturating_sub(heard) <= self.stale_reads;
        // Before the generation is looked at: who forgets in between sees it.
        self.is_away.fetch_or(is_young, Ordering::SeqCst);
        let is_current = seen.generation == self.generation.load(Ordering::SeqCst);
        (is_young && is_current).then_some(seen.what)
    }

    /// What is in `cache`, if it is young enough.
    fn recent<K, T>(&self, cache: &Cache<K, Seen<T>>, key: &K) -> Option<Arc<T>>
    where
        K: std::hash::Hash + Eq + Send + Sync + 'static,
        T: Send + Sync + 'static,
    {
        let seen = cache.get(key)?;
        let is_young = self.clock.elapsed().saturating_sub(seen.at) < self.session_check;
        let is_current = seen.generation == self.generation.load(Ordering::SeqCst);
        (is_young && is_current).then_some(seen.what)
    }

    /// What `read` gives, kept in `cache`.
    async fn read<K, T>(
        &self,
        cache: &Cache<K, Seen<T>>,
        key: K,
        read: impl Future<Output = Result<Option<T>, StoreError>>,
    ) -> Result<Option<Arc<T>>, StoreError>
    where
        K: std::hash::Hash + Eq + Send + Sync + 'static,
        T: Send + Sync + 'static,
    {
        let generation = self.generation.load(Ordering::SeqCst);
        let now = self.clock.elapsed();
        let Some(found) = read.await? else {
            cache.invalidate(&key);
            return Ok(None);
        };
        let what = Arc::new(found);
        cache.insert(key, Seen { what: what.clone(), at: now, generation });
        Ok(Some(what))
    }
}
