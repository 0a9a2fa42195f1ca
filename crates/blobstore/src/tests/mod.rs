//! What only one adapter can show. Files: the tree, damage done behind the
//! store's back, a full disk, and the suite with and without direct writes.
//! Buckets: calls per blob, and the suite in memory and against real servers.

mod buckets;
mod cached;
mod disk;
mod tree;

use std::sync::Arc;

use oci::{Algorithm, Digest, Hasher};
use store::{BlobSlot, StagingId};
use tempfile::TempDir;

use crate::{DirectIo, Files, FilesOptions};

fn open(root: &TempDir) -> Arc<Files> {
    Files::open(FilesOptions::new(root.path())).unwrap()
}

fn id(text: &str) -> StagingId {
    StagingId::parse(text).unwrap()
}

fn slot(bytes: &[u8], unique: &str) -> BlobSlot {
    BlobSlot { sha256: Digest::sha256(bytes), unique: id(unique), own_place: true }
}

fn sha256() -> Vec<Hasher> {
    vec![Hasher::new(Algorithm::Sha256)]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_with_direct_writes_keep_the_contract() {
    let root = TempDir::new().unwrap();
    crate::conformance::all(open(&root)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_through_the_page_cache_keep_the_contract() {
    let root = TempDir::new().unwrap();
    let options = FilesOptions { direct: DirectIo::Off, ..FilesOptions::new(root.path()) };
    crate::conformance::all(Files::open(options).unwrap()).await;
}

#[tokio::test]
async fn files_on_a_single_thread_with_one_buffer_keep_the_contract() {
    let root = TempDir::new().unwrap();
    let options = FilesOptions { buffers: 1, ..FilesOptions::new(root.path()) };
    crate::conformance::all(Files::open(options).unwrap()).await;
}
