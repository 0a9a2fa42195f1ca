//! Duties whose store fails in the middle, at every call there is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use metastore::Sqlite;
use oci::{Digest, Tag};
use store::{ImportBatch, ImportStore, Page, SettingsStore, StoreError, UnverifiedBlob};
use workers::import::{self, Import, NeedsImport, needs_import};
use workers::{Shutdown, Silent, WorkError};

use crate::house::{House, image};
use crate::import::everything;
use crate::plant::{self, Plant};

/// Fails one call, by number, and passes all others on.
struct Failing {
    inner: Arc<Sqlite>,
    calls: AtomicU32,
    at: u32,
}

impl Failing {
    fn pass(&self) -> Result<(), StoreError> {
        match self.calls.fetch_add(1, Ordering::Relaxed) == self.at {
            true => Err(StoreError::Full("no space left".to_owned())),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl ImportStore for Failing {
    async fn import(&self, batch: ImportBatch) -> Result<Vec<Tag>, StoreError> {
        self.pass()?;
        self.inner.import(batch).await
    }
    async fn unverified(&self, page: Page<Digest>) -> Result<Vec<UnverifiedBlob>, StoreError> {
        self.pass()?;
        self.inner.unverified(page).await
    }
    async fn unverified_total(&self) -> Result<(u64, u64), StoreError> {
        self.pass()?;
        self.inner.unverified_total().await
    }
    async fn note_verified(&self, results: Vec<(Digest, bool)>) -> Result<(), StoreError> {
        self.pass()?;
        self.inner.note_verified(results).await
    }
}

#[async_trait]
impl SettingsStore for Failing {
    async fn setting(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.pass()?;
        self.inner.setting(key).await
    }
    async fn set_setting(&self, key: &str, value: Vec<u8>) -> Result<(), StoreError> {
        self.pass()?;
        self.inner.set_setting(key, value).await
    }
    async fn setting_or_insert(&self, key: &str, value: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        self.pass()?;
        self.inner.setting_or_insert(key, value).await
    }
    async fn ping(&self) -> Result<(), StoreError> {
        self.pass()?;
        self.inner.ping().await
    }
}

fn planted() -> House {
    let house = House::new();
    plant::debian(house.root());
    let plant = Plant::new(house.root());
    for repository in ["a", "b/c", "z"] {
        plant.layer(repository, b"c");
        plant.tagged(repository, &image(b"c", &[]), &["v1"]);
    }
    house
}

#[tokio::test]
async fn an_import_that_fails_at_any_call_is_finished_by_the_next() {
    let whole = planted();
    import::run(&whole.import(), &Silent, &Shutdown::never()).await.unwrap();
    let expected = everything(&whole).await;
    let mut failures = 0;
    for at in 0.. {
        let house = planted();
        let failing = Failing { inner: house.meta.clone(), calls: AtomicU32::new(0), at };
        let failing = Arc::new(failing);
        let import = Import { store: failing.clone(), settings: failing.clone(), ..house.import() };
        let Err(error) = import::run(&import, &Silent, &Shutdown::never()).await else { break };
        assert!(matches!(error, WorkError::Store(StoreError::Full(_))), "{error}");
        failures += 1;
        import::run(&house.import(), &Silent, &Shutdown::never()).await.unwrap();
        assert_eq!(everything(&house).await, expected, "after call {at} failed");
        let needs = needs_import(house.tree.as_ref(), house.meta.as_ref()).await.unwrap();
        assert_eq!(needs, NeedsImport::UpToDate);
    }
    // One batch per repository, the cursor, the stamp.
    assert!(failures >= 7, "{failures}");
}
