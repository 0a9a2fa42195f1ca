//! When tokens were used last, gathered and written in batches: a sign-in
//! writes nothing.

use std::collections::HashMap;

use parking_lot::Mutex;
use store::{AccountStore, CredentialId, StoreError, Timestamp};

/// Tokens whose use is noted at once; more are passed over until the next batch.
const MAX_NOTED: usize = 20_000;
/// Steps of this length are precise enough.
const STEP_MILLIS: i64 = 60_000;

/// Uses that are not written yet.
#[derive(Default)]
pub(super) struct Uses {
    noted: Mutex<HashMap<CredentialId, Timestamp>>,
    /// What was written last, so that a token in steady use is written once a minute.
    written: Mutex<HashMap<CredentialId, i64>>,
}

impl Uses {
    pub(super) fn note(&self, id: CredentialId, at: Timestamp) {
        if self.written.lock().get(&id) == Some(&(at.millis() / STEP_MILLIS)) {
            return;
        }
        let mut noted = self.noted.lock();
        if noted.len() < MAX_NOTED || noted.contains_key(&id) {
            noted.insert(id, at);
        }
    }

    /// Writes what was gathered; what cannot be written is gathered again.
    pub(super) async fn flush(&self, store: &dyn AccountStore) -> Result<(), StoreError> {
        let noted = std::mem::take(&mut *self.noted.lock());
        if noted.is_empty() {
            return Ok(());
        }
        let uses: Vec<_> = noted.iter().map(|(id, at)| (*id, *at)).collect();
        let result = store.note_use(uses).await;
        let mut written = self.written.lock();
        if result.is_ok() {
            if written.len() >= MAX_NOTED {
                written.clear();
            }
            written.extend(noted.iter().map(|(id, at)| (*id, at.millis() / STEP_MILLIS)));
        } else {
            let mut again = self.noted.lock();
            for (id, at) in noted {
                again.entry(id).or_insert(at);
            }
        }
        result
    }
}
