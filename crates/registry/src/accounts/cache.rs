//! What is known about accounts and tokens, for a few seconds.
//!
//! Each request asks whether its account may still do anything. The answer
//! comes from here, at most [`session_check`](super::AccountSettings) old, and
//! from the store at once after a change of which this process knows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use store::{
    AccountId, AccountKind, AccountRecord, AccountStore, Clock, CredentialId, CredentialRecord,
    StoreError,
};

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
    /// Rises when everything read before is void. What is read while it rises
    /// is void as well: it is noted before the reading.
    generation: AtomicU64,
    names: Cache<(AccountKind, Box<str>), Seen<AccountRecord>>,
    numbers: Cache<AccountId, Seen<AccountRecord>>,
    hashes: Cache<[u8; 32], Seen<(CredentialRecord, AccountRecord)>>,
    tokens: Cache<CredentialId, Seen<CredentialRecord>>,
}

impl Known {
    pub(super) fn new(
        store: Arc<dyn AccountStore>,
        clock: Arc<dyn Clock>,
        session_check: Duration,
    ) -> Self {
        Self {
            store,
            clock,
            session_check,
            generation: AtomicU64::new(0),
            names: Cache::new(MAX_KNOWN),
            numbers: Cache::new(MAX_KNOWN),
            hashes: Cache::new(MAX_KNOWN),
            tokens: Cache::new(MAX_KNOWN),
        }
    }

    /// Everything is read again.
    pub(super) fn forget(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.names.invalidate_all();
        self.numbers.invalidate_all();
        self.hashes.invalidate_all();
        self.tokens.invalidate_all();
    }

    pub(super) async fn account(
        &self,
        kind: AccountKind,
        name: &str,
    ) -> Result<Option<Arc<AccountRecord>>, StoreError> {
        let read = self.store.account(kind, name);
        self.look_up(&self.names, (kind, name.into()), read).await
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

    /// What is in `cache`, if it is young enough, else what `read` gives.
    /// Absence is not remembered: a new account can sign in at once.
    async fn look_up<K, T>(
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
        if let Some(seen) = cache.get(&key) {
            let is_young = now.saturating_sub(seen.at) < self.session_check;
            if is_young && seen.generation == generation {
                return Ok(Some(seen.what));
            }
        }
        let Some(found) = read.await? else {
            cache.invalidate(&key);
            return Ok(None);
        };
        let what = Arc::new(found);
        cache.insert(key, Seen { what: what.clone(), at: now, generation });
        Ok(Some(what))
    }
}
