//! Where things lie.

use std::os::unix::fs::PermissionsExt;

use bytes::Bytes;
use oci::ByteRange;
use store::{BlobStore, StoreError};
use tempfile::TempDir;

use super::{id, open, sha256, slot};
use crate::{Files, FilesOptions};

const BYTES: &[u8] = b"hello world";
const PLACE: &str = "docker/registry/v2/blobs/sha256/b9/\
    b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";

#[tokio::test]
async fn a_blob_lies_where_the_original_looks_for_it() {
    let root = TempDir::new().unwrap();
    let files = open(&root);
    let key = files.put(&slot(BYTES, "one"), Bytes::from_static(BYTES)).await.unwrap();
    assert_eq!(key.as_str(), format!("{PLACE}/data"));
    let path = root.path().join(key.as_str());
    assert_eq!(std::fs::read(&path).unwrap(), BYTES);
    let fresh = root.path().join("fresh");
    std::fs::write(&fresh, "").unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&path), mode(&fresh), "as the umask says");
}

#[tokio::test]
async fn a_file_that_lies_at_the_place_is_never_replaced() {
    let root = TempDir::new().unwrap();
    let files = open(&root);
    std::fs::create_dir_all(root.path().join(PLACE)).unwrap();
    std::fs::write(root.path().join(PLACE).join("data"), "somebody else's").unwrap();

    let put = files.put(&slot(BYTES, "one"), Bytes::from_static(BYTES)).await.unwrap();
    let mut staged = files.stage(&id("two"), sha256()).await.unwrap();
    staged.append(Bytes::from_static(BYTES)).await.unwrap();
    let published = staged.publish(&slot(BYTES, "two")).await.unwrap();

    assert_eq!(put.as_str(), format!("{PLACE}/data.one"));
    assert_eq!(published.as_str(), format!("{PLACE}/data.two"));
    let kept = std::fs::read_to_string(root.path().join(PLACE).join("data")).unwrap();
    assert_eq!(kept, "somebody else's");
}

#[tokio::test]
async fn an_unpublished_upload_is_not_in_the_tree_of_blobs() {
    let root = TempDir::new().unwrap();
    let files = open(&root);
    let mut staged = files.stage(&id("open"), sha256()).await.unwrap();
    staged.append(Bytes::from_static(BYTES)).await.unwrap();
    staged.checkpoint(true).await.unwrap();
    assert_eq!(std::fs::read(root.path().join("berth/staging/open")).unwrap(), BYTES);
    let blobs = root.path().join("docker/registry/v2/blobs/sha256");
    assert_eq!(std::fs::read_dir(blobs).unwrap().count(), 0);
}

#[tokio::test]
async fn the_last_blob_of_a_digest_takes_its_directory_along() {
    let root = TempDir::new().unwrap();
    let files = open(&root);
    let first = files.put(&slot(BYTES, "one"), Bytes::from_static(BYTES)).await.unwrap();
    let second = files.put(&slot(BYTES, "two"), Bytes::from_static(BYTES)).await.unwrap();
    files.delete(&first).await.unwrap();
    assert!(root.path().join(second.as_str()).exists());
    files.delete(&second).await.unwrap();
    assert!(!root.path().join(PLACE).exists());
}

#[tokio::test]
async fn a_key_with_dots_reaches_no_file_outside() {
    let root = TempDir::new().unwrap();
    let files = open(&root);
    std::fs::write(root.path().join("secret"), "secret").unwrap();
    let key = store::BlobKey::new("docker/registry/v2/blobs/../../../../secret");
    let range = ByteRange { start: 0, end_inclusive: 0 };
    assert!(matches!(files.read(&key, range).await, Err(StoreError::Damaged(_))));
    assert!(matches!(files.delete(&key).await, Err(StoreError::Damaged(_))));
    assert!(root.path().join("secret").exists());
}

#[test]
fn staging_on_another_file_system_is_refused_with_a_way_out() {
    use std::os::unix::fs::MetadataExt;
    let (root, other) = (TempDir::new().unwrap(), TempDir::new_in("/dev/shm"));
    let Ok(other) = other else { return };
    let device = |path: &std::path::Path| std::fs::metadata(path).unwrap().dev();
    if device(root.path()) == device(other.path()) {
        return;
    }
    let options =
        FilesOptions { staging: other.path().join("staging"), ..FilesOptions::new(root.path()) };
    let error = Files::open(options).unwrap_err().to_string();
    assert!(error.contains("same file system"), "{error}");
}
