//! What the contract does not say: groups, crashes, full disks, plans.

use std::sync::Arc;

use bytes::Bytes;
use oci::{Digest, MediaType, Reference, RepositoryName, Role, Tag};
use store::{NewManifest, PutManifest, StoreError, Timestamp};
use tempfile::TempDir;

use super::{OpenOptions, Sqlite};

mod crash;
mod crowds;
mod files;
mod full;
mod groups;
mod lives;
mod plans;
mod waking;

/// A store on a directory that goes with it.
struct Temporary {
    store: Arc<Sqlite>,
    directory: TempDir,
}

impl Temporary {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        Self { store: open(&directory), directory }
    }

    /// Closes the store and opens it again.
    fn reopen(&mut self) {
        self.store.close();
        self.store = open(&self.directory);
    }
}

fn open(directory: &TempDir) -> Arc<Sqlite> {
    try_open(directory).unwrap()
}

fn try_open(directory: &TempDir) -> Result<Arc<Sqlite>, StoreError> {
    Sqlite::open(OpenOptions { path: directory.path().join("berth"), synchronous_off: true })
}

fn repository(name: &str) -> RepositoryName {
    RepositoryName::parse(name).unwrap()
}

fn by_tag(name: &str) -> Reference {
    Reference::Tag(Tag::parse(name).unwrap())
}

fn sha256(content: &str) -> Digest {
    Digest::sha256(content.as_bytes())
}

/// A push to repository `a` of a manifest with these bytes.
fn push(content: &str, references: &[(Role, Digest)], tags: &[&str]) -> PutManifest {
    let manifest = NewManifest {
        sha256: sha256(content),
        sha512: None,
        media_type: MediaType::parse(MediaType::OCI_MANIFEST).unwrap(),
        bytes: Bytes::copy_from_slice(content.as_bytes()),
        references: references.to_vec(),
        subject: None,
        artifact_type: None,
        annotations: None,
    };
    PutManifest {
        repository: repository("a"),
        tag_digest: manifest.sha256,
        asks_taken: false,
        manifest,
        tags: tags.iter().map(|name| Tag::parse(name).unwrap()).collect(),
        actor: Some("ann".into()),
        at: Timestamp::from_millis(1000),
    }
}

#[tokio::test]
async fn sqlite_keeps_the_contract() {
    let kept = parking_lot::Mutex::new(Vec::new());
    crate::conformance::all(async || {
        let fresh = Temporary::new();
        let store = Arc::clone(&fresh.store);
        kept.lock().push(fresh);
        store
    })
    .await;
}
